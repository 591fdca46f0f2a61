//! The decision: the kind of a request, and whether the policy allows it.
//!
//! Nothing here allocates or can panic, whatever the request holds.

use std::fmt;

use http::Method;
use http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN,
};
use http::request::Parts;

use super::acrh;
use super::policy::{Access, Compiled, CorsPolicy};
use crate::fields::{self, Sole};

/// The kind of a request, and whether the policy allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict<'a> {
    /// Not a CORS request, as it has no `Origin`. The application answers.
    NotCors,
    /// An actual request. The application answers in any case: CORS is not access control, and the
    /// same field comes with same-origin requests. Decided is whether the page may read the answer.
    Actual(Result<Grant<'a>, Refusal>),
    /// A preflight, which asks for permission to make an actual request. It is answered on the spot.
    Preflight(Result<Grant<'a>, Refusal>),
}

/// Permission for the page that made the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    origin: &'a HeaderValue,
    credentials: bool,
}

/// The rule of the policy that a request breaks.
///
/// If [`CorsLayer::tell_refusals`](super::CorsLayer::tell_refusals) asks for it, the response has it in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Refusal {
    /// There are several `Origin` lines, which no browser sends.
    SeveralOrigins,
    /// The origin is not allowed, or the value is not an origin.
    Origin,
    /// The origin is `null`, which is not allowed.
    NullOrigin,
    /// The preflight asks for a method that is not allowed, or the value is not a method.
    Method,
    /// The preflight asks for a header that is not allowed.
    Header,
    /// The preflight asks for more headers than a request can carry.
    TooManyHeaders,
}

static STAR: HeaderValue = HeaderValue::from_static("*");
static NULL: HeaderValue = HeaderValue::from_static("null");

/// The permission that a policy for everybody gives to everybody.
pub(super) static FOR_ALL: Grant<'static> = Grant {
    origin: &STAR,
    credentials: false,
};

impl CorsPolicy {
    /// Decides of what kind the request is, and whether it is allowed.
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
    #[inline]
    pub(super) fn judge<'a>(&'a self, method: &Method, headers: &'a HeaderMap) -> Verdict<'a> {
        match self.admit(headers) {
            Some(admitted) => self.proceed(admitted, method, headers),
            // Fetch #http-requests: without `Origin` it is not a CORS request, whatever its method. To
            // answer an `OPTIONS` with Access-Control-Request-Method all the same would serve no browser.
            None => Verdict::NotCors,
        }
    }

    /// The verdict on a CORS request of which the origin has been judged.
    #[inline]
    pub(super) fn proceed<'a>(
        &self,
        admitted: Result<Grant<'a>, Refusal>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Verdict<'a> {
        let requested = if method == Method::OPTIONS {
            fields::sole(headers, &ACCESS_CONTROL_REQUEST_METHOD)
        } else {
            Sole::Absent
        };
        match requested {
            // Fetch #cors-preflight-request: any other `OPTIONS` is the application's. To take each for a
            // preflight would swallow those that scripts, WebDAV and API clients make.
            Sole::Absent => Verdict::Actual(admitted),
            // The origin first, and the rest only if it is allowed. To look at all would name every fault,
            // and read lists for strangers; `explain` does that, for the owner of the policy.
            Sole::One(requested) => Verdict::Preflight(
                admitted.and_then(|grant| self.check(requested, headers).map(|()| grant)),
            ),
            // Fetch #cors-preflight-fetch step 3: one method. Two lines make a list, of which others may
            // read the first and others the last.
            Sole::Several => Verdict::Preflight(admitted.and(Err(Refusal::Method))),
        }
    }

    /// Permission for an origin that is allowed.
    pub(super) fn grant_to<'a>(&self, origin: &'a HeaderValue) -> Grant<'a> {
        match self.access {
            Access::Any => FOR_ALL,
            Access::Listed { credentials, .. } => Grant {
                origin,
                credentials,
            },
        }
    }

    /// Whether the origin may read; `None` without one.
    #[inline]
    pub(super) fn admit<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> Option<Result<Grant<'a>, Refusal>> {
        let admitted = match (fields::sole(headers, &ORIGIN), &self.access) {
            (Sole::Absent, _) => return None,
            // The answer is the same for all, and so must not depend on the value.
            (_, Access::Any) => return Some(Ok(FOR_ALL)),
            // No browser sends two. To take one of them is to trust that nobody before or behind takes the
            // other.
            (Sole::Several, Access::Listed { .. }) => Err(Refusal::SeveralOrigins),
            // Fetch #origin-header: exactly these four bytes.
            (Sole::One(origin), Access::Listed { null, .. }) if origin == NULL => {
                null.then_some(&NULL).ok_or(Refusal::NullOrigin)
            }
            // Byte for byte, or by a pattern. To parse the origin first and compare its parts would let
            // texts through that no browser sends, and that the one who reads the answer may read otherwise.
            (Sole::One(origin), Access::Listed { origins, .. }) => {
                origins.find(origin).ok_or(Refusal::Origin)
            }
        };
        Some(admitted.map(|origin| self.grant_to(origin)))
    }

    /// The method or header that a preflight was refused for. For people: it looks again.
    #[cold]
    pub(super) fn refused_name<'a>(
        &self,
        refusal: Refusal,
        headers: &'a HeaderMap,
    ) -> Option<&'a [u8]> {
        match refusal {
            Refusal::Method => headers
                .get(ACCESS_CONTROL_REQUEST_METHOD)
                .map(HeaderValue::as_bytes),
            Refusal::Header => {
                let names = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
                match self.headers.allow(names) {
                    Err(acrh::Refused::Name(name)) => Some(name),
                    Err(acrh::Refused::Length) | Ok(()) => None,
                }
            }
            Refusal::SeveralOrigins
            | Refusal::Origin
            | Refusal::NullOrigin
            | Refusal::TooManyHeaders => None,
        }
    }

    /// Whether a preflight asks only for allowed names.
    ///
    /// Credentials are not asked about: a browser learns of them by the answer (Fetch #cors-check), so that
    /// one answer serves both modes.
    fn check(&self, method: &HeaderValue, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.methods.allow(method.as_bytes()) {
            return Err(Refusal::Method);
        }
        let names = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
        self.headers.allow(names).map_err(|refused| match refused {
            acrh::Refused::Name(_) => Refusal::Header,
            acrh::Refused::Length => Refusal::TooManyHeaders,
        })
    }
}

impl<'a> Verdict<'a> {
    /// The permission, if there is one.
    #[must_use]
    pub fn grant(&self) -> Option<Grant<'a>> {
        match self {
            Self::NotCors => None,
            Self::Actual(granted) | Self::Preflight(granted) => granted.ok(),
        }
    }

    /// Whether the request is answered without the application.
    #[must_use]
    pub fn is_preflight(&self) -> bool {
        matches!(self, Self::Preflight(_))
    }

    /// The rule that the request breaks, if it does.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::NotCors => None,
            Self::Actual(granted) | Self::Preflight(granted) => granted.err(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SeveralOrigins => "there are several Origin lines",
            Self::Origin => "the origin is not allowed",
            Self::NullOrigin => "the null origin is not allowed",
            Self::Method => "the method is not allowed",
            Self::Header => "a header is not allowed",
            Self::TooManyHeaders => "there are more headers than a request can carry",
        })
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
