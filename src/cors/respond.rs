//! The headers of responses.

use super::judge::{FOR_ALL, Grant, Refusal, Verdict};
use super::policy::{Access, Compiled};
use crate::fields;
use http::StatusCode;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap,
    HeaderName, HeaderValue, VARY,
};

/// What the response to an actual request gets, kept until the application has answered.
#[derive(Debug)]
pub(super) struct Share {
    origin: Option<HeaderValue>,
    credentials: bool,
    expose: Option<HeaderValue>,
    vary: bool,
}

/// The answer to a preflight, whose body is empty.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

impl Compiled {
    /// What the response to a request that is no preflight gets.
    pub(super) fn share(&self, verdict: Verdict<'_>) -> Share {
        let grant = match (&self.access, verdict) {
            // Fetch #cors-protocol-and-http-caches: what is the same for all is sent to all, with or
            // without `Origin`, so that a cache can keep one response for everybody.
            (Access::Any, _) => Some(FOR_ALL),
            (Access::Listed { .. }, Verdict::Actual(granted)) => granted.ok(),
            (Access::Listed { .. }, Verdict::NotCors | Verdict::Preflight(_)) => None,
        };
        Share {
            origin: grant.map(|grant| grant.origin().clone()),
            credentials: grant.is_some_and(|grant| grant.credentials()),
            expose: grant.and_then(|_| self.expose.clone()),
            vary: matches!(self.access, Access::Listed { .. }),
        }
    }

    /// The answer to a preflight.
    pub(super) fn answer(&self, granted: Result<Grant<'_>, Refusal>) -> Answer {
        // Six fields at most, so that the map never has to grow.
        let mut headers = HeaderMap::with_capacity(6);
        // OPTIONS is not cacheable (RFC 9110 9.3.7), yet some shared caches keep it.
        let names = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        put(&mut headers, VARY, HeaderValue::from_static(names));
        let Ok(grant) = granted else {
            // Fetch #http-responses: 403, and nothing else to be learned.
            return Answer {
                status: StatusCode::FORBIDDEN,
                headers,
            };
        };
        self.permit(grant, &mut headers);
        Answer {
            status: StatusCode::NO_CONTENT,
            headers,
        }
    }

    /// All that the origin may do. The whole lists rather than what was asked for: browsers remember
    /// each entry, and so have to ask less often (Fetch #cors-preflight-fetch step 7.13).
    fn permit(&self, grant: Grant<'_>, headers: &mut HeaderMap) {
        put(headers, ACCESS_CONTROL_ALLOW_ORIGIN, grant.origin().clone());
        if grant.credentials() {
            put(
                headers,
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, self.methods.value()),
            (ACCESS_CONTROL_ALLOW_HEADERS, self.headers.value()),
            (ACCESS_CONTROL_MAX_AGE, self.max_age.clone()),
        ] {
            if let Some(value) = value {
                put(headers, name, value);
            }
        }
    }
}

impl Share {
    /// Makes the policy the only author of `Access-Control-*`, and says on what the response depends.
    pub(super) fn apply(self, headers: &mut HeaderMap) {
        remove_foreign(headers);
        if let Some(origin) = self.origin {
            put(headers, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if self.credentials {
            put(
                headers,
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        if let Some(names) = self.expose {
            put(headers, ACCESS_CONTROL_EXPOSE_HEADERS, names);
        }
        if self.vary {
            fields::add_token(headers, VARY, "origin");
        }
    }
}

/// What the application or an upstream said gives way: two values of `Access-Control-Allow-Origin` are
/// as good as none, and one that the policy did not give is a hole.
fn remove_foreign(headers: &mut HeaderMap) {
    let is_foreign = |name: &&HeaderName| name.as_str().starts_with("access-control-");
    if headers.keys().any(|name| is_foreign(&name)) {
        let foreign: Vec<HeaderName> = headers.keys().filter(is_foreign).cloned().collect();
        for name in foreign {
            headers.remove(name);
        }
    }
}

/// A map that is full stays as it is: then the response is shared with nobody.
fn put(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let _full = headers.try_insert(name, value);
}
