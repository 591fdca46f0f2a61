//! The headers of responses.

use super::judge::{FOR_ALL, Grant, Refusal, Verdict};
use super::policy::{Access, Compiled, Headers, Methods};
use super::value::ready;
use crate::fields;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap,
    HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{Response, StatusCode};

const TRUE: HeaderValue = HeaderValue::from_static("true");

const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// OPTIONS is not cacheable (RFC 9110 9.3.7), yet some shared caches keep it.
const PREFLIGHT_VARY: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

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
    status: StatusCode,
    headers: HeaderMap,
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
    pub(super) fn answer(
        &self,
        granted: Result<Grant<'_>, Refusal>,
        request: &HeaderMap,
    ) -> Answer {
        let headers = match granted {
            Ok(grant) => self.permit(grant),
            Err(refusal) => match self.debug_answer(refusal, request) {
                Some(headers) => headers,
                None => return Answer::refusal(),
            },
        };
        Answer {
            status: StatusCode::NO_CONTENT,
            headers,
        }
    }

    /// In debug mode, and for an allowed origin: so much of the permission that a browser comes to the
    /// step at which the preflight fails, and names it in its console.
    #[cold]
    fn debug_answer(&self, refusal: Refusal, request: &HeaderMap) -> Option<HeaderMap> {
        // Then the origin was allowed, for it is judged before.
        let failed_later = matches!(refusal, Refusal::Method | Refusal::Header);
        let origin = request.get(ORIGIN).filter(|_| self.debug && failed_later)?;
        // Fetch #cors-preflight-fetch steps 7.5 and 7.7: what was asked for is not in the list.
        let mut headers = self.permit(self.grant_to(origin));
        if refusal == Refusal::Header && matches!(self.headers, Headers::Any { .. }) {
            // Chromium would take `*` for `authorization`, against step 7.6.
            headers.remove(ACCESS_CONTROL_ALLOW_HEADERS);
        }
        Some(headers)
    }

    fn permit(&self, grant: Grant<'_>) -> HeaderMap {
        let mut headers = self.permission.clone();
        // In place: an insert would make room for one more before it looks.
        if let Some(origin) = headers.get_mut(ACCESS_CONTROL_ALLOW_ORIGIN) {
            *origin = grant.origin().clone();
        }
        headers
    }
}

/// The answer to all allowed preflights of a policy; where the origin depends on the request, its value
/// only keeps the place, so that the clone need not grow.
///
/// It has the whole lists rather than what was asked for: browsers remember each entry, and so have to
/// ask less often (Fetch #cors-preflight-fetch step 7.13).
pub(super) fn permission(
    access: &Access,
    methods: &Methods,
    headers: &Headers,
    max_age: Option<u64>,
) -> HeaderMap {
    let credentials = match access {
        Access::Any => false,
        Access::Listed { credentials, .. } => *credentials,
    };
    let fields = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, Some(FOR_ALL.origin().clone())),
        (
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            credentials.then_some(TRUE),
        ),
        (ACCESS_CONTROL_ALLOW_METHODS, methods.to_value()),
        (ACCESS_CONTROL_ALLOW_HEADERS, headers.to_value()),
        (
            ACCESS_CONTROL_MAX_AGE,
            max_age.map(|age| ready(age.to_string())),
        ),
        (VARY, Some(PREFLIGHT_VARY)),
    ];
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

impl Answer {
    pub(super) fn into_response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Fetch #http-responses: 403, and nothing else to be learned.
    fn refusal() -> Self {
        let mut headers = HeaderMap::new();
        put(&mut headers, VARY, PREFLIGHT_VARY);
        let status = StatusCode::FORBIDDEN;
        Self { status, headers }
    }
}

impl Share {
    /// Makes the policy the only author of `Access-Control-*`, and says on what the response depends.
    /// To be called once.
    pub(super) fn apply(self, headers: &mut HeaderMap) {
        remove_foreign(headers);
        // First, as it must not be missing where there is room for the others.
        if self.vary {
            fields::add_token(headers, VARY, VARY_ORIGIN);
        }
        if let Some(origin) = self.origin {
            put(headers, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if self.credentials {
            put(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        if let Some(names) = self.expose {
            put(headers, ACCESS_CONTROL_EXPOSE_HEADERS, names);
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
    let _full = headers.try_append(name, value);
}
