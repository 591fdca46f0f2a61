//! The answer to a request that is refused.

use std::fmt;

use http::header::{CONTENT_TYPE, HeaderValue, VARY};
use http::request::Parts;
use http::{Response, StatusCode};

use crate::fields;
use crate::guard::config::builder::Mode;
use crate::guard::layer::refused::GuardError;

/// The body of a refusal, and its headers beside those that are the guard's.
///
/// Any `Fn(&GuardError, &Parts) -> Response<B>` is one. Status and `Vary` are the guard's own, so that a
/// refusal cannot be mistaken for a success. Default: [`EmptyPage`].
///
/// # Examples
///
/// ```
/// use http::{Response, request};
/// use same_origin::guard::{Guard, GuardError, GuardLayer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let guard = GuardLayer::new(Guard::builder().build()?)
///     .page(|_: &GuardError, _: &request::Parts| Response::new("Not from this page.\n".to_owned()));
/// # let _ = guard;
/// # Ok(()) }
/// ```
pub trait RefusalPage<B> {
    /// The answer to the request, which was refused for that reason.
    fn page(&self, error: &GuardError, request: &Parts) -> Response<B>;
}

impl<B, F> RefusalPage<B> for F
where
    F: Fn(&GuardError, &Parts) -> Response<B>,
{
    fn page(&self, error: &GuardError, request: &Parts) -> Response<B> {
        self(error, request)
    }
}

/// An empty page, which is all that can be made of any type of body. It discloses nothing.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct EmptyPage;

impl<B: Default> RefusalPage<B> for EmptyPage {
    fn page(&self, _: &GuardError, _: &Parts) -> Response<B> {
        Response::new(B::default())
    }
}

/// A page that explains the refusal: the rules, the own origin, what to write. It discloses settings, and is
/// for development alone.
#[derive(Clone)]
pub struct DebugPage {
    pub(crate) shared: std::sync::Arc<crate::guard::layer::handle::Shared>,
}

impl<B: From<String>> RefusalPage<B> for DebugPage {
    fn page(&self, _: &GuardError, request: &Parts) -> Response<B> {
        let explanation = self.shared.guard().explain(request);
        Response::new(B::from(explanation.to_string()))
    }
}

impl fmt::Debug for DebugPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DebugPage").finish_non_exhaustive()
    }
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The fields by which a request is judged. `Host` is not among them: it is a part of what a cache keys by
/// (RFC 9111 2).
const JUDGED_BY: [HeaderValue; 4] = [
    HeaderValue::from_static("Origin"),
    HeaderValue::from_static("Sec-Fetch-Site"),
    HeaderValue::from_static("Cookie"),
    HeaderValue::from_static("Authorization"),
];

/// As many of them as the mode looks at, and the same as one line.
fn judged_by(mode: Mode) -> (usize, HeaderValue) {
    match mode {
        Mode::Strict => (2, HeaderValue::from_static("Origin, Sec-Fetch-Site")),
        Mode::Credentials => (
            4,
            HeaderValue::from_static("Origin, Sec-Fetch-Site, Cookie, Authorization"),
        ),
    }
}

/// Makes an answer out of a page.
///
/// A refusal says on what it depends, so that no cache gives it to a request that would be let through (RFC
/// 9110 12.5.5). Answers of the application need not: safe methods are answered by the host alone, and
/// the answers to others are not given to other requests (RFC 9111 4).
pub(crate) fn finish<B>(response: &mut Response<B>, error: GuardError, mode: Mode) {
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    if !headers.contains_key(CONTENT_TYPE) {
        let _full = headers.try_insert(CONTENT_TYPE, TEXT);
    }
    if error.status() == StatusCode::FORBIDDEN {
        let (count, line) = judged_by(mode);
        if headers.contains_key(VARY) {
            for name in &JUDGED_BY[..count] {
                fields::add_token(headers, VARY, name.clone());
            }
        } else {
            let _full = headers.try_insert(VARY, line);
        }
    }
    response.extensions_mut().insert(error);
}
