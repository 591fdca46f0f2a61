//! Any value of `Access-Control-Request-Headers`: the verdict is that of a slow and plain reading.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use same_origin::cors::{CorsPolicy, Refusal, Verdict};

const ALLOWED: [&str; 5] = ["authorization", "content-type", "x-a", "x-ab", "x-b"];

static POLICY: LazyLock<CorsPolicy> = LazyLock::new(|| {
    let builder = CorsPolicy::builder().allow_origins(["https://example.com"]);
    builder.allow_headers(ALLOWED).build().expect("a policy")
});

fuzz_target!(|bytes: &[u8]| {
    let mut request = Request::options("/")
        .header("origin", "https://example.com")
        .header("access-control-request-method", "GET");
    let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    for line in &lines {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return;
        };
        request = request.header("access-control-request-headers", value);
    }
    let (request, ()) = request.body(()).expect("a request").into_parts();
    let elements: Vec<_> = lines
        .iter()
        .flat_map(|line| line.split(|&byte| byte == b','))
        .collect();
    let allowed = elements.iter().all(|element| {
        let name = String::from_utf8_lossy(element)
            .trim_matches([' ', '\t'])
            .to_ascii_lowercase();
        name.is_empty() || ALLOWED.contains(&name.as_str())
    });
    match POLICY.judge(&request) {
        Verdict::Preflight(Ok(_)) => assert!(allowed),
        Verdict::Preflight(Err(Refusal::Header)) => assert!(!allowed),
        Verdict::Preflight(Err(Refusal::TooManyHeaders)) => assert!(elements.len() > 1024),
        other => panic!("{other:?} is not a verdict on that"),
    }
});
