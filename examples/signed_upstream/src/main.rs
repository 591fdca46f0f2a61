//! How does a proxy sign its requests on their way to the upstream, here for AWS by `aws-sigv4`?
//!
//! A tower layer stands between the proxy's rewriting and its client: it sees each request as it will
//! be sent, which is what a signature has to cover. Browsers need no credentials then.
//!
//! Whoever reaches such a proxy acts with its key. Here the guard keeps pages of other sites from writing, and from
//! coming under a name of their own (DNS rebinding). Put your login before it, and give the key no more rights than each
//! visitor may have: `DELETE` and `?policy` are signed, too.
//!
//!     cargo run -p signed_upstream
//!     curl "http://127.0.0.1:3000/files/it's%20a%2Bb(1).pdf?b=1&a=2"          # signed by the proxy
//!     curl http://127.0.0.1:3000/files/a -T Cargo.toml                        # its body too
//!     curl http://127.0.0.1:3000/files/a -T - < Cargo.toml                    # streamed, not signed
//!     curl -i "$UPSTREAM/a"                                                   # the printed one: 403

use std::error::Error;
use std::net::SocketAddr;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use axum::Router;
use axum::body::to_bytes;
use axum::http::uri::{InvalidUri, PathAndQuery};
use axum::http::{HeaderMap, HeaderName, Request, StatusCode, Uri, header::HOST};
use hmac::{Hmac, Mac};
use http_body::Body as _;
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use same_origin::guard::Guard;
use same_origin::proxy::{Body, Client, ReverseProxy};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

type BoxError = Box<dyn Error + Send + Sync>;

/// Yours come from `aws-config`, and change with time.
const KEY: (&str, &str) = ("AKIDEXAMPLE", "not a secret: it stands in this file");
const REGION: &str = "eu-west-1";
/// The names under which it is reached, with any port.
const HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
/// Up to here a body is held until it has been hashed.
const HELD: u64 = 1 << 20;
/// `UriEncode` of AWS's "Create a signed request": each byte but the unreserved ones, in upper-case hexadecimal.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// As above, for the key of an object.
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// Signs a request as S3 wants it: the path in S3's own encoding, and a checksum of the body in a field.
async fn sign(request: Request<Body>) -> Result<Request<Body>, BoxError> {
    let (mut parts, mut body) = request.into_parts();
    // A signature comes before the body and covers its checksum, so a body is either held or not
    // covered. S3 takes UNSIGNED-PAYLOAD, where TLS protects the body; a service that does not (API
    // Gateway) needs every body held, so a limit, and 413 for what is above it. S3 itself refuses a body of
    // unknown length.
    let mut held = None;
    if body
        .size_hint()
        .exact()
        .is_some_and(|length| length <= HELD)
    {
        let bytes = body.collect().await?.to_bytes();
        body = Body::from(bytes.clone());
        held = Some(bytes);
    }
    remove_own(&mut parts.headers);
    let payload = held
        .as_deref()
        .map_or(SignableBody::UnsignedPayload, SignableBody::Bytes);

    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let identity = Credentials::from_keys(KEY.0, KEY.1, None).into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()?;
    // Fields that a later hop may change (Via, X-Forwarded-For) are better not covered.
    let host = parts.headers.get(HOST).ok_or("no host")?.to_str()?;
    // With these settings the signer takes the path as it is given, and encodes and sorts the query itself. The
    // request is sent as the client wrote it, but for a plus in the path, which S3 would take for a blank.
    let path = parts.uri.path().replace('+', "%2B");
    let uri = with_path(&parts.uri, &canonical_path(&path))?.to_string();
    let method = parts.method.as_str();
    let signable = SignableRequest::new(method, uri, [("host", host)].into_iter(), payload)?;
    let (signature, _) = aws_sigv4::http_request::sign(signable, &params.into())?.into_parts();
    parts.uri = with_path(&parts.uri, &path)?;
    let mut request = Request::from_parts(parts, body);
    signature.apply_to_request_http1x(&mut request);
    Ok(request)
}

/// Removes the fields that are instructions to S3, which refuses a request with one that its signature does not cover.
///
/// To cover a visitor's would be to let it choose who may read an object (`x-amz-acl`), or copy one that this key alone
/// may read (`x-amz-copy-source`). Keep, and cover, those that your pages need.
fn remove_own(headers: &mut HeaderMap) {
    let is_own = |name: &&HeaderName| name.as_str().starts_with("x-amz-");
    let own: Vec<_> = headers.keys().filter(is_own).cloned().collect();
    for name in own {
        headers.remove(name);
    }
}

/// The path that a signature covers, whichever of `(` and `%28` the client wrote: browsers leave `!'()*+,:=@` as they
/// are. S3 encodes it once and keeps dot segments; other services encode it twice and drop them.
fn canonical_path(path: &str) -> String {
    let path: Vec<u8> = percent_decode_str(path).collect();
    percent_encode(&path, ENCODED_PATH).to_string()
}

fn with_path(uri: &Uri, path: &str) -> Result<Uri, BoxError> {
    let target: Result<PathAndQuery, InvalidUri> = match uri.query() {
        Some(query) => format!("{path}?{query}").parse(),
        None => path.parse(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target?);
    Ok(Uri::from_parts(parts)?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let upstream = start_bucket().await?;
    // Errors of the client pass through boxed, and are still told apart: 502, 503, 504.
    let client = ServiceBuilder::new()
        .filter_async(sign)
        .service(Client::new()?);
    let files = ReverseProxy::builder("/files", &upstream)
        // A browser's own would be a second authority.
        .remove_request_headers(["authorization", "cookie"])
        .build_with_client(client)?;
    let app = Router::new()
        .nest_service("/files", files)
        .layer(Guard::builder().hosts(HOSTS).layer()?);
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    println!("UPSTREAM={upstream}");
    // With the client's address, so that the bucket's log is told it in X-Forwarded-For.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}

/// A bucket that answers who has signed what.
async fn start_bucket() -> Result<String, BoxError> {
    let answer = async |request: Request<axum::body::Body>| {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let target = format!("{} {}", parts.method, parts.uri);
        match verify(&target, &parts.headers, &body) {
            Some(payload) => Ok(format!("{target}, signed, {payload}\n")),
            None => Err(StatusCode::FORBIDDEN),
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    Ok(url)
}

/// Signature Version 4 from the other side; what is said of the body, if all is right. A real service
/// looks at the time as well.
fn verify(target: &str, headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    let field = |name| headers.get(name)?.to_str().ok();
    let (date, checksum) = (field("x-amz-date")?, field("x-amz-content-sha256")?);
    let scope = format!("{}/{REGION}/s3/aws4_request", date.get(..8)?);
    const NAMES: &str = "host;x-amz-content-sha256;x-amz-date";
    let prefix = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={NAMES}, Signature=",
        KEY.0
    );
    let signature = field("authorization")?.strip_prefix(&prefix)?;
    let is_covered = |name: &HeaderName| NAMES.split(';').any(|covered| covered == name.as_str());
    let mut own = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-amz-"));
    if !own.all(is_covered) {
        return None;
    }

    let (method, uri) = target.split_once(' ')?;
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    // S3 takes a bare plus for a blank, as a form does, in the path too.
    let path = canonical_path(&path.replace('+', " "));
    let query = canonical_query(query);
    let host = field("host")?;
    let canonical = format!(
        "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{checksum}\nx-amz-date:{date}\n\n{NAMES}\n{checksum}"
    );
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{:x}",
        Sha256::digest(canonical)
    );
    let mac = |key: &[u8], text: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.chain_update(text).finalize().into_bytes()
    };
    let secret = format!("AWS4{}", KEY.1).into_bytes();
    let key = scope
        .split('/')
        .fold(secret, |key, part| mac(&key, part).to_vec());
    let payload = match checksum {
        "UNSIGNED-PAYLOAD" => "its body not",
        _ if checksum == format!("{:x}", Sha256::digest(body)) => "its body too",
        _ => return None,
    };
    (format!("{:x}", mac(&key, &to_sign)) == signature).then_some(payload)
}

/// The parameters of a query, encoded and then sorted by name and value.
fn canonical_query(query: &str) -> String {
    let encoded = |text: &str| {
        let text = text.replace('+', " ");
        let text: Vec<u8> = percent_decode_str(&text).collect();
        percent_encode(&text, ENCODED).to_string()
    };
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let parameters =
        parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    let mut parameters: Vec<_> = parameters
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    parameters.sort_unstable();
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parameters.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_as_s3_does() {
        for (sent, signed) in [
            ("/", "/"),
            ("/a/b.txt", "/a/b.txt"),
            ("/report(1).pdf", "/report%281%29.pdf"),
            ("/it's.pdf", "/it%27s.pdf"),
            ("/a@b", "/a%40b"),
            ("/a+b", "/a%2Bb"),
            ("/a=b,c:d!e*f", "/a%3Db%2Cc%3Ad%21e%2Af"),
            ("/a%2Fb", "/a/b"),
            ("/a%20b", "/a%20b"),
            ("/a%7eb", "/a~b"),
            ("/a%28b%29", "/a%28b%29"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/caf\u{e9}", "/caf%C3%A9"),
            ("/%ff", "/%FF"),
            ("/a%2", "/a%252"),
            ("//a/./b", "//a/./b"),
        ] {
            assert_eq!(canonical_path(sent), signed, "{sent}");
        }
    }

    #[test]
    fn queries_are_encoded_and_sorted() {
        for (sent, signed) in [
            ("", ""),
            ("b=1&a=2", "a=2&b=1"),
            ("x", "x="),
            ("a=2&a=10&&", "a=10&a=2"),
            ("prefix=a%2fb", "prefix=a%2Fb"),
            ("prefix=a/(b)+c", "prefix=a%2F%28b%29%20c"),
            ("a=b=c", "a=b%3Dc"),
            // By the encoded names: `%` is before every letter.
            ("a=1&%5Bb=2", "%5Bb=2&a=1"),
        ] {
            assert_eq!(canonical_query(sent), signed, "{sent}");
        }
    }
}
