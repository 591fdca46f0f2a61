//! Any value of `Origin`: nothing panics, and only origins are ever allowed.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use same_origin::cors::{CorsPolicy, Verdict};
use same_origin::origin::Origin;

static POLICY: LazyLock<CorsPolicy> = LazyLock::new(|| {
    CorsPolicy::builder()
        .allow_origins([
            "https://example.com",
            "https://*.example.com:*",
            "http://[::1]:*",
            "app://*.x",
            "app://.",
            "file://",
            "https://example.com.",
            "moz-extension://*",
        ])
        .allow_credentials(true)
        .dangerously_allow_insecure_origins(true)
        .dangerously_allow_public_suffixes(true)
        .dangerously_allow_any_extension(true)
        .build()
        .expect("a policy")
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let parsed = Origin::try_from(&value);
    if let Ok(origin) = &parsed {
        assert_eq!(origin.as_str().as_bytes(), bytes);
        assert!(
            origin
                .as_str()
                .starts_with(&format!("{}://{}", origin.scheme(), origin.host()))
        );
    }
    let (request, ()) = Request::builder()
        .header("origin", &value)
        .body(())
        .expect("a request")
        .into_parts();
    match POLICY.judge(&request) {
        Verdict::Actual(Ok(grant)) => {
            assert_eq!(grant.origin(), &value);
            assert!(parsed.is_ok());
        }
        Verdict::Actual(Err(_)) => {}
        other => panic!("{other:?} is not a verdict on that"),
    }
    let _text = POLICY.explain(&request).to_string();
});
