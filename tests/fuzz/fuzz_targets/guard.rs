//! Whatever stands in `Host`, `Origin` and `Sec-Fetch-Site`: nothing panics, and what a strict guard lets
//! through is of the own origin, of a trusted one, of the user, or of no browser.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use same_origin::guard::{Admission, Guard, OwnOrigin, Verdict};
use same_origin::origin::Origin;

static GUARD: LazyLock<Guard> = LazyLock::new(|| {
    Guard::builder()
        .trust(["https://partner.example", "https://*.example.com:*"])
        .build()
        .expect("a guard")
});

static WITH_HOSTS: LazyLock<Guard> = LazyLock::new(|| {
    let hosts = ["app.example.com", "[::1]:8080", "127.0.0.1"];
    Guard::builder().hosts(hosts).build().expect("a guard")
});

fuzz_target!(|input: (&[u8], &[u8], Option<&[u8]>, bool, bool)| {
    let (host, origin, site, secure, forwarded) = input;
    let (Ok(host), Ok(origin)) = (
        HeaderValue::from_bytes(host),
        HeaderValue::from_bytes(origin),
    ) else {
        return;
    };
    let mut request = Request::post("/x").header("origin", &origin);
    if let Some(site) = site {
        let Ok(site) = HeaderValue::from_bytes(site) else {
            return;
        };
        request = request.header("sec-fetch-site", site);
    }
    let name = if forwarded {
        "x-forwarded-host"
    } else {
        "host"
    };
    let (mut request, ()) = request
        .header(name, &host)
        .body(())
        .expect("a request")
        .into_parts();
    request.extensions.insert(if forwarded {
        OwnOrigin::forwarded(&request.headers, secure)
    } else {
        OwnOrigin::new(secure)
    });

    match GUARD.judge(&request) {
        Verdict::Admitted(Admission::TrustedOrigin) => {
            let trusted = Origin::try_from(&origin).expect("an origin");
            assert!(
                trusted.as_str() == "https://partner.example"
                    || trusted.host().ends_with(".example.com")
            );
        }
        Verdict::Admitted(Admission::OwnOrigin) => {
            let scheme: &[u8] = if secure { b"https://" } else { b"http://" };
            let authority = origin
                .as_bytes()
                .strip_prefix(scheme)
                .expect("the own scheme");
            let named = host.as_bytes().to_ascii_lowercase();
            // But for the port, which may be the default one and written with zeros.
            let without_port = |text: &[u8]| {
                let end = text.iter().rposition(|&byte| byte == b']').unwrap_or(0);
                let colon = text[end..].iter().position(|&byte| byte == b':');
                text[..colon.map_or(text.len(), |colon| end + colon)].to_vec()
            };
            let last = |text: &[u8]| {
                text.rsplit(|&byte| byte == b',')
                    .next()
                    .unwrap_or_default()
                    .trim_ascii()
                    .to_vec()
            };
            let named = if forwarded { last(&named) } else { named };
            assert_eq!(without_port(authority), without_port(&named));
            assert!(!authority.iter().any(|byte| b"@/?#\\, ".contains(byte)));
        }
        Verdict::Admitted(Admission::SameOrigin | Admission::UserInitiated) => {
            let site = site.expect("a site").trim_ascii();
            assert!(site == b"same-origin" || site == b"none");
        }
        Verdict::Admitted(other) => panic!("{other:?} on a POST with an origin"),
        Verdict::Refused(_) => {}
        other => panic!("{other:?} is not known"),
    }
    if WITH_HOSTS.judge_host(&request).is_ok() {
        let text = String::from_utf8_lossy(host.as_bytes()).to_ascii_lowercase();
        let known = ["app.example.com", "[::1]:08080", "[::1]:8080", "127.0.0.1"];
        assert!(known.iter().any(|known| text.contains(known)), "{text}");
    }
    let _text = GUARD.explain(&request).to_string();
});
