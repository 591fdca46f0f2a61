//! Requests as a browser, a program or a hostile page sends them.

use std::net::SocketAddr;

use http::request::Parts;
use http::{HeaderValue, Method, Request};

/// A request for `http://app.example.com/api/x` with some fields.
pub(crate) fn request(method: &str, fields: &[(&str, &str)]) -> Request<String> {
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).expect("a method"))
        .uri("/api/x")
        .header("host", "app.example.com");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(String::new()).expect("a request")
}

pub(crate) fn parts(method: &str, fields: &[(&str, &str)]) -> Parts {
    request(method, fields).into_parts().0
}

/// The client's end of the connection, as a server notes it.
pub(crate) fn peer(secure: bool) -> same_origin::proxy::Peer {
    let address: SocketAddr = ([127, 0, 0, 1], 50000).into();
    same_origin::proxy::Peer::new(address).secure(secure)
}

/// Strings stand for bytes, as in Latin-1. `None`: a server does not hand that to a service.
pub(crate) fn latin1(text: &str) -> Option<HeaderValue> {
    let bytes: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(c).expect("Latin-1"))
        .collect();
    HeaderValue::from_bytes(&bytes).ok()
}
