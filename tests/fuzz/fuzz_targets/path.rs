//! Whatever the target is: it is refused, or arrives below the base byte for byte, in every reading.
#![no_main]

#[path = "../exchange.rs"]
mod exchange;

use http::{Request, Response, Uri};
use libfuzzer_sys::fuzz_target;
use same_origin::proxy::{Body, ReverseProxy};

fuzz_target!(|target: &str| {
    let Ok(uri) = format!("/api{target}").parse::<Uri>() else {
        return;
    };
    let public = uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    request
        .headers_mut()
        .insert("host", "a.example".parse().expect("a value"));
    let proxy = ReverseProxy::builder("/api", "http://up.example/base");
    let (response, seen) = exchange::exchange(proxy, request, Response::new(()));
    let Some(seen) = seen else {
        assert!(response.status().is_client_error(), "{}", response.status());
        return;
    };
    let rest = public.strip_prefix("/api").expect("what was asked for");
    assert_eq!(
        seen.uri.path_and_query().expect("a path").as_str(),
        format!("/base{rest}")
    );
    // The most lenient server there is: decodes once, takes \ for / and cuts at ;.
    let mut decoded = Vec::new();
    let mut bytes = seen.uri.path().bytes();
    while let Some(byte) = bytes.next() {
        let rest = bytes.as_str_lossy();
        let hex = rest
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex.filter(|_| byte == b'%' && !rest.starts_with('+')) {
            Some(value) => {
                bytes.next();
                bytes.next();
                decoded.push(value);
            }
            None => decoded.push(byte),
        }
    }
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        let name = segment
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        assert!(name != b"." && name != b"..", "{}", seen.uri);
    }
});

/// The rest of the bytes as text.
trait Rest {
    fn as_str_lossy(&self) -> String;
}

impl Rest for std::str::Bytes<'_> {
    fn as_str_lossy(&self) -> String {
        String::from_utf8_lossy(&self.clone().collect::<Vec<_>>()).into_owned()
    }
}
