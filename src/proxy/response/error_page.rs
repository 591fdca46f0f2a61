//! The response that stands for an error.

use std::sync::Arc;

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::Body as _;

use crate::proxy::body::Body;
use crate::proxy::error::ProxyError;
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
    ///
    /// RFC 9110 9.3.2: that to a HEAD has no content, and says what the one to a GET would say.
    pub(crate) fn render(&self, error: ProxyError, is_head: bool) -> Response<Body> {
        let status = error.kind().status();
        let reason = status.canonical_reason().unwrap_or("Error");
        let mut response = Response::new(Body::from(format!("{reason}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        // RFC 9209 2: who says it, and why. The type says no more than the status needs.
        let proxy_status = format!("{}; error={}", self.via.name, error.kind().proxy_status());
        if let Ok(proxy_status) = HeaderValue::try_from(proxy_status) {
            headers.insert(HeaderName::from_static("proxy-status"), proxy_status);
        }
        if let Some(hook) = &self.map_error {
            response = hook(&error, response);
        }
        if is_head {
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
