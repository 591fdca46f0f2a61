//! The probes: requests that a router refuses, made from one that it takes.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use crate::browser::page::request::{BodyInit, Request};
use crate::browser::web::server::Trouble;

/// A way to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// The call as it is.
    Call,
    NoToken,
    BadToken,
    OtherMethod,
    UnknownPath,
    TooLarge,
    OtherType,
    OtherAccept,
    Malformed,
    NeverComes,
    Panics,
    Slow,
    Burst(usize),
}

/// The probes that can be made from a call.
pub(super) fn probes(call: &Request, has_cookies: bool, burst: usize) -> Vec<Probe> {
    let has_token = has_cookies || call.headers.iter().any(|(name, _)| is_token(name));
    let has_body = call.body.bytes.is_some();
    let if_so = |condition: bool, probes: &[Probe]| match condition {
        true => probes.to_vec(),
        false => Vec::new(),
    };
    [
        if_so(has_token, &[Probe::NoToken, Probe::BadToken]),
        vec![Probe::UnknownPath, Probe::OtherMethod, Probe::OtherAccept],
        if_so(
            has_body,
            &[
                Probe::OtherType,
                Probe::Malformed,
                Probe::TooLarge,
                Probe::NeverComes,
                Probe::Panics,
            ],
        ),
        if_so(burst > 0, &[Probe::Burst(burst)]),
    ]
    .concat()
}

/// The headers that hold tokens.
fn is_token(name: &HeaderName) -> bool {
    *name == AUTHORIZATION || matches!(name.as_str(), "x-api-key" | "x-auth-token")
}

impl Probe {
    /// The number of times that the request is sent.
    pub(super) fn times(self) -> usize {
        match self {
            Self::Burst(times) => times,
            _ => 1,
        }
    }

    /// The cookie that the browser has for this probe.
    pub(super) fn cookie(self, set_cookie: &str) -> Option<String> {
        match self {
            Self::NoToken => None,
            Self::BadToken => {
                let (pair, attributes) = set_cookie.split_once(';').unwrap_or((set_cookie, ""));
                let name = pair.split('=').next().unwrap_or_default();
                Some(format!("{name}=wrong; {attributes}"))
            }
            _ => Some(set_cookie.to_owned()),
        }
    }

    /// The request of this probe.
    pub(super) fn request(
        self,
        call: &Request,
        origin: &str,
        large: usize,
        deadline: Duration,
    ) -> Request {
        let mut request = call.clone();
        request.url = format!("{origin}{}", call.url);
        match self {
            Self::Call | Self::Slow | Self::Burst(_) => {}
            Self::NoToken => request.headers.retain(|(name, _)| !is_token(name)),
            Self::BadToken => {
                let tokens = request.headers.iter_mut();
                for (_, value) in tokens.filter(|(name, _)| is_token(name)) {
                    *value = wrong(value);
                }
            }
            Self::UnknownPath => {
                let path = call.url.split(['?', '#']).next().unwrap_or_default();
                let path = path.trim_end_matches('/');
                request.url = format!("{origin}{path}/no-such-path/7f3a");
            }
            // Methods that need no preflight of their own: a policy need not allow others.
            Self::OtherMethod if is_get(&call.method) => request.method = "POST".into(),
            Self::OtherMethod => {
                request.method = "GET".into();
                request.body = BodyInit::default();
            }
            Self::OtherType => {
                let plain = HeaderValue::from_static("text/plain");
                request.headers.retain(|(name, _)| *name != CONTENT_TYPE);
                request.headers.push((CONTENT_TYPE, plain));
            }
            Self::OtherAccept => {
                let unknown = HeaderValue::from_static("application/x-unknown");
                request.headers.retain(|(name, _)| *name != ACCEPT);
                request.headers.push((ACCEPT, unknown));
            }
            Self::Malformed => request.body.bytes = Some(Bytes::from_static(b"{\"")),
            Self::TooLarge => request.body.bytes = Some(vec![b' '; large].into()),
            Self::NeverComes => request.body.trouble = Some(Trouble::Stalls(deadline)),
            Self::Panics => request.body.trouble = Some(Trouble::Panics),
        }
        request
    }
}

fn is_get(method: &str) -> bool {
    method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD")
}

/// Another token of the same scheme.
fn wrong(token: &HeaderValue) -> HeaderValue {
    let text = token.to_str().unwrap_or_default();
    let scheme = text.split_once(' ').map_or("", |(scheme, _)| scheme);
    let wrong = format!("{scheme} wrong");
    HeaderValue::from_str(wrong.trim()).unwrap_or(HeaderValue::from_static("wrong"))
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call => "the call itself",
            Self::NoToken => "no token",
            Self::BadToken => "a wrong token",
            Self::OtherMethod => "another method",
            Self::UnknownPath => "an unknown path",
            Self::TooLarge => "too long a body",
            Self::OtherType => "another content type",
            Self::OtherAccept => "a type that nobody has",
            Self::Malformed => "a malformed body",
            Self::NeverComes => "a body that never comes",
            Self::Panics => "a panic",
            Self::Slow => "a slow call",
            Self::Burst(_) => "many calls at once",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_fit_the_call() {
        let get = Request::get("/items?page=1");
        assert_eq!(
            probes(&get, false, 0),
            [Probe::UnknownPath, Probe::OtherMethod, Probe::OtherAccept]
        );
        assert_eq!(probes(&get, true, 5).len(), 6);
        let post = Request::post("/items")
            .header("authorization", "Bearer x")
            .body("{}");
        assert_eq!(probes(&post, false, 0).len(), 10);

        let made = |probe: Probe| probe.request(&post, "https://a.test", 9, Duration::ZERO);
        assert_eq!(made(Probe::BadToken).headers[0].1, "Bearer wrong");
        assert!(made(Probe::NoToken).headers.is_empty());
        assert_eq!(made(Probe::OtherMethod).method, "GET");
        assert_eq!(
            made(Probe::UnknownPath).url,
            "https://a.test/items/no-such-path/7f3a"
        );
        assert_eq!(
            made(Probe::TooLarge).body.bytes.map(|body| body.len()),
            Some(9)
        );
        assert_eq!(
            Probe::BadToken.cookie("sid=1; Secure").as_deref(),
            Some("sid=wrong;  Secure")
        );
    }
}
