//! What is refused whatever it is for: with 400, on every kind of route.

use crate::routes::text;
use http::header::HOST;
use http::uri::Authority;
use http::{Request, Response, StatusCode, Version};
use same_origin::proxy::{Body, check_path};
use std::net::Ipv6Addr;

/// The answer to a request that names no host, or whose path not everybody reads in the same way. A
/// proxy asks by itself.
pub fn refused<B>(request: &Request<B>) -> Option<Response<Body>> {
    let why = if !names_a_host(request) {
        "the request names no host, or no single valid one\n"
    } else if check_path(request.uri().path()).is_err() {
        "ambiguous path\n"
    } else {
        return None;
    };
    Some(text(StatusCode::BAD_REQUEST, why))
}

/// RFC 9112 3.2: of HTTP/1.1 each request has one valid `Host`. RFC 9113 8.3.1: of HTTP/2 it has none that
/// contradicts `:authority`.
fn names_a_host<B>(request: &Request<B>) -> bool {
    let authority = request.uri().authority().map(Authority::as_str);
    let mut lines = request.headers().get_all(HOST).iter();
    let named = match (lines.next(), lines.next()) {
        (_, Some(_)) => false,
        (Some(line), None) => {
            let line = line.as_bytes();
            let differs = |authority: &str| !line.eq_ignore_ascii_case(authority.as_bytes());
            let contradicted = request.version() == Version::HTTP_2;
            is_host(line) && !(contradicted && authority.is_some_and(differs))
        }
        (None, None) => match request.version() {
            Version::HTTP_11 => false,
            version => version < Version::HTTP_11 || authority.is_some(),
        },
    };
    named && authority.is_none_or(|authority| is_host(authority.as_bytes()))
}

/// `uri-host [ ":" port ]` (RFC 9110 7.2) of a name in the DNS or an address, which is what a proxy takes:
/// no user, and nothing percent-encoded.
fn is_host(value: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(value) else {
        return false;
    };
    let host = authority.host();
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let named = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(in_name),
    };
    let port = authority.as_str().strip_prefix(host).map(str::as_bytes);
    named
        && match port {
            Some([]) => true,
            Some([b':', digits @ ..]) => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
            Some(_) | None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn hosts_are_names_and_addresses_with_a_port_perhaps() {
        for (value, good) in [
            ("a", true),
            ("app.example.com:8443", true),
            ("127.0.0.1:80", true),
            ("[::1]", true),
            ("[::1]:80", true),
            ("a_b-c.x", true),
            ("a:", true),
            ("", false),
            (":80", false),
            ("a b", false),
            ("a,b", false),
            ("u@a", false),
            ("a@a", false),
            ("a/b", false),
            ("a:b", false),
            ("a:123456", false),
            ("[::1", false),
            ("[]", false),
            ("[g]", false),
            ("[::1]x", false),
            ("a:1:2", false),
            ("a;b", false),
            ("a%20b", false),
        ] {
            assert_eq!(is_host(value.as_bytes()), good, "{value}");
        }
    }

    #[test]
    fn a_request_names_its_host() {
        let (v10, v11, v2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        for (version, uri, hosts, named) in [
            (v11, "/x", &["a.example:81"][..], true),
            (v11, "http://b.example/x", &["a.example"], true),
            (v11, "http://b.example/x", &[], false),
            (v11, "http://u@b.example/x", &["b.example"], false),
            (v11, "/x", &[], false),
            (v11, "/x", &["a", "a"], false),
            (v10, "/x", &[], true),
            (v10, "/x", &["a b"], false),
            (v2, "https://a.example/x", &[], true),
            (v2, "https://a.example/x", &["A.example"], true),
            (v2, "https://a.example/x", &["b.example"], false),
            (v2, "/x", &["a.example"], true),
            (v2, "/x", &[], false),
        ] {
            let mut request = Request::new(());
            *request.version_mut() = version;
            *request.uri_mut() = uri.parse().unwrap();
            for host in hosts {
                let host = HeaderValue::from_static(host);
                request.headers_mut().append(HOST, host);
            }
            assert_eq!(names_a_host(&request), named, "{version:?} {uri} {hosts:?}");
        }
    }
}
