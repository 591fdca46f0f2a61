//! The judgement of a probe: whether the page can read the answer, and which layer stands outside of CORS.

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, VARY};
use http::{HeaderMap, StatusCode};

use super::probes::Probe;
use crate::browser::outcome::error::FetchErrorKind;
use crate::browser::outcome::response::Outcome;
use crate::browser::outcome::trace::Exchange;
use crate::fields::elements;

/// Whether a page can read an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readability {
    /// It can; the status is a refusal, as the probe wanted, or that of a call that works.
    Readable(u16),
    /// It can, but the router did not refuse: the probe found out nothing.
    NotProvoked(u16),
    /// It cannot, as a layer outside of CORS answered.
    Unreadable {
        /// The status that the page does not see.
        status: u16,
        /// The layer that must be further in, in words.
        layer: &'static str,
    },
    /// The preflight met a layer that is outside of CORS.
    PreflightRefused {
        /// The status of its answer.
        status: u16,
        /// The layer that must be further in, in words.
        layer: &'static str,
    },
    /// The policy does not allow the call to this page, wherever the layer is; the text is the console's.
    NotAllowed(String),
    /// There was no answer, as to a panic that nothing catches.
    NotAnswered(String),
}

impl Readability {
    /// Whether this is as it should be.
    #[must_use]
    pub fn passed(&self) -> bool {
        matches!(
            self,
            Self::Readable(_) | Self::NotProvoked(_) | Self::NotAnswered(_)
        )
    }

    pub(super) fn is_readable(&self) -> bool {
        matches!(self, Self::Readable(_) | Self::NotProvoked(_))
    }

    /// Whether the order of layers is at fault, so that other probes can tell more.
    pub(super) fn is_about_order(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

/// The judgement of one outcome.
pub(super) fn judge(probe: Probe, outcome: &Outcome) -> Readability {
    let last = outcome.trace().requests().last();
    let status = last.and_then(Exchange::status);
    let (error, Some(status)) = (outcome.error(), status) else {
        let error = outcome.error().map(ToString::to_string);
        return Readability::NotAnswered(error.unwrap_or_default());
    };
    let Some(error) = error else {
        return match probe {
            Probe::Call => Readability::Readable(status.as_u16()),
            _ if status.is_client_error() || status.is_server_error() => {
                Readability::Readable(status.as_u16())
            }
            _ => Readability::NotProvoked(status.as_u16()),
        };
    };
    let untouched = last
        .and_then(Exchange::response_headers)
        .is_some_and(|headers| !is_of_cors(status, headers));
    match error.kind() {
        FetchErrorKind::MissingAllowOrigin | FetchErrorKind::PreflightRedirect(_)
            if error.in_preflight() && untouched =>
        {
            Readability::PreflightRefused {
                status: status.as_u16(),
                layer: preflight_layer(status),
            }
        }
        FetchErrorKind::PreflightStatus(_) => Readability::PreflightRefused {
            status: status.as_u16(),
            layer: preflight_layer(status),
        },
        FetchErrorKind::MissingAllowOrigin
            if !error.in_preflight() && is_refusal(probe, status) =>
        {
            Readability::Unreadable {
                status: status.as_u16(),
                layer: layer(probe, status),
            }
        }
        _ => Readability::NotAllowed(error.console()),
    }
}

/// Whether a CORS layer itself may have answered a preflight so: with CORS headers, with a good status
/// (tower-http's does, to origins that it does not allow), or with `Vary` as only such a layer says it.
fn is_of_cors(status: StatusCode, headers: &HeaderMap) -> bool {
    let varies = || {
        elements(headers, &VARY)
            .any(|name| name.eq_ignore_ascii_case(b"access-control-request-method"))
    };
    status.is_success() || headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) || varies()
}

/// Whether a layer may have answered on its own. A call that works and has no CORS headers met no layer
/// at all: its page is not allowed.
fn is_refusal(probe: Probe, status: StatusCode) -> bool {
    let failed = status.is_client_error() || status.is_server_error() || status.is_redirection();
    failed || !matches!(probe, Probe::Call | Probe::Slow | Probe::Burst(_))
}

pub(super) fn is_rate_limit(outcome: &Outcome) -> bool {
    let last = outcome.trace().requests().last();
    last.and_then(Exchange::status)
        .is_some_and(|status| status == StatusCode::TOO_MANY_REQUESTS)
}

/// The layer that answers a preflight with this status.
fn preflight_layer(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => "a redirect (of slashes, to https, to a login) answers the preflight",
        401 | 407 => "authentication answers the preflight, which never has a token",
        403 => "authorization answers the preflight, which never has a token",
        404 => "the router answers the preflight: no CORS layer is around this path",
        405 => "the method router answers the preflight: no CORS layer is around the routes",
        429 => "the rate limit answers the preflight",
        _ => "another layer answers the preflight",
    }
}

/// The layer that answers a probe with this status.
fn layer(probe: Probe, status: StatusCode) -> &'static str {
    match (status.as_u16(), probe) {
        (300..=399, _) => "the redirect",
        (401 | 403 | 407, _) => "authentication",
        (404, _) => "the fallback for unknown paths",
        (405, _) => "the answer to other methods",
        (413, _) => "the body limit",
        (406, _) | (_, Probe::OtherAccept) => "the check of what is accepted",
        (415, _) => "the check of the content type",
        (429, _) => "the rate limit",
        (408 | 504, _) | (503, Probe::NeverComes | Probe::Slow) => "the deadline",
        (503, _) => "load shedding",
        (500.., Probe::Panics) => "the layer that catches panics",
        (500.., _) => "the layer that answers errors",
        _ => "the layer that refuses the request",
    }
}
