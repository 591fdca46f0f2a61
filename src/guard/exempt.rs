//! Paths that are not judged.
//!
//! An exemption takes a check away, so that every doubt is settled against it: the public path is compared
//! byte for byte, on segment boundaries, and what some server may read as a way out of it is not exempt
//! (CVE-2025-47910: a pattern that freed more than it says).

use http::Method;

use crate::path::is_ambiguous;

/// The paths that are not judged, with the methods for which they are not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exempt(pub(crate) Vec<Rule>);

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Begins with a slash, and does not end with one.
    pub(crate) path: Box<str>,
    /// `None`: all.
    pub(crate) methods: Option<Vec<Method>>,
}

impl Exempt {
    /// Whether a request to the public path is not judged.
    pub(crate) fn frees(&self, method: &Method, path: &str) -> bool {
        self.0.iter().any(|rule| rule.frees(method, path))
    }
}

impl Rule {
    fn frees(&self, method: &Method, path: &str) -> bool {
        let below = match path.strip_prefix(&*self.path) {
            Some(below) if below.is_empty() || below.starts_with('/') => below,
            Some(_) | None => return false,
        };
        self.covers(method) && !is_ambiguous(below)
    }

    fn covers(&self, method: &Method) -> bool {
        match &self.methods {
            None => true,
            // A handshake by HTTP/2 is the GET of HTTP/1.1 (RFC 8441 5), and the entry means both.
            Some(methods) if *method == Method::CONNECT => {
                methods.contains(method) || methods.contains(&Method::GET)
            }
            Some(methods) => methods.contains(method),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exempt() -> Exempt {
        let rule = |path: &str, methods: Option<Vec<Method>>| Rule {
            path: path.into(),
            methods,
        };
        Exempt(vec![
            rule("/api/hook", Some(vec![Method::POST])),
            rule("/socket", Some(vec![Method::GET])),
            rule("/saml/acs", None),
        ])
    }

    #[test]
    fn an_exemption_is_what_it_says_and_no_more() {
        for (method, path, free) in [
            (Method::POST, "/api/hook", true),
            (Method::POST, "/api/hook/", true),
            (Method::POST, "/api/hook/stripe", true),
            (Method::POST, "/api/hook/a%2fb", true),
            (Method::POST, "/api/hook/...", true),
            (Method::POST, "/api/hook/.well-known", true),
            (Method::PUT, "/saml/acs", true),
            (Method::CONNECT, "/saml/acs", true),
            (Method::GET, "/socket", true),
            (Method::CONNECT, "/socket", true),
            (Method::PUT, "/api/hook", false),
            (Method::CONNECT, "/api/hook", false),
            (Method::POST, "/api/hooked", false),
            (Method::POST, "/api/hook.json", false),
            (Method::POST, "/api/hook-admin/x", false),
            (Method::POST, "/api/hook%2fx", false),
            (Method::POST, "/api/hook%20", false),
            (Method::POST, "/api/hook;v=1", false),
            (Method::POST, "/api/HOOK", false),
            (Method::POST, "/api//hook", false),
            (Method::POST, "/api/%68ook", false),
            (Method::POST, "/api/api/hook", false),
            (Method::POST, "/api", false),
            (Method::POST, "", false),
            (Method::POST, "/api/hook/..", false),
            (Method::POST, "/api/hook/../x", false),
            (Method::POST, "/api/hook/./x", false),
            (Method::POST, "/api/hook/%2e%2E/x", false),
            (Method::POST, "/api/hook/..%2fx", false),
            (Method::POST, "/api/hook/..;/x", false),
            (Method::POST, "/api/hook/..;v=1%2fx", false),
            (Method::POST, "/api/hook/..\\x", false),
            (Method::POST, "/api/hook/x%5c..", false),
            (Method::POST, "/api/hook/;/..", false),
        ] {
            assert_eq!(exempt().frees(&method, path), free, "{method} {path}");
        }
    }
}
