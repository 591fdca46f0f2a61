//! The page: its files, embedded in the binary, and the notebook's and the session's endpoints.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use same_origin::proxy::Body;
use serde_json::json;

use super::lab::{Lab, query_value};
use super::servers::{not_found, reply};
use super::sigv4::SCOPE;
use super::token::SESSION;
use super::{Api, Origins, unix_time};

/// Seconds for which a session is good.
const SESSION_TIME: u64 = 3600;

const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Path, media type, content.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    ("/runner.html", HTML, include_str!("page/runner.html")),
    ("/style.css", CSS, include_str!("page/style.css")),
    ("/main.js", JS, include_str!("page/main.js")),
    ("/runner.js", JS, include_str!("page/runner.js")),
    ("/plan.js", JS, include_str!("page/plan.js")),
    ("/explain.js", JS, include_str!("page/explain.js")),
    ("/draw.js", JS, include_str!("page/draw.js")),
    ("/card.js", JS, include_str!("page/card.js")),
    ("/waterfall.js", JS, include_str!("page/waterfall.js")),
    ("/rows.js", JS, include_str!("page/rows.js")),
    ("/sign.js", JS, include_str!("page/sign.js")),
];

pub struct Page {
    lab: Lab,
    origins: Origins,
    security_policy: HeaderValue,
}

impl Page {
    pub fn new(lab: Lab, origins: Origins) -> Result<Self, http::header::InvalidHeaderValue> {
        let Origins {
            three,
            two,
            one,
            api,
            bucket,
            ..
        } = &origins;
        // The runners stand in frames of all three origins, under the page of the one-domain setup.
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
             connect-src 'self' {api} {bucket}; frame-src {three} {two} {one}; \
             frame-ancestors {one}; base-uri 'none'; form-action 'none'"
        );
        Ok(Self {
            security_policy: policy.try_into()?,
            lab,
            origins,
        })
    }

    pub fn answer<B>(&self, api: &Api, request: &Request<B>) -> Response<Body> {
        let query = request.uri().query().unwrap_or_default();
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/lab/setup") => reply(StatusCode::OK, &self.origins),
            (&Method::GET, "/lab/run") => {
                let run = query_value(query, "id").unwrap_or_default();
                reply(StatusCode::OK, &self.lab.report(run))
            }
            (&Method::POST, "/lab/session") => session(api),
            (&Method::GET | &Method::HEAD, path) => self.file(path),
            _ => not_found(),
        }
    }

    fn file(&self, path: &str) -> Response<Body> {
        let Some((_, kind, content)) = FILES.iter().find(|(name, ..)| *name == path) else {
            return not_found();
        };
        let mut response = Response::new(Body::from(*content));
        let headers: &mut HeaderMap = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CONTENT_SECURITY_POLICY, self.security_policy.clone());
        response
    }
}

/// Signs the visitor in: the session as a cookie, and what a script that signs by itself needs.
fn session(api: &Api) -> Response<Body> {
    let now = unix_time();
    let token = api.tokens.issue("visitor", now + SESSION_TIME);
    let expired = api.tokens.issue("visitor", now.saturating_sub(60));
    let (Ok(token), Ok(expired)) = (token, expired) else {
        return reply(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "error": "no token" }),
        );
    };
    let cookie =
        format!("{SESSION}={token}; Path=/; Max-Age={SESSION_TIME}; HttpOnly; SameSite=Strict");
    let body = json!({
        "token": token,
        "expired": expired,
        "credentials": api.credentials,
        "scope": SCOPE,
    });
    let mut response = reply(StatusCode::OK, &body);
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
