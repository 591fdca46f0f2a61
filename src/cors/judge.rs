//! The decision: what a request is to CORS, and what the policy says to it.
//!
//! Nothing here allocates or can panic, whatever the request holds.

use super::acrh;
use super::policy::{Access, Compiled, CorsPolicy};
use http::Method;
use http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN,
};
use http::request::Parts;

/// What a request is to CORS, and what the policy says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict<'a> {
    /// Not a CORS request, as it has no `Origin`. The application answers.
    NotCors,
    /// An actual request. The application answers in any case: CORS is no access control, and the
    /// same field comes with same-origin requests. Whether the page may read the answer is decided.
    Actual(Result<Grant<'a>, Refusal>),
    /// A preflight, which asks what an actual request may be. It is answered on the spot.
    Preflight(Result<Grant<'a>, Refusal>),
}

/// Permission for the page that made the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    origin: &'a HeaderValue,
    credentials: bool,
}

/// The rule of the policy that a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Refusal {
    /// There are several `Origin` lines, which no browser sends.
    SeveralOrigins,
    /// The origin is not allowed, or is none.
    Origin,
    /// The origin is `null`, which is not allowed.
    NullOrigin,
    /// The preflight asks for a method that is not allowed, or is none.
    Method,
    /// The preflight asks for a header that is not allowed.
    Header,
    /// The preflight asks for more headers than a request can carry.
    TooManyHeaders,
}

static STAR: HeaderValue = HeaderValue::from_static("*");
static NULL: HeaderValue = HeaderValue::from_static("null");

/// What a policy for everybody says to everybody.
pub(super) static FOR_ALL: Grant<'static> = Grant {
    origin: &STAR,
    credentials: false,
};

impl CorsPolicy {
    /// Says what the request is to CORS, and what the policy says to it.
    ///
    /// This is the whole decision; the layer only does what it says. Allocates nothing.
    ///
    /// ```
    /// use same_origin::cors::{CorsPolicy, Refusal, Verdict};
    ///
    /// let policy = CorsPolicy::builder().allow_origins(["https://app.example.com"]).build()?;
    /// let (request, ()) = http::Request::put("/items/7")
    ///     .header("origin", "https://evil.example")
    ///     .body(())
    ///     .expect("a request")
    ///     .into_parts();
    /// assert_eq!(policy.judge(&request), Verdict::Actual(Err(Refusal::Origin)));
    /// # Ok::<(), same_origin::cors::PolicyErrors>(())
    /// ```
    #[must_use]
    pub fn judge<'a>(&'a self, request: &'a Parts) -> Verdict<'a> {
        self.compiled().judge(&request.method, &request.headers)
    }
}

impl Compiled {
    pub(super) fn judge<'a>(&'a self, method: &Method, headers: &'a HeaderMap) -> Verdict<'a> {
        let Some(admitted) = self.admit(headers) else {
            return Verdict::NotCors;
        };
        if is_preflight(method, headers) {
            Verdict::Preflight(
                admitted.and_then(|grant| self.check_preflight(headers).map(|()| grant)),
            )
        } else {
            Verdict::Actual(admitted)
        }
    }

    /// Whether the origin may read; `None` without one.
    fn admit<'a>(&'a self, headers: &'a HeaderMap) -> Option<Result<Grant<'a>, Refusal>> {
        let mut lines = headers.get_all(ORIGIN).iter();
        let origin = lines.next()?;
        let (origins, null, credentials) = match &self.access {
            Access::Any => return Some(Ok(FOR_ALL)),
            Access::Listed {
                origins,
                null,
                credentials,
            } => (origins, *null, *credentials),
        };
        let admitted = if lines.next().is_some() {
            Err(Refusal::SeveralOrigins)
        } else if origin == NULL {
            // Fetch #origin-header: exactly these four bytes.
            if null {
                Ok(&NULL)
            } else {
                Err(Refusal::NullOrigin)
            }
        } else {
            origins.find(origin).ok_or(Refusal::Origin)
        };
        Some(admitted.map(|origin| Grant {
            origin,
            credentials,
        }))
    }

    /// Whether what a preflight asks for is allowed, its origin aside.
    fn check_preflight(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut methods = headers.get_all(ACCESS_CONTROL_REQUEST_METHOD).iter();
        // Fetch #cors-preflight-fetch step 3: one method. Two lines would be a list, which is none.
        match (methods.next(), methods.next()) {
            (Some(method), None) if self.methods.allow(method.as_bytes()) => {}
            _ => return Err(Refusal::Method),
        }
        let names = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
        self.headers.allow(names).map_err(|refused| match refused {
            acrh::Refused::Name(_) => Refusal::Header,
            acrh::Refused::Length => Refusal::TooManyHeaders,
        })
    }
}

/// Fetch #cors-preflight-request: any other `OPTIONS` is the application's.
fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Verdict<'_> {
    /// The rule that the request fails, if it does.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::NotCors => None,
            Self::Actual(granted) | Self::Preflight(granted) => granted.err(),
        }
    }
}

impl<'a> Grant<'a> {
    /// The value of `Access-Control-Allow-Origin`.
    #[must_use]
    pub fn origin(&self) -> &'a HeaderValue {
        self.origin
    }

    /// Whether `Access-Control-Allow-Credentials` is sent.
    #[must_use]
    pub fn credentials(&self) -> bool {
        self.credentials
    }
}
