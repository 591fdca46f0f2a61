//! The bucket: it knows nobody and gives an object to whoever holds a URL that was signed for it.

use std::fmt::Write;

use hmac::{Hmac, Mac};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use same_origin::proxy::Body;
use sha2::Sha256;

use super::lab::query_value;
use super::servers::reply;
use super::{Secret, unix_time};

/// Seconds for which a signed URL is good.
const VALIDITY: u64 = 60;

/// Signs and verifies: `HMAC-SHA256(secret, method, path, expiry)`, the way of presigned URLs. What
/// else stands in the query is not covered.
pub struct Signer {
    key: Hmac<Sha256>,
}

impl Signer {
    pub fn new(secret: &Secret) -> Self {
        let key = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        Self { key }
    }

    /// A path with the query that opens it for GET.
    pub fn sign(&self, path: &str) -> String {
        let expires = (unix_time() + VALIDITY).to_string();
        let signature = self
            .mac(&Method::GET, path, &expires)
            .finalize()
            .into_bytes();
        format!("{path}?expires={expires}&signature={}", hex(&signature))
    }

    fn verify(&self, method: &Method, path: &str, query: &str) -> bool {
        let (Some(expires), Some(signature)) = (
            query_value(query, "expires"),
            query_value(query, "signature").and_then(unhex),
        ) else {
            return false;
        };
        let in_time = expires.parse().is_ok_and(|end: u64| unix_time() <= end);
        // `verify_slice` takes the same time whatever the signature is.
        self.mac(method, path, expires)
            .verify_slice(&signature)
            .is_ok()
            && in_time
    }

    fn mac(&self, method: &Method, path: &str, expires: &str) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        for part in [method.as_str(), path, expires] {
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        mac
    }
}

/// Answers as S3 does: 403 for a signature that is wrong, expired or missing, 400 for a signed URL
/// beside an `Authorization`, and the object otherwise.
pub fn answer<B>(signer: &Signer, request: &Request<B>) -> Response<Body> {
    let uri = request.uri();
    let query = uri.query().unwrap_or_default();
    if request.headers().contains_key(AUTHORIZATION) && query_value(query, "signature").is_some() {
        return error(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Only one auth mechanism allowed",
        );
    }
    if !signer.verify(request.method(), uri.path(), query) {
        return error(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "the signature is wrong, expired, or for another method",
        );
    }
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let rows: Vec<u32> = (1..=12).map(|month| month * month).collect();
    reply(
        StatusCode::OK,
        &serde_json::json!({ "object": name, "rows": rows }),
    )
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>\n");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/xml"),
    );
    response
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(uri: &str) -> Request<()> {
        Request::get(uri).body(()).unwrap()
    }

    #[test]
    fn a_signed_url_opens_its_object_and_nothing_else() {
        let signer = Signer::new(&[7; 32]);
        let url = signer.sign("/none/report.json");
        let status = |request: &Request<()>| answer(&signer, request).status();

        assert_eq!(status(&get(&url)), StatusCode::OK);
        assert_eq!(status(&get(&format!("{url}&run=r"))), StatusCode::OK);
        assert_eq!(status(&get("/none/report.json")), StatusCode::FORBIDDEN);
        assert_eq!(
            status(&get(&url.replace("report", "other"))),
            StatusCode::FORBIDDEN
        );
        assert_eq!(
            status(&get(&url.replace("expires=", "expires=9"))),
            StatusCode::FORBIDDEN
        );
        assert_eq!(status(&get(&url[..url.len() - 1])), StatusCode::FORBIDDEN);
        assert_eq!(status(&get(&format!("{url}00"))), StatusCode::FORBIDDEN);

        let mut post = get(&url);
        *post.method_mut() = Method::POST;
        assert_eq!(status(&post), StatusCode::FORBIDDEN);

        let mut authorized = get(&url);
        let token = http::HeaderValue::from_static("Bearer x");
        authorized.headers_mut().insert(AUTHORIZATION, token);
        assert_eq!(status(&authorized), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn an_expired_url_is_refused() {
        let signer = Signer::new(&[7; 32]);
        let mac = signer.mac(&Method::GET, "/x", "1").finalize().into_bytes();
        let url = format!("/x?expires=1&signature={}", hex(&mac));
        assert_eq!(answer(&signer, &get(&url)).status(), StatusCode::FORBIDDEN);
    }
}
