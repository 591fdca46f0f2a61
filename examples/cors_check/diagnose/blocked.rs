//! The cause of a blocked call: its code, and the setting to write.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    LOCATION, VARY,
};
use http::{HeaderMap, HeaderName, StatusCode};
use same_origin::browser::{Exchange, FetchError, FetchErrorKind, Outcome};

use super::origins::misspelt;
use super::{Fault, fault};
use crate::software::{ALLOW_CREDENTIALS, ALLOW_HEADERS, ALLOW_METHODS, ALLOW_ORIGIN, Software};

/// A blocked call, seen from the answer that blocked it.
struct Scene<'a> {
    last: &'a Exchange,
    software: Software,
    status: StatusCode,
    /// The `Origin` that was sent.
    origin: String,
    preflight: bool,
    redirected: bool,
}

pub fn fault_of(
    error: &FetchError,
    outcome: &Outcome,
    last: &Exchange,
    software: Software,
) -> Fault {
    let first = outcome.trace().requests().next();
    let scene = Scene {
        last,
        software,
        status: last.status().unwrap_or_default(),
        origin: last.header("origin").unwrap_or_default(),
        preflight: error.in_preflight(),
        redirected: first.is_some_and(|first| first.url() != last.url()),
    };
    scene.fault(error.kind())
}

impl Scene<'_> {
    fn fault(&self, kind: &FetchErrorKind) -> Fault {
        use FetchErrorKind as E;
        match kind {
            E::MissingAllowOrigin => self.missing(),
            E::AllowOriginMismatch(_) | E::InvalidAllowOrigin(_) if self.origin == "null" => {
                self.null()
            }
            E::AllowOriginMismatch(value) | E::InvalidAllowOrigin(value) => {
                misspelt(value, &self.origin, &self.allow_origin())
            }
            E::MultipleAllowOrigins(value) => self.several(value),
            E::WildcardWithCredentials => fault(
                "wildcard-with-credentials",
                format!(
                    "with credentials `*` does not do: {}, and `Vary: Origin`",
                    self.allow_origin()
                ),
            ),
            E::CredentialsNotAllowed(value) => self.credentials(value),
            E::PreflightRedirect(_) => self.redirected_preflight(),
            E::PreflightStatus(_) => self.refused_preflight(),
            E::UnparsableAllowMethods(value) => {
                fault("methods-not-a-list", not_a_list(value, "methods"))
            }
            E::UnparsableAllowHeaders(value) => {
                fault("headers-not-a-list", not_a_list(value, "names"))
            }
            E::MethodNotAllowed(method) => self.method(method),
            E::HeaderNotAllowed(name) => self.header(name),
            other => redirect(other),
        }
    }

    fn allow_origin(&self) -> String {
        self.software.setting(ALLOW_ORIGIN, &self.origin)
    }

    fn headers(&self) -> &HeaderMap {
        static NONE: std::sync::LazyLock<HeaderMap> = std::sync::LazyLock::new(HeaderMap::new);
        self.last.response_headers().unwrap_or(&NONE)
    }

    /// Whether an element of a list field is this word, in any case of letters.
    fn lists(&self, name: HeaderName, word: &str) -> bool {
        let lines = self.headers().get_all(name);
        let lines = lines.iter().filter_map(|line| line.to_str().ok());
        lines
            .flat_map(|line| line.split(','))
            .any(|element| element.trim().eq_ignore_ascii_case(word))
    }

    fn missing(&self) -> Fault {
        let failed = self.status.is_client_error() || self.status.is_server_error();
        let write = format!("{}, and `Vary: Origin`", self.allow_origin());
        match (self.preflight, failed) {
            (true, true) => self.refused_preflight(),
            (false, _) if self.origin == "null" => self.null(),
            (false, true) => self.missing_on_error(),
            (false, false) if self.status.is_redirection() => fault(
                "redirect-without-cors",
                format!("the redirect itself has to allow the page, too: {write}"),
            ),
            (_, false) => fault("missing-allow-origin", write),
        }
    }

    fn missing_on_error(&self) -> Fault {
        let status = self.status.as_u16();
        let write = self.allow_origin();
        let remedy = match (self.software, status) {
            (Software::Nginx, _) => format!(
                "`add_header` without `always` leaves errors out, and a location with an `add_header` of its own \
                 inherits none; {write}"
            ),
            (Software::S3, _) => format!(
                "no rule of the bucket matches this origin and method, so that not even its error can be read; {write}"
            ),
            (Software::ApiGateway, _) => format!(
                "the gateway's own errors need the headers too: set them on DEFAULT_4XX and DEFAULT_5XX of its \
                 gateway responses; {write}"
            ),
            (_, 401 | 407) => format!(
                "authentication answers outside of CORS: move it inside, so that the page can read the {status}; \
                 then {write}"
            ),
            _ => format!(
                "a layer outside of CORS answers this {status}: move it inside; then {write}"
            ),
        };
        fault("missing-allow-origin-on-error", remedy)
    }

    /// A preflight with another status than 2xx.
    fn refused_preflight(&self) -> Fault {
        let write = self.allow_origin();
        let first = "let CORS answer OPTIONS";
        match (self.status.as_u16(), self.software) {
            (_, Software::S3) if self.status == StatusCode::FORBIDDEN => {
                fault("preflight-refused-by-rules", self.rule())
            }
            (403, _) if self.lists(VARY, "access-control-request-method") => fault(
                "preflight-refused-by-policy",
                format!(
                    "the CORS layer itself refuses this page, its method or a header, and its log says which: it has \
                     to have all of {}",
                    self.all_that_is_asked()
                ),
            ),
            (401 | 407, _) => fault(
                "preflight-needs-authentication",
                format!(
                    "a preflight never has a token: {first} before authentication; then {write}"
                ),
            ),
            (403, _) => fault(
                "preflight-forbidden",
                format!(
                    "a preflight never has a token or a cookie: {first} before authorization and firewalls; then {write}"
                ),
            ),
            (404, _) => fault(
                "preflight-not-found",
                format!("no route takes OPTIONS here: {first} before routing; then {write}"),
            ),
            (405 | 501, _) => fault(
                "preflight-method-refused",
                format!(
                    "{first} with 204 before the check of methods; now it is {}; then {write}",
                    self.status.as_u16()
                ),
            ),
            (429, _) => fault(
                "preflight-rate-limited",
                format!(
                    "{first} before the rate limit, or count the preflights apart; then {write}"
                ),
            ),
            (500.., _) => fault(
                "preflight-failed",
                format!(
                    "{first} with 204 and nothing behind it: now the server fails at it; then {write}"
                ),
            ),
            (status, _) => fault(
                "preflight-status",
                format!("{first} with 204; now it is {status}; then {write}"),
            ),
        }
    }

    /// The whole rule of a bucket, which does not say what of it is missing.
    fn rule(&self) -> String {
        format!(
            "no rule matches origin, method and headers together: one has to have all of {}",
            self.all_that_is_asked()
        )
    }

    /// The settings for the origin, the method and the headers of a preflight.
    fn all_that_is_asked(&self) -> String {
        let asked = |name| self.last.header(name).unwrap_or_default();
        let names = asked("access-control-request-headers");
        let set = |header, value: &str| self.software.setting(header, value);
        let mut rule = vec![
            self.allow_origin(),
            set(ALLOW_METHODS, &asked("access-control-request-method")),
        ];
        if !names.is_empty() {
            rule.push(set(ALLOW_HEADERS, &names.replace(',', "\", \"")));
        }
        format!("{{ {} }}", rule.join(", "))
    }

    fn redirected_preflight(&self) -> Fault {
        let location = self.headers().get(LOCATION);
        let location = location.and_then(|value| value.to_str().ok());
        let target = location.and_then(|text| self.last.url().join(text).ok());
        let Some(target) = target else {
            return fault("preflight-redirect", "answer OPTIONS before redirects");
        };
        let url = self.last.url();
        let bare = |path: &str| path.trim_end_matches('/').to_owned();
        if url.scheme() != target.scheme() && url.host_str() == target.host_str() {
            let remedy =
                format!("ask for {target} at once, or answer OPTIONS before the redirect to https");
            return fault("preflight-redirect-to-https", remedy);
        }
        if bare(url.path()) == bare(target.path()) && url.origin() == target.origin() {
            let remedy = format!(
                "ask for {target} at once, or answer OPTIONS before the redirect of slashes"
            );
            return fault("preflight-redirect-of-slash", remedy);
        }
        fault(
            "preflight-redirect",
            format!(
                "answer OPTIONS before the redirect to {target} (of a login?): a preflight never has a cookie"
            ),
        )
    }

    fn null(&self) -> Fault {
        match self.redirected {
            true => fault(
                "null-origin-after-redirect",
                "a redirect across origins makes Origin `null`: redirect within one origin, hand the URL to the page \
                 and let it fetch that, or allow `null` where the URL itself is the authority",
            ),
            false => fault(
                "null-origin",
                "the page is sandboxed or local and has Origin `null`: give it an origin rather than allowing `null`",
            ),
        }
    }

    fn several(&self, value: &str) -> Fault {
        let lines = self.headers().get_all(ACCESS_CONTROL_ALLOW_ORIGIN);
        if lines.iter().count() > 1 {
            return fault(
                "several-allow-origin-lines",
                "two places write Access-Control-Allow-Origin: leave it to one of them, and remove that of the other",
            );
        }
        fault(
            "allow-origin-list",
            format!(
                "`{value}` is a list, which browsers do not read: answer with the one that asked, {}, and `Vary: Origin`",
                self.allow_origin()
            ),
        )
    }

    fn credentials(&self, value: &str) -> Fault {
        let write = self.software.setting(ALLOW_CREDENTIALS, "true");
        match value {
            "" => fault("missing-allow-credentials", write),
            value => fault(
                "allow-credentials-not-true",
                format!("`{value}` is not `true`, in lower case and once: {write}"),
            ),
        }
    }

    fn method(&self, method: &str) -> Fault {
        let name = ACCESS_CONTROL_ALLOW_METHODS;
        let write = self.software.setting(ALLOW_METHODS, method);
        if self.lists(name.clone(), "*") {
            return fault(
                "methods-wildcard-with-credentials",
                format!("with credentials `*` is not a wildcard: {write}"),
            );
        }
        if self.lists(name, method) {
            return fault(
                "method-case",
                format!(
                    "methods are compared in their case of letters, and browsers put only DELETE, GET, HEAD, OPTIONS, \
                     POST and PUT in upper case: let script ask by `{}`, or {write}",
                    method.to_ascii_uppercase()
                ),
            );
        }
        fault("method-not-allowed", write)
    }

    fn header(&self, name: &str) -> Fault {
        let write = self.software.setting(ALLOW_HEADERS, name);
        let wildcard = self.lists(ACCESS_CONTROL_ALLOW_HEADERS, "*");
        match (wildcard, name) {
            (true, "authorization") => fault(
                "authorization-not-covered-by-wildcard",
                format!("the standard's `*` does not cover Authorization: {write}"),
            ),
            (true, _) => fault(
                "headers-wildcard-with-credentials",
                format!("with credentials `*` is not a wildcard: {write}"),
            ),
            (false, _) => fault("header-not-allowed", write),
        }
    }
}

/// A value of `Access-Control-Allow-*` that browsers cannot read.
fn not_a_list(value: &str, of: &str) -> String {
    // As a list of a program prints itself.
    let remedy = match value.contains(['"', '[', '{']) {
        true => "write them without quotes and brackets, and a comma between them",
        false => "part them by commas",
    };
    format!("`{value}` is not a list of {of}: {remedy}")
}

/// Failures of redirects and of what is not CORS.
fn redirect(kind: &FetchErrorKind) -> Fault {
    use FetchErrorKind as E;
    match kind {
        E::RedirectWithCredentials(_) | E::EmbeddedCredentials(_) => fault(
            "redirect-with-credentials",
            "redirect to a URL without a user name and a password",
        ),
        E::TooManyRedirects => fault(
            "too-many-redirects",
            "it redirects for ever: look at slashes, https and login",
        ),
        E::MultipleLocations(_) => fault("several-locations", "send one Location"),
        E::InvalidLocation(_) | E::RedirectScheme(_) => fault(
            "bad-location",
            "send a Location that is an http or https URL",
        ),
        E::BodyNotReplayable => fault(
            "body-not-replayable",
            "send the body as a whole, not as a stream",
        ),
        _ => fault("blocked", "see the clause"),
    }
}
