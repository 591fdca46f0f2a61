//! A bucket that gives and takes objects by URLs that are signed over every byte of path and query.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, Mac};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Uri};
use sha2::Sha256;
use tower_http::services::ServeFile;

/// A file of known bytes at this path, of which parts can be had.
pub const ALPHABET: &str = "/alphabet.txt";
const SIGNATURE: &str = "signature=";

#[derive(Clone)]
pub struct Bucket {
    pub signer: Signer,
    objects: Arc<Mutex<HashMap<String, Bytes>>>,
    file: Arc<tempfile::NamedTempFile>,
}

impl Bucket {
    pub fn new() -> Self {
        let file = tempfile::Builder::new().suffix(".txt").tempfile();
        let file = file.expect("a file");
        std::fs::write(file.path(), "abcdefghijklmnopqrstuvwxyz").expect("a file to write to");
        Self {
            signer: Signer(Hmac::new_from_slice(b"a secret").expect("any length")),
            objects: Arc::default(),
            file: Arc::new(file),
        }
    }

    pub fn router(&self) -> Router {
        Router::new()
            .route_service(ALPHABET, ServeFile::new(self.file.path()))
            .fallback(object)
            .with_state(self.clone())
            .layer(from_fn_with_state(self.signer.clone(), signed))
    }
}

/// The object that was put there, or else the target that was asked for.
async fn object(State(bucket): State<Bucket>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut objects = bucket.objects.lock().expect("no panic while locked");
    match method {
        Method::PUT => {
            objects.insert(uri.path().to_owned(), body);
            StatusCode::OK.into_response()
        }
        _ => match objects.get(uri.path()) {
            Some(stored) => stored.clone().into_response(),
            None => target(&uri).to_owned().into_response(),
        },
    }
}

/// As S3 answers: 403 for what is not signed, 400 for a second authority beside the signature.
async fn signed(State(signer): State<Signer>, request: Request, next: Next) -> Response {
    let told = |status, code: &str| {
        let body = format!("<Error><Code>{code}</Code></Error>");
        (status, [(CONTENT_TYPE, "application/xml")], body).into_response()
    };
    if request.headers().contains_key(AUTHORIZATION) || request.headers().contains_key(COOKIE) {
        return told(StatusCode::BAD_REQUEST, "InvalidArgument");
    }
    if !signer.verifies(request.method(), target(request.uri())) {
        return told(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
    }
    next.run(request).await
}

/// Path and query, byte for byte; by HTTP/2 the URI has the host, too.
fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("", PathAndQuery::as_str)
}

#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// The target with its signature, which covers the method and all that stands before it.
    pub fn sign(&self, method: &Method, target: &str) -> String {
        let joint = if target.contains('?') { '&' } else { '?' };
        let covered = format!("{target}{joint}");
        let signature = self.mac(method, &covered).finalize().into_bytes();
        format!("{covered}{SIGNATURE}{}", hex(&signature))
    }

    fn verifies(&self, method: &Method, target: &str) -> bool {
        let Some((covered, signature)) = target.rsplit_once(SIGNATURE) else {
            return false;
        };
        hex(&self.mac(method, covered).finalize().into_bytes()) == signature
    }

    fn mac(&self, method: &Method, covered: &str) -> Hmac<Sha256> {
        let method = method.as_str();
        self.0.clone().chain_update(method).chain_update(covered)
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
