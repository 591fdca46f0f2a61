//! Tests of what is said about the client: fields that are set, kept, and added to.

mod translated;

use std::sync::LazyLock;

use ForwardingField::{
    Forwarded, XForwardedFor, XForwardedHost, XForwardedPort, XForwardedPrefix, XForwardedProto,
    XRealIp,
};

use super::*;

const ALL: &[ForwardingField] = &[
    XForwardedFor,
    XForwardedProto,
    XForwardedHost,
    XForwardedPort,
    XForwardedPrefix,
    XRealIp,
    Forwarded,
];

/// The networks of the peer and of other proxies.
static TRUSTED: LazyLock<[IpNet; 2]> =
    LazyLock::new(|| ["2001:db8::/32", "10.0.0.0/8"].map(|network| network.parse().unwrap()));

fn apply(
    fields: &[ForwardingField],
    sent: &[(&str, &str)],
    trusted: bool,
    host: &'static str,
) -> Vec<String> {
    let mut headers: HeaderMap = sent
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            )
        })
        .collect();
    let peer = Peer::new("[2001:db8::1]:4000".parse().unwrap()).secure(true);
    let trusted = trusted.then(|| &TRUSTED[..]);
    let host = HeaderValue::from_static(host);
    let scan = HeaderScan::of(&headers);
    Forwarding::new(fields, "/api").apply(&mut headers, scan, Some(&peer), trusted, Some(&host));
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
    lines
}

#[test]
fn every_field_says_what_the_proxy_knows() {
    assert_eq!(
        apply(ALL, &[], false, "app.example.com:8080"),
        [
            "forwarded: for=\"[2001:db8::1]\";host=\"app.example.com:8080\";proto=https",
            "x-forwarded-for: 2001:db8::1",
            "x-forwarded-host: app.example.com:8080",
            "x-forwarded-port: 8080",
            "x-forwarded-prefix: /api",
            "x-forwarded-proto: https",
            "x-real-ip: 2001:db8::1",
        ]
    );
}

#[test]
fn the_port_is_left_to_whoever_is_believed_of_the_rest() {
    let port = |sent: &[_], trusted| {
        let fields = [XForwardedProto, XForwardedHost, XForwardedPort];
        let lines = apply(&fields, sent, trusted, "app.example.com:8080");
        let port = lines
            .iter()
            .find(|line| line.starts_with("x-forwarded-port"));
        port.cloned().unwrap_or_default()
    };
    let proto = ("x-forwarded-proto", "http");
    assert_eq!(port(&[proto], true), "");
    assert_eq!(port(&[("x-forwarded-host", "other.example")], true), "");
    assert_eq!(
        port(&[proto, ("x-forwarded-port", "81")], true),
        "x-forwarded-port: 81"
    );
    assert_eq!(port(&[proto], false), "x-forwarded-port: 8080");
    assert_eq!(port(&[], true), "x-forwarded-port: 8080");
}

#[test]
fn a_strangers_claims_are_replaced_in_every_spelling() {
    let spoofed = [
        ("forwarded", "for=6.6.6.6"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "6.6.6.7"),
        ("x-forwarded-host", "evil"),
        ("x-forwarded-server", "evil"),
        ("x-forwarded-user", "root"),
        ("x-real-ip", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("x-forwarded_proto", "https"),
        ("x_real_ip", "6.6.6.6"),
        ("x-forward", "kept"),
        ("x-real-ipx", "kept"),
        ("form", "kept"),
    ];
    assert_eq!(
        apply(&[XForwardedFor], &spoofed, false, "a"),
        [
            "form: kept",
            "x-forward: kept",
            "x-forwarded-for: 2001:db8::1",
            "x-real-ipx: kept"
        ]
    );
}

#[test]
fn a_trusted_proxys_word_is_kept_and_added_to() {
    let sent = [
        ("forwarded", "for=203.0.113.7"),
        ("x-forwarded-for", "203.0.113.7, 10.0.0.1"),
        ("x-forwarded-for", "10.0.0.2"),
        ("x-forwarded-host", "public.example"),
        ("x-forwarded-port", "444"),
        ("x-forwarded-prefix", "/outer/"),
        ("x-forwarded-proto", "http"),
        ("x-real-ip", "203.0.113.7"),
        ("x_forwarded_for", "6.6.6.6"),
    ];
    assert_eq!(
        apply(ALL, &sent, true, "a"),
        [
            // Made anew of the others: beside them it may be the client's.
            "forwarded: for=203.0.113.7, for=10.0.0.1, for=10.0.0.2;host=\"public.example:444\";proto=http, \
             for=\"[2001:db8::1]\";host=a;proto=https",
            "x-forwarded-for: 203.0.113.7, 10.0.0.1, 10.0.0.2, 2001:db8::1",
            "x-forwarded-host: public.example",
            "x-forwarded-port: 444",
            "x-forwarded-prefix: /outer/api",
            "x-forwarded-proto: http",
            "x-real-ip: 203.0.113.7",
        ]
    );
}

#[test]
fn a_real_ip_is_the_client_that_is_believed() {
    let (listed, alone) = ("x-forwarded-for", "x-real-ip");
    for (name, trusted, sent, want) in [
        ("not said", true, &[(listed, "1.1.1.1")][..], "1.1.1.1"),
        (
            "the client's own",
            true,
            &[(listed, "1.1.1.1"), (alone, "6.6.6.6")],
            "1.1.1.1",
        ),
        (
            "before the client",
            true,
            &[(listed, "6.6.6.6, 1.1.1.1, 10.0.0.1")],
            "1.1.1.1",
        ),
        (
            "RFC 7239",
            true,
            &[("forwarded", "for=1.1.1.1"), (alone, "6.6.6.6")],
            "1.1.1.1",
        ),
        ("alone", true, &[(alone, "1.1.1.1")], "1.1.1.1"),
        ("not an address", true, &[(alone, "root")], "2001:db8::1"),
        (
            "two lines",
            true,
            &[(alone, "6.6.6.6"), (alone, "1.1.1.1")],
            "1.1.1.1",
        ),
        (
            "a stranger",
            false,
            &[(listed, "1.1.1.1"), (alone, "6.6.6.6")],
            "2001:db8::1",
        ),
    ] {
        // Whichever of the fields is written first.
        for fields in [[XForwardedFor, XRealIp], [XRealIp, XForwardedFor]] {
            let lines = apply(&fields, sent, trusted, "a");
            let found: Vec<_> = lines
                .iter()
                .filter(|line| line.starts_with(alone))
                .collect();
            assert_eq!(found, [&format!("x-real-ip: {want}")], "{name}");
        }
    }
}

#[test]
fn what_a_trusted_proxy_says_of_the_outside_is_kept_for_the_way_back() {
    for (name, trusted, prefix, want) in [
        ("trusted", true, "/outer", Some("/outer")),
        ("a slash", true, "/outer/", Some("/outer")),
        ("the root", true, "/", None),
        ("a stranger", false, "/outer", None),
        ("a host", true, "//evil.example", None),
        ("a host, behind a slash", true, "/a//evil.example", None),
        ("a backslash", true, "/\\evil.example", None),
        ("a list", true, "/a, /b", None),
        ("not a path", true, "outer", None),
        ("a query", true, "/a?b", None),
        ("climbing", true, "/a/../b", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_PREFIX, prefix.parse().unwrap());
        let scan = HeaderScan::of(&headers);
        let outside = Forwarding::new(&[XForwardedPrefix], "/api").apply(
            &mut headers,
            scan,
            None,
            trusted.then(|| &TRUSTED[..]),
            None,
        );
        let found = outside.and_then(|outside| outside.prefix);
        assert_eq!(found.as_deref(), want, "{name}");
    }
}

#[test]
fn a_prefix_that_is_not_believed_is_not_told_on() {
    for (name, sent, want) in [
        (
            "a prefix",
            &["/outer/"][..],
            "x-forwarded-prefix: /outer/api",
        ),
        ("the root", &["/"], "x-forwarded-prefix: /api"),
        ("nothing", &[""], "x-forwarded-prefix: /api"),
        ("a host", &["//evil.example"], "x-forwarded-prefix: /api"),
        ("not a path", &["outer"], "x-forwarded-prefix: /api"),
        ("a list", &["/a, /b"], "x-forwarded-prefix: /api"),
        ("two lines", &["/a", "/b"], "x-forwarded-prefix: /api"),
    ] {
        let sent: Vec<_> = sent.iter().map(|it| ("x-forwarded-prefix", *it)).collect();
        assert_eq!(
            apply(&[XForwardedPrefix], &sent, true, "a"),
            [want],
            "{name}"
        );
    }
}

/// A client that a trusted proxy does not check could make our element a part of its own.
#[test]
fn an_open_quote_does_not_take_in_what_is_added() {
    let ours = "for=\"[2001:db8::1]\";host=a;proto=https";
    for (sent, want) in [
        (&["for=1.1.1.1"][..], format!("for=1.1.1.1, {ours}")),
        (&["for=1.1.1.1, "], format!("for=1.1.1.1, {ours}")),
        (&["for=\"1.1.1.1"], ours.into()),
        (&["for=\"1.1.1.1\\\""], ours.into()),
        (&["for=1.1.1.1;host=\""], ours.into()),
        (
            &["for=\"1.1.1.1\\\\\""],
            format!("for=\"1.1.1.1\\\\\", {ours}"),
        ),
        (
            &["for=\"6.6.6.6", "for=1.1.1.1"],
            format!("for=1.1.1.1, {ours}"),
        ),
        (&["for=1.1.1.1", "for=\""], format!("for=1.1.1.1, {ours}")),
    ] {
        let sent: Vec<_> = sent.iter().map(|it| ("forwarded", *it)).collect();
        let want = format!("forwarded: {want}");
        assert_eq!(apply(&[Forwarded], &sent, true, "a"), [want], "{sent:?}");
    }
}

/// The upstream's paths lie below both prefixes. An upstream that is told of the outer one alone redirects to
/// `/outer/login`, which comes out as `/outer/app/outer/login`.
#[test]
fn a_trusted_prefix_is_told_on_where_it_is_that_of_the_paths_behind_it() {
    for (name, stripped, fields, sent, want) in [
        (
            "both",
            "/app",
            &[XForwardedPrefix][..],
            "/outer",
            Some("/outer/app"),
        ),
        (
            "ours is not told",
            "/app",
            &Forwarding::DEFAULT,
            "/outer",
            None,
        ),
        ("nothing is told", "/app", &[], "/outer", None),
        ("the root", "/app", &[], "/", None),
        (
            "nothing is stripped here",
            "",
            &[],
            "/outer",
            Some("/outer"),
        ),
        ("no host", "", &[], "//evil.example", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_PREFIX, sent.parse().unwrap());
        let scan = HeaderScan::of(&headers);
        let forwarding = Forwarding::new(fields, stripped);
        let outside = forwarding.apply(&mut headers, scan, None, Some(&TRUSTED[..]), None);
        let found = headers.get(X_FORWARDED_PREFIX);
        let found = found.and_then(|found| found.to_str().ok());
        assert_eq!(found, want, "{name}");
        // Told or not, the way back has it.
        let outer = outside.and_then(|outside| outside.prefix);
        assert_eq!(outer.is_some(), sent == "/outer", "{name}");
    }
}

#[test]
fn the_prefix_is_told_where_it_is_sent_or_where_there_is_none() {
    let told = |fields: &[ForwardingField], stripped| {
        let forwarding = Forwarding::new(fields, stripped);
        forwarding.told_prefix().map(str::to_owned)
    };
    assert_eq!(told(&[XForwardedPrefix], "/api").as_deref(), Some("/api"));
    assert_eq!(told(&[XForwardedFor], "/api"), None);
    assert_eq!(told(&[XForwardedPrefix], "").as_deref(), Some(""));
}

#[test]
fn without_a_peer_nothing_is_made_up() {
    let mut headers = HeaderMap::new();
    Forwarding::new(ALL, "").apply(
        &mut headers,
        HeaderScan::of(&HeaderMap::new()),
        None,
        None,
        None,
    );
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["forwarded", "x-forwarded-port", "x-forwarded-proto"]
    );
    assert_eq!(headers[header::FORWARDED], "for=unknown;proto=http");
}

#[test]
fn a_field_that_is_named_twice_is_sent_once() {
    for &field in ALL {
        let once = apply(&[field], &[], true, "app.example.com");
        let twice = apply(&[field, field], &[], true, "app.example.com");
        assert_eq!(once, twice, "{field:?}");
    }
}
