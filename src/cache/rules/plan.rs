//! The plan of a cache for a request, by its head alone.

use http::header;
use http::{Method, request};

use crate::cache::http::conditional;
use crate::cache::http::control::RequestControl;
use crate::cache::http::range::{self, Wanted};
use crate::cache::http::status::Forward;
use crate::cache::store::key::{self, Key};

/// The way to handle a request.
#[derive(Debug)]
pub(crate) enum Plan {
    /// It goes on, and its response comes back as it is.
    Pass(Forward),
    /// It goes on, and what is stored of its target is not used any more (RFC 9111 4.4).
    Change,
    /// It cannot be answered from memory, and its client wants nothing else.
    NotStored,
    /// It is looked up.
    Look(Asked),
}

/// The demands of a request on a cache.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) key: Key,
    pub(crate) control: RequestControl,
    pub(crate) range: Option<Wanted>,
    pub(crate) is_head: bool,
    pub(crate) authorized: bool,
    /// Whether a 304 would do.
    pub(crate) conditional: bool,
}

impl Plan {
    /// `has_body`: a body is not in the key, so that what is said to one may not be said to others. (A server
    /// that reads the body of a `GET` could be made to answer everybody by it.)
    pub(crate) fn of(parts: &request::Parts, has_body: bool) -> Self {
        let headers = &parts.headers;
        match parts.method {
            Method::GET | Method::HEAD => {}
            // RFC 9110 9.2.1, RFC 10008: methods that change nothing. A method that is not known may change something.
            Method::OPTIONS | Method::TRACE | Method::CONNECT => {
                return Self::Pass(Forward::Method);
            }
            _ if parts.method.as_str() == "QUERY" => return Self::Pass(Forward::Method),
            _ => return Self::Change,
        }
        let control = RequestControl::of(headers);
        // RFC 9111 5.2.1.7: 504, for whatever reason nothing stored can be the answer.
        let pass = |why| {
            if control.only_if_cached {
                Self::NotStored
            } else {
                Self::Pass(why)
            }
        };
        if has_body
            || headers.contains_key(header::UPGRADE)
            || conditional::is_for_origin(headers)
            || key::is_ambiguous(headers)
        {
            return pass(Forward::Bypass);
        }
        if control.no_store {
            return pass(Forward::Request);
        }
        let is_head = parts.method == Method::HEAD;
        // RFC 9110 14.2: ranges are for GET.
        let range = if is_head {
            None
        } else {
            match range::wanted(headers) {
                Ok(range) => range,
                Err(range::Unclear) => return pass(Forward::Bypass),
            }
        };
        Self::Look(Asked {
            key: key::of(parts),
            control,
            range,
            is_head,
            authorized: headers.contains_key(header::AUTHORIZATION),
            conditional: headers.contains_key(header::IF_NONE_MATCH)
                || headers.contains_key(header::IF_MODIFIED_SINCE),
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_request_is_looked_up_if_its_head_is_all_of_it() {
        let plan = |method: &str, fields: &[(&str, &str)], has_body| {
            let mut request = Request::builder().method(method).uri("/a");
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            match Plan::of(&request.body(()).unwrap().into_parts().0, has_body) {
                Plan::Pass(why) => format!("{why:?}"),
                Plan::Change => "Change".to_owned(),
                Plan::NotStored => "NotStored".to_owned(),
                Plan::Look(_) => "Look".to_owned(),
            }
        };
        for (method, fields, expected) in [
            ("GET", &[][..], "Look"),
            ("HEAD", &[("range", "bytes=0-1,2-3")], "Look"),
            ("GET", &[("authorization", "x")], "Look"),
            ("GET", &[("range", "bytes=0-1")], "Look"),
            ("GET", &[("range", "bytes=0-1,2-3")], "Bypass"),
            ("GET", &[("range", "lines=1-2")], "Bypass"),
            ("GET", &[("upgrade", "websocket")], "Bypass"),
            ("GET", &[("if-match", "\"a\"")], "Bypass"),
            ("GET", &[("if-unmodified-since", "x")], "Bypass"),
            ("GET", &[("host", "a"), ("host", "b")], "Bypass"),
            ("GET", &[("cache-control", "no-store")], "Request"),
            ("HEAD", &[("cache-control", "only-if-cached")], "Look"),
            (
                "GET",
                &[("cache-control", "only-if-cached, no-store")],
                "NotStored",
            ),
            (
                "HEAD",
                &[("cache-control", "only-if-cached"), ("if-match", "x")],
                "NotStored",
            ),
            (
                "GET",
                &[
                    ("cache-control", "only-if-cached"),
                    ("range", "bytes=0-1,2-3"),
                ],
                "NotStored",
            ),
            (
                "POST",
                &[("cache-control", "only-if-cached, no-store")],
                "Change",
            ),
            ("OPTIONS", &[], "Method"),
            ("TRACE", &[], "Method"),
            ("CONNECT", &[], "Method"),
            ("QUERY", &[], "Method"),
            ("POST", &[], "Change"),
            ("DELETE", &[], "Change"),
            ("M-SEARCH", &[], "Change"),
            ("get", &[], "Change"),
        ] {
            assert_eq!(plan(method, fields, false), expected, "{method} {fields:?}");
        }
        assert_eq!(plan("GET", &[], true), "Bypass");
    }
}
