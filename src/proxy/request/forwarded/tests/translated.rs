//! Tests of the word of trusted proxies in other forms than theirs.

use super::*;

#[test]
fn what_is_said_in_one_form_is_told_in_the_others() {
    let as_rfc = "for=1.1.1.1;proto=https;host=\"app.example:8443\"";
    let (us, ours) = ("2001:db8::1", "for=\"[2001:db8::1]\";host=gw;proto=https");
    for (fields, sent, want) in [
        (
            &[XForwardedFor, XForwardedProto, XForwardedHost, XForwardedPort][..],
            &[("forwarded", as_rfc)][..],
            vec![
                format!("forwarded: {as_rfc}"),
                format!("x-forwarded-for: 1.1.1.1, {us}"),
                "x-forwarded-host: app.example:8443".into(),
                "x-forwarded-port: 8443".into(),
                "x-forwarded-proto: https".into(),
            ],
        ),
        // Each hop, and of the scheme and the host the peer's own word, where it is one.
        (
            &[XForwardedFor, XForwardedProto, XForwardedHost],
            &[("forwarded", "for=a, for=6.6.6.6;host=evil, for=\"[2001:db8::7]:1\";proto=http;host=\"a b\"")],
            vec![
                "forwarded: for=a, for=6.6.6.6;host=evil, for=\"[2001:db8::7]:1\";proto=http;host=\"a b\"".into(),
                format!("x-forwarded-for: 6.6.6.6, 2001:db8::7, {us}"),
                "x-forwarded-host: gw".into(),
                "x-forwarded-proto: http".into(),
            ],
        ),
        (
            &[Forwarded],
            &[
                ("x-forwarded-for", "6.6.6.6, 2001:db8::7"),
                ("x-forwarded-proto", "wss"),
                ("x-forwarded-host", "evil, app.example"),
                ("x-forwarded-port", "8443"),
            ],
            vec![
                format!(
                    "forwarded: for=6.6.6.6, for=\"[2001:db8::7]\";host=\"app.example:8443\";proto=https, {ours}"
                ),
                "x-forwarded-for: 6.6.6.6, 2001:db8::7".into(),
                "x-forwarded-host: evil, app.example".into(),
                "x-forwarded-port: 8443".into(),
                "x-forwarded-proto: wss".into(),
            ],
        ),
        (
            &[Forwarded],
            &[("x-forwarded-proto", "http")],
            vec![
                format!("forwarded: for=unknown;proto=http, {ours}"),
                "x-forwarded-proto: http".into(),
            ],
        ),
        (
            &[XForwardedFor, Forwarded],
            &[("x-real-ip", "1.1.1.1")],
            vec![
                format!("forwarded: for=1.1.1.1, {ours}"),
                format!("x-forwarded-for: 1.1.1.1, {us}"),
                "x-real-ip: 1.1.1.1".into(),
            ],
        ),
        // The client's own, where the proxy writes the other form.
        (
            &[XForwardedProto, XForwardedHost],
            &[("x-forwarded-for", "1.1.1.1"), ("forwarded", "proto=http;host=evil")],
            vec![
                                "x-forwarded-for: 1.1.1.1".into(),
                "x-forwarded-host: gw".into(),
                "x-forwarded-proto: https".into(),
            ],
        ),
        (
            &[Forwarded],
            &[("x-forwarded-prefix", "/outer")],
            vec![format!("forwarded: {ours}")],
        ),
    ] {
        assert_eq!(apply(fields, sent, true, "gw"), want, "{sent:?}");
    }
}

/// An AWS ALB adds to `X-Forwarded-For`, and hands on all else as its client has written it.
#[test]
fn what_is_not_believed_is_not_told_on() {
    let sent = [
        ("x-forwarded-for", "203.0.113.7"),
        ("forwarded", "for=6.6.6.6;host=evil.example;proto=http"),
        ("x-real-ip", "6.6.6.6"),
    ];
    assert_eq!(
        apply(&[], &sent, true, "gw"),
        ["x-forwarded-for: 203.0.113.7", "x-real-ip: 203.0.113.7"]
    );
    assert_eq!(
        apply(
            &[Forwarded],
            &[("x-forwarded-proto", "https"), sent[1]],
            true,
            "gw"
        ),
        [
            "forwarded: for=unknown;proto=https, for=\"[2001:db8::1]\";host=gw;proto=https",
            "x-forwarded-proto: https"
        ]
    );
}

/// RFC 7239 4: a name that a client chooses may stand there in quotes.
#[test]
fn what_is_quoted_is_not_an_address() {
    for forwarded in [
        "for=203.0.113.7;host=\"x,for=6.6.6.6\";proto=https",
        "proto=https;host=\"x;for=6.6.6.6\";for=203.0.113.7",
        "for=6.6.6.6;host=\"\\\",\", for=\"203.0.113.7:4000\"",
    ] {
        let lines = apply(&[XRealIp], &[("forwarded", forwarded)], true, "gw");
        assert!(
            lines.contains(&"x-real-ip: 203.0.113.7".to_owned()),
            "{lines:?}"
        );
    }
}

/// `::,` is an element of three bytes, and of thirteen in `Forwarded`.
#[test]
fn what_is_told_does_not_outgrow_what_came() {
    let long = "::,".repeat(8000);
    for (name, fields) in [("x-forwarded-for", &[Forwarded][..]), ("forwarded", ALL)] {
        let value = match name {
            "forwarded" => long.replace("::", "for=\"[::1]\""),
            _ => long.clone(),
        };
        let lines = apply(fields, &[(name, &value)], true, "gw");
        let told = lines.iter().map(String::len).sum::<usize>();
        assert!(told < value.len() + 2000, "{name}: {told}");
    }
}

#[test]
fn the_public_host_is_that_of_either_form() {
    for (name, value, want) in [
        (
            "x-forwarded-host",
            "evil.example, app.example",
            Some("app.example"),
        ),
        (
            "forwarded",
            "host=evil.example, for=1.1.1.1;host=app.example",
            Some("app.example"),
        ),
        ("forwarded", "for=1.1.1.1", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        let scan = HeaderScan::of(&headers);
        let outside =
            Forwarding::new(&[], "").apply(&mut headers, scan, None, Some(&TRUSTED[..]), None);
        let host = outside.and_then(|outside| outside.host);
        assert_eq!(host, want.map(HeaderValue::from_static), "{value}");
    }
}
