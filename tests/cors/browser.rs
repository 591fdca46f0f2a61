//! The decisions of a browser, as Fetch has them.
//!
//! It is not `same_origin::browser`, on purpose. The vectors have origins, methods and headers that no page
//! can send, and a layer has to answer these, too; and of two readings of the standard that know nothing
//! of each other, each finds the other's mistakes: `tests/browser/vectors.rs` asks the simulated browser
//! whatever of the vectors a page can ask.

use http::{HeaderMap, StatusCode};

const SAFELISTED_METHODS: [&str; 3] = ["GET", "HEAD", "POST"];
const SAFELISTED_RESPONSE_HEADERS: [&str; 7] = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

/// The head of a response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
}

impl Response {
    pub(crate) fn new<B>(response: &http::Response<B>) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<&str> {
        self.headers
            .get_all(name)
            .iter()
            .map(|line| line.to_str().unwrap_or("not ASCII"))
            .collect()
    }

    /// Fetch #concept-header-list-get
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.has(name).then(|| self.lines(name).join(", "))
    }

    pub(crate) fn tokens(&self, name: &str) -> Vec<String> {
        let elements = self
            .lines(name)
            .into_iter()
            .flat_map(|line| line.split(','));
        elements
            .map(str::trim)
            .filter(|token| !token.is_empty())
            .map(str::to_ascii_lowercase)
            .collect()
    }

    /// Fetch #extract-header-list-values, for lists of tokens.
    pub(crate) fn extract(&self, name: &str) -> Result<Vec<String>, ()> {
        let is_tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let elements = self
            .lines(name)
            .into_iter()
            .flat_map(|line| line.split(','));
        let tokens: Vec<_> = elements
            .map(str::trim)
            .filter(|token| !token.is_empty())
            .collect();
        if tokens.iter().all(|token| token.chars().all(is_tchar)) {
            Ok(tokens.into_iter().map(str::to_owned).collect())
        } else {
            Err(())
        }
    }

    /// Fetch #cors-check
    pub(crate) fn passes_cors_check(&self, origin: &str, credentials: bool) -> bool {
        match self.get("access-control-allow-origin").as_deref() {
            Some("*") if !credentials => true,
            Some(allowed) if allowed == origin => {
                !credentials
                    || self.get("access-control-allow-credentials").as_deref() == Some("true")
            }
            _ => false,
        }
    }

    /// Fetch #cors-preflight-fetch step 7, where `names` are the CORS-unsafe request-header names.
    pub(crate) fn passes_preflight(
        &self,
        origin: &str,
        method: &str,
        names: &[String],
        credentials: bool,
    ) -> bool {
        let (Ok(methods), Ok(allowed)) = (
            self.extract("access-control-allow-methods"),
            self.extract("access-control-allow-headers"),
        ) else {
            return false;
        };
        let star = |list: &[String]| !credentials && list.iter().any(|item| item == "*");
        let method_allowed = SAFELISTED_METHODS.contains(&method)
            || methods.iter().any(|m| m == method)
            || star(&methods);
        let name_allowed = |name: &String| {
            allowed.iter().any(|item| item.eq_ignore_ascii_case(name))
                || (star(&allowed) && !name.eq_ignore_ascii_case("authorization"))
        };
        self.passes_cors_check(origin, credentials)
            && self.status.is_success()
            && method_allowed
            && names.iter().all(name_allowed)
    }

    /// Whether a script can read the header.
    pub(crate) fn exposes(&self, name: &str, credentials: bool) -> bool {
        let Ok(exposed) = self.extract("access-control-expose-headers") else {
            return false;
        };
        match name.to_ascii_lowercase().as_str() {
            "set-cookie" | "set-cookie2" => false,
            name if SAFELISTED_RESPONSE_HEADERS.contains(&name) => true,
            name => exposed
                .iter()
                .any(|item| item.eq_ignore_ascii_case(name) || (item == "*" && !credentials)),
        }
    }

    /// Fetch #cors-preflight-fetch step 7.9
    pub(crate) fn max_age(&self) -> u64 {
        match self.lines("access-control-max-age")[..] {
            [value] if value.bytes().all(|b| b.is_ascii_digit()) => value.parse().unwrap_or(5),
            _ => 5,
        }
    }
}
