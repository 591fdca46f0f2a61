//! The API: under a base path, as behind an API gateway's stage, with four kinds of authority and
//! redirects to signed URLs of the bucket.

use http::header::{LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use same_origin::proxy::Body;
use serde_json::json;

use super::bucket::Signer;
use super::lab::{query_value, tags};
use super::servers::{not_found, reply};
use super::sigv4::{self, Credentials};
use super::token::{Claims, Tokens};

/// The base path of the API: what the gateway's upstream ends in and no browser sees behind it.
pub const STAGE: &str = "/prod";

pub struct Api {
    pub tokens: Tokens,
    pub credentials: Credentials,
    pub signer: Signer,
    /// The bucket's own origin: the API need not know through which prefix a browser sees it.
    pub bucket: String,
}

impl Api {
    /// Answers what stands behind the stage and the policy: `/items`, `/work`, ….
    pub fn answer<B>(&self, path: &str, request: &Request<B>) -> Response<Body> {
        let (first, name) = match path.split_once('/') {
            Some((first, name)) => (first, name),
            None => (path, ""),
        };
        match (request.method(), first) {
            (&Method::GET, "public") => reply(StatusCode::OK, &json!({ "hello": "everybody" })),
            (&Method::GET, "items") => self.signed_in(request, |who| {
                reply(
                    StatusCode::OK,
                    &json!({ "items": [1, 2, 3], "for": who.sub }),
                )
            }),
            (&Method::POST, "work") => self.signed_in(request, |who| {
                reply(StatusCode::OK, &json!({ "started": true, "by": who.sub }))
            }),
            (&Method::GET, "signed") => match sigv4::verify(&self.credentials, request) {
                Ok(()) => reply(StatusCode::OK, &json!({ "signature": "verified" })),
                Err(why) => reply(StatusCode::FORBIDDEN, &json!({ "error": why })),
            },
            (&Method::GET | &Method::POST, "files") => self.redirect(name, request),
            (&Method::GET | &Method::POST, "private") => {
                self.signed_in(request, |_| self.redirect(name, request))
            }
            (_, "public" | "items" | "work" | "signed" | "files" | "private") => {
                let why = json!({ "error": "method not allowed" });
                reply(StatusCode::METHOD_NOT_ALLOWED, &why)
            }
            _ => not_found(),
        }
    }

    /// Answers a request of somebody who is signed in, and 401 to others.
    fn signed_in<B>(
        &self,
        request: &Request<B>,
        answer: impl FnOnce(Claims) -> Response<Body>,
    ) -> Response<Body> {
        match self.tokens.judge(request.headers()) {
            Ok(claims) => answer(claims),
            Err(why) => Self::unauthorized(why),
        }
    }

    pub fn unauthorized(why: &str) -> Response<Body> {
        let mut response = reply(StatusCode::UNAUTHORIZED, &json!({ "error": why }));
        let headers = response.headers_mut();
        // RFC 9110 15.5.2: a 401 says how to authenticate.
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    }

    /// Sends the client to an object (`policy/name`) by a URL signed for it: by 303, so that a POST
    /// arrives as the GET that was signed (RFC 9110 15.4.4), unless the query asks for another status.
    fn redirect<B>(&self, object: &str, request: &Request<B>) -> Response<Body> {
        let query = request.uri().query().unwrap_or_default();
        let status = match query_value(query, "status") {
            None | Some("303") => StatusCode::SEE_OTHER,
            Some("302") => StatusCode::FOUND,
            Some("307") => StatusCode::TEMPORARY_REDIRECT,
            Some(_) => {
                return reply(
                    StatusCode::BAD_REQUEST,
                    &json!({ "error": "no such status" }),
                );
            }
        };
        let signed = self.signer.sign(&format!("/{object}"));
        let location = format!("{}{signed}{}", self.bucket, tags(query));
        let Ok(location) = HeaderValue::try_from(location) else {
            return not_found();
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response.headers_mut().insert(LOCATION, location);
        response
    }
}
