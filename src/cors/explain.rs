//! The decision explained to people: each step, why it ends as it does, and the setting to change.

use http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, COOKIE, HeaderValue, ORIGIN,
};
use http::request::Parts;

use super::acrh;
use super::config::{PolicyErrorKind, entries, remedy};
use super::explanation::{Explanation, Outcome, Step};
use super::judge::{Refusal, Verdict};
use super::policy::{Access, Compiled, CorsPolicy, Headers};
use crate::excerpt::Excerpt;
use crate::fields::{self, Sole};
use crate::origin::{Origin, OriginErrorKind, OriginPattern, OriginSet};

const NOT_SENT: &str = "no browser sends this; look for the program that wrote it";
const NOT_A_NAME: &str = "DNS does not have such names; look for the program that wrote it";

impl CorsPolicy {
    /// Explains what [`judge`](Self::judge) says: which step of Fetch's algorithm, which rule of the
    /// policy, what to change. All steps are looked at, whereas a browser ends at the first that fails.
    ///
    /// ```
    /// use same_origin::cors::CorsPolicy;
    ///
    /// let policy = CorsPolicy::builder().allow_origins(["https://app.example.com"]).build()?;
    /// let (request, ()) = http::Request::get("/items")
    ///     .header("origin", "http://app.example.com")
    ///     .body(())
    ///     .expect("a request")
    ///     .into_parts();
    /// assert_eq!(
    ///     policy.explain(&request).to_string(),
    ///     "GET from \"http://app.example.com\": refused, the origin is not allowed\n\
    ///      - passes: it is an actual request (Fetch #http-requests)\n\
    ///      - fails: \"http://app.example.com\" differs in its scheme from \"https://app.example.com\" (Fetch #cors-check step 4)\n\
    ///     \x20 to allow it: add \"http://app.example.com\" to allow_origins\n",
    /// );
    /// # Ok::<(), same_origin::cors::PolicyErrors>(())
    /// ```
    #[must_use]
    pub fn explain(&self, request: &Parts) -> Explanation {
        let verdict = self.judge(request);
        let mut steps = vec![classification(verdict, request)];
        if let Some(origin) = request.headers.get(ORIGIN) {
            let policy = self.compiled();
            steps.push(policy.explain_origin(request, origin));
            if verdict.is_preflight() {
                steps.push(policy.explain_method(request));
                steps.push(policy.explain_headers(request));
            } else {
                steps.extend(self.explain_credentials(request));
            }
        }
        let from = request.headers.get(ORIGIN).map_or_else(
            || String::from("without Origin"),
            |origin| format!("from {}", Excerpt(origin.as_bytes())),
        );
        Explanation {
            request: format!("{} {from}", request.method),
            refusal: verdict.refusal(),
            steps,
        }
    }

    fn explain_credentials(&self, request: &Parts) -> Option<Step> {
        const CLAUSE: &str = "Fetch #cors-check steps 5 to 7";
        let granted = self.compiled().admit(&request.headers)?.ok()?;
        if granted.credentials() {
            return Some(Step::passes(
                CLAUSE,
                Some("allow_credentials"),
                String::from("credentials are allowed"),
            ));
        }
        let reason = if request.headers.contains_key(COOKIE) {
            "the request has a cookie, so it was probably made with credentials, which are not allowed"
        } else {
            "the response can be read unless the request was made with credentials"
        };
        Some(Step {
            outcome: Outcome::Depends,
            clause: CLAUSE,
            key: Some("allow_credentials"),
            reason: reason.to_owned(),
            remedy: Some(self.credentials_remedy()),
        })
    }

    /// With credentials a `*` means nothing (Fetch #cors-protocol-and-credentials), so that each has to go, and some
    /// origins take a switch.
    fn credentials_remedy(&self) -> String {
        let settings = self.settings().allow_credentials(true);
        let (mut set, mut name) = (vec!["allow_credentials"], Vec::new());
        for error in settings.build().err().into_iter().flatten() {
            match (error.kind(), error.key()) {
                (PolicyErrorKind::StarWithCredentials, "allow_origins") => name.push("origins"),
                (PolicyErrorKind::StarWithCredentials, "allow_methods") => name.push("methods"),
                (PolicyErrorKind::StarWithCredentials, "allow_headers") => name.push("headers"),
                (PolicyErrorKind::StarWithCredentials, _) => name.push("exposed headers"),
                (kind, _) => set.extend(remedy::switch(kind)),
            }
        }
        set.sort_unstable();
        set.dedup();
        let set = set.join(" and ");
        match &name[..] {
            [] => format!("set {set}"),
            names => format!("set {set}, and name the {}", names.join(", the ")),
        }
    }
}

fn classification(verdict: Verdict<'_>, request: &Parts) -> Step {
    let (clause, reason) = match verdict {
        Verdict::NotCors => (
            "Fetch #http-requests",
            "it is not a CORS request: the page is of the same origin, it is a navigation, or the client is not a browser",
        ),
        Verdict::Preflight(_) => ("Fetch #cors-preflight-request", "it is a preflight"),
        Verdict::Actual(_) if request.method == http::Method::OPTIONS => (
            "Fetch #cors-preflight-request",
            "it is an actual request, as a preflight has Access-Control-Request-Method",
        ),
        Verdict::Actual(_) => ("Fetch #http-requests", "it is an actual request"),
    };
    Step::passes(clause, None, reason.to_owned())
}

impl Compiled {
    fn explain_origin(&self, request: &Parts, origin: &HeaderValue) -> Step {
        const CLAUSE: &str = "Fetch #cors-check step 4";
        let shown = Excerpt(origin.as_bytes());
        let (Some(Err(refusal)), Access::Listed { origins, .. }) =
            (self.admit(&request.headers), &self.access)
        else {
            return Step::passes(CLAUSE, Some("allow_origins"), format!("{shown} is allowed"));
        };
        // A page has no other origin than one that can be in the list.
        let parsed = Origin::try_from(origin).and_then(|origin| {
            let entry = origin.as_str().parse::<OriginPattern>();
            entry.map(|_| origin)
        });
        match (refusal, parsed) {
            (Refusal::NullOrigin, _) => Step::fails(
                CLAUSE,
                "allow_null_origin",
                format!("sandboxed pages and redirected requests send {shown}"),
                self.remedy_for_null(),
            ),
            (Refusal::SeveralOrigins, _) => Step::broken(
                CLAUSE,
                String::from("there are several Origin lines"),
                NOT_SENT,
            ),
            (_, Ok(parsed)) => Step::fails(
                CLAUSE,
                "allow_origins",
                near_miss(origins, &parsed)
                    .unwrap_or_else(|| format!("{shown} is not in the list")),
                self.remedy_for(&parsed),
            ),
            (_, Err(error)) => {
                let reason = format!("{shown} {}", error.kind());
                match error.kind() {
                    // The URL parser lets these through, so that only DNS keeps pages from having them.
                    OriginErrorKind::EmptyLabel
                    | OriginErrorKind::HostCharacter
                    | OriginErrorKind::LongHost
                    | OriginErrorKind::LongLabel => Step::broken(CLAUSE, reason, NOT_A_NAME),
                    _ => Step::broken(CLAUSE, reason, NOT_SENT),
                }
            }
        }
    }

    fn remedy_for_null(&self) -> String {
        let takes = if self.credentials() {
            ", which with credentials takes dangerously_allow_credentialed_null_origin"
        } else {
            ""
        };
        format!("set allow_null_origin{takes}, if each response is guarded by its own signature")
    }

    fn remedy_for(&self, origin: &Origin) -> String {
        let (entry, reason, danger) = if origin.has_drawn_host() {
            let every = format!("{}://*", origin.scheme());
            let reason = ", as each installation draws its own host";
            (every, reason, Some("dangerously_allow_any_extension"))
        } else {
            let danger = (!origin.is_secure()).then_some("dangerously_allow_insecure_origins");
            (origin.to_string(), "", danger)
        };
        let takes = match danger.filter(|_| self.credentials()) {
            Some(switch) => format!(", which with credentials takes {switch}"),
            None => String::new(),
        };
        format!("add \"{entry}\" to allow_origins{reason}{takes}")
    }

    fn explain_method(&self, request: &Parts) -> Step {
        const CLAUSE: &str = "Fetch #cors-preflight-fetch step 7.5";
        let method = match fields::sole(&request.headers, &ACCESS_CONTROL_REQUEST_METHOD) {
            Sole::One(method) => method.as_bytes(),
            Sole::Several | Sole::Absent => {
                let reason = "there are several Access-Control-Request-Method lines";
                return Step::broken(CLAUSE, String::from(reason), NOT_SENT);
            }
        };
        let shown = Excerpt(method);
        if self.methods.allow(method) {
            return Step::passes(CLAUSE, Some("allow_methods"), format!("{shown} is allowed"));
        }
        let text = std::str::from_utf8(method).unwrap_or_default();
        let upper = text.to_ascii_uppercase();
        // A browser puts most methods in upper case itself, and has no script use some.
        match entries::method(text) {
            Err((PolicyErrorKind::Token, _)) => {
                Step::broken(CLAUSE, format!("{shown} is not a method"), NOT_SENT)
            }
            Err((kind, _)) => Step::broken(CLAUSE, format!("{shown} {kind}"), NOT_SENT),
            Ok(()) if upper != text && self.methods.allow(upper.as_bytes()) => Step::fails(
                CLAUSE,
                "allow_methods",
                format!("{shown} is not {upper:?}, as methods are case-sensitive"),
                format!("write the method as {upper:?} in the script"),
            ),
            Ok(()) => {
                let remedy = if text == "*" {
                    String::from(
                        "use another method in the script, as \"*\" stands for all of them",
                    )
                } else {
                    format!("add {shown} to allow_methods")
                };
                let reason = format!("{shown} is not in the list");
                Step::fails(CLAUSE, "allow_methods", reason, remedy)
            }
        }
    }

    fn explain_headers(&self, request: &Parts) -> Step {
        let lines = request
            .headers
            .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
            .iter();
        let clause = match self.headers {
            Headers::Any { .. } => "Fetch #cors-preflight-fetch step 7.6",
            Headers::Listed(_) => "Fetch #cors-preflight-fetch step 7.7",
        };
        match (self.headers.allow(lines), &self.headers) {
            (Ok(()), _) => Step::passes(
                clause,
                Some("allow_headers"),
                String::from("all headers are allowed"),
            ),
            (Err(acrh::Refused::Length), _) => Step::broken(
                clause,
                String::from("there are more names than a request can carry"),
                NOT_SENT,
            ),
            (Err(acrh::Refused::Name(name)), Headers::Any { .. }) => Step::fails(
                clause,
                "allow_headers",
                format!("{} is not covered by \"*\"", Excerpt(name)),
                String::from("write [\"*\", \"authorization\"]"),
            ),
            (Err(acrh::Refused::Name(name)), Headers::Listed(_)) => unlisted_header(clause, name),
        }
    }
}

/// A header that is not in the list, and may be one that cannot be there.
fn unlisted_header(clause: &'static str, name: &[u8]) -> Step {
    let shown = Excerpt(name);
    let text = std::str::from_utf8(name).unwrap_or_default();
    let (reason, remedy) = match entries::request_header(text) {
        Ok(_) => (
            format!("{shown} is not in the list"),
            format!("add {shown} to allow_headers"),
        ),
        // Scripts can set these, and some do where the server has to.
        Err((kind @ PolicyErrorKind::ResponseHeader, _)) => (
            format!("{shown} {kind}"),
            String::from("remove it from the request in the script"),
        ),
        Err((kind @ PolicyErrorKind::StarInName, _)) => (
            format!("{shown} {kind}"),
            String::from("give the header another name in the script"),
        ),
        Err((kind, _)) => return Step::broken(clause, format!("{shown} {kind}"), NOT_SENT),
    };
    Step::fails(clause, "allow_headers", reason, remedy)
}

/// An entry that may have been meant to cover the origin.
fn near_miss(origins: &OriginSet, origin: &Origin) -> Option<String> {
    origins
        .iter()
        .find_map(|entry| Some(format!("\"{origin}\" {} \"{entry}\"", miss(entry, origin)?)))
}

/// The difference that keeps a similar origin from matching the entry.
fn miss(entry: &OriginPattern, origin: &Origin) -> Option<&'static str> {
    let rootless = |host: &str| host.strip_suffix('.').unwrap_or(host).to_owned();
    let (host, base) = (rootless(origin.host()), rootless(entry.host()));
    if base.is_empty() {
        return None;
    }
    let is_below = host
        .strip_suffix(&base)
        .is_some_and(|rest| rest.ends_with('.'));
    let is_covered = if entry.covers_subdomains() {
        is_below
    } else {
        host == base
    };
    if !is_covered {
        let has_base = host == base;
        return has_base
            .then_some("is not below the name in")
            .or(is_below.then_some("is a name below that in"));
    }
    Some(
        if origin.host().ends_with('.') != entry.host().ends_with('.') {
            "differs in the dot at the end of its host from"
        } else if origin.scheme() == entry.scheme() {
            "differs in its port from"
        } else {
            "differs in its scheme from"
        },
    )
}
