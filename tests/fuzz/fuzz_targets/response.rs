//! Whatever stands in `Location`, `Refresh` and `Set-Cookie`: nothing panics, foreign addresses stay as
//! they are, and a cookie keeps its name and value.
#![no_main]

#[path = "../exchange.rs"]
mod exchange;

use http::{HeaderValue, Request, Response};
use libfuzzer_sys::fuzz_target;
use same_origin::proxy::{Body, ReverseProxy};

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let mut answer = Response::new(());
    for name in ["location", "content-location", "refresh", "set-cookie"] {
        answer.headers_mut().insert(name, value.clone());
    }
    let request = Request::get("/api/x")
        .header("host", "a.example")
        .body(Body::empty())
        .expect("a request");
    let proxy = ReverseProxy::builder("/api", "http://up.example/base");
    let (response, _) = exchange::exchange(proxy, request, answer);
    let headers = response.headers();

    let pair = |cookie: &[u8]| {
        cookie
            .split(|byte| *byte == b';')
            .next()
            .map(<[u8]>::to_vec)
    };
    assert_eq!(
        pair(headers["set-cookie"].as_bytes()),
        pair(value.as_bytes())
    );
    let location = &headers["location"];
    if location != value {
        let text = value.to_str().expect("only text is mapped");
        let ours = text.starts_with("/base") || text.to_ascii_lowercase().contains("//up.example");
        assert!(ours, "{text} became {location:?}");
        assert!(
            location.as_bytes().starts_with(b"/api"),
            "{text} became {location:?}"
        );
    }
    assert_eq!(location, &headers["content-location"]);
});
