//! The headers of responses.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{Response, StatusCode};

use super::judge::{FOR_ALL, Grant, Refusal, Verdict};
use super::policy::{Access, Compiled, Headers, PREFLIGHT_VARY, TRUE};
use crate::fields;

const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// The headers of the response to an actual request, kept until the application has answered.
#[derive(Debug)]
pub(super) struct ResponseHeaders {
    origin: Option<HeaderValue>,
    credentials: bool,
    expose: Option<HeaderValue>,
    vary: bool,
    refusal: Option<Refusal>,
}

/// The answer to a preflight, whose body is empty.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    refusal: Option<Refusal>,
}

impl Compiled {
    /// The headers of the response to a request that is not a preflight.
    pub(super) fn response_headers(&self, verdict: Verdict<'_>) -> ResponseHeaders {
        let grant = match (&self.access, verdict) {
            // Fetch #cors-protocol-and-http-caches: the same is sent to all, with `Origin` or without, so
            // that a cache keeps one response for everybody. To repeat the origin instead would cost a
            // `Vary`, and a copy for each page.
            (Access::Any, _) => Some(FOR_ALL),
            (Access::Listed { .. }, Verdict::Actual(granted)) => granted.ok(),
            (Access::Listed { .. }, Verdict::NotCors | Verdict::Preflight(_)) => None,
        };
        ResponseHeaders {
            origin: grant.map(|grant| grant.origin().clone()),
            credentials: grant.is_some_and(|grant| grant.credentials()),
            expose: grant.and_then(|_| self.expose.clone()),
            // If one origin is listed, the same clause lets a server send it to all, and no `Vary`. That saves caches a
            // copy, and costs a second rule, under which a policy that gets its second origin finds the answers of
            // before in the caches.
            vary: matches!(self.access, Access::Listed { .. }),
            refusal: None,
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
            // Fetch #cors-preflight-fetch step 7 takes any ok status. 200 would do too, and is said to be
            // needed by browsers that are older than the standard; 204 says that there is no body.
            status: StatusCode::NO_CONTENT,
            headers,
            refusal: None,
        }
    }

    /// The answer to a preflight that fails in debug mode, for an allowed origin. It has enough of the permission
    /// that a browser gets to the step that fails, and names that step in its console.
    ///
    /// It is for debug mode only: whoever reads a log, or the answer to curl, takes 204 for a yes.
    #[cold]
    fn debug_answer(&self, refusal: Refusal, request: &HeaderMap) -> Option<HeaderMap> {
        // Then the origin was allowed, as it is judged before.
        let failed_later = matches!(refusal, Refusal::Method | Refusal::Header);
        let origin = request.get(ORIGIN).filter(|_| self.debug && failed_later)?;
        // Fetch #cors-preflight-fetch steps 7.5 and 7.7: the name asked for is not in the list.
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

impl Answer {
    /// With the rule that was broken, for layers outside.
    pub(super) fn telling(mut self, refusal: Option<Refusal>) -> Self {
        self.refusal = refusal;
        self
    }

    pub(super) fn into_response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        leave(self.refusal, &mut response);
        response
    }

    /// Fetch #http-responses: 403, without a header of which a stranger could learn anything.
    ///
    /// A browser fails the preflight at 204 without headers just as well. 403 says it to logs, metrics and
    /// people, and costs that the console tells of the status and not of a header: hence debug mode.
    fn refusal() -> Self {
        let mut headers = HeaderMap::new();
        put(&mut headers, VARY, PREFLIGHT_VARY);
        let status = StatusCode::FORBIDDEN;
        Self {
            status,
            headers,
            refusal: None,
        }
    }
}

impl ResponseHeaders {
    /// As [`Answer::telling`].
    pub(super) fn telling(mut self, refusal: Option<Refusal>) -> Self {
        self.refusal = refusal;
        self
    }

    /// Makes the policy the only author of `Access-Control-*`, and says on what the response depends.
    /// To be called once.
    ///
    /// Independent of the status: pages read errors and redirects, too (Fetch #cors-check).
    pub(super) fn apply<B>(self, response: &mut Response<B>) {
        leave(self.refusal, response);
        let headers = response.headers_mut();
        remove_foreign(headers);
        // First, as it must not be missing where there is room for the others. On refused responses and
        // those to requests without `Origin`, too: a cache would otherwise give these to allowed pages
        // (Fetch #cors-protocol-and-http-caches).
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

/// Removes `Access-Control-*` of the application or an upstream. Two values of
/// `Access-Control-Allow-Origin` are as good as none (Fetch #cors-check), and one that the policy did not
/// give is a hole.
///
/// To let the application's values win, where it has some, would serve a route with rules of its own. It
/// costs that nobody can tell from the policy who reads what; such a route takes a policy of its own.
fn remove_foreign(headers: &mut HeaderMap) {
    let is_foreign = |name: &&HeaderName| name.as_str().starts_with("access-control-");
    if headers.keys().any(|name| is_foreign(&name)) {
        let foreign: Vec<HeaderName> = headers.keys().filter(is_foreign).cloned().collect();
        for name in foreign {
            headers.remove(name);
        }
    }
}

/// Leaves the rule that was broken, where that was asked for.
fn leave<B>(refusal: Option<Refusal>, response: &mut Response<B>) {
    if let Some(refusal) = refusal {
        response.extensions_mut().insert(refusal);
    }
}

/// A map that is full stays as it is: then the response is shared with nobody.
fn put(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let _full = headers.try_append(name, value);
}
