//! The response that stands for an error.

use std::sync::Arc;

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::Body as _;

use crate::proxy::body::Body;
use crate::proxy::error::ProxyError;
use crate::proxy::request::error_reader::ErrorReader;
use crate::proxy::wire::via::Via;

pub(crate) type ErrorHook =
    Arc<dyn Fn(&ProxyError, Response<Body>) -> Response<Body> + Send + Sync>;

/// The page that a client sees instead of an upstream's answer.
pub(crate) struct ErrorPage {
    pub(crate) via: Arc<Via>,
    pub(crate) map_error: Option<ErrorHook>,
}

impl ErrorPage {
    /// The response that stands for an error: its status and a word, and the error in its extensions.
    pub(crate) fn render(&self, error: ProxyError, reader: ErrorReader) -> Response<Body> {
        let mut response = page(error.kind().status(), reader);
        let headers = response.headers_mut();
        // RFC 9209 2: who says it, and why. The type says no more than the status needs.
        let proxy_status = format!("{}; error={}", self.via.name, error.kind().proxy_status());
        if let Ok(proxy_status) = HeaderValue::try_from(proxy_status) {
            headers.insert(HeaderName::from_static("proxy-status"), proxy_status);
        }
        if let Some(hook) = &self.map_error {
            response = hook(&error, response);
        }
        if reader == ErrorReader::Head {
            let body = std::mem::take(response.body_mut());
            let has_content = response.status() != StatusCode::NO_CONTENT;
            if let Some(length) = body.size_hint().exact().filter(|_| has_content) {
                let fields = response.headers_mut();
                fields
                    .entry(header::CONTENT_LENGTH)
                    .or_insert(HeaderValue::from(length));
            }
        }
        response.extensions_mut().insert(error);
        response
    }
}

/// The page of a status.
fn page(status: StatusCode, reader: ErrorReader) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if reader != ErrorReader::Grpc {
        let reason = status.canonical_reason().unwrap_or("Error");
        *response.body_mut() = Body::from(format!("{reason}\n"));
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
    }
    response
}
