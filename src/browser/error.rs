use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::{HeaderName, StatusCode, header};

/// Why a fetch failed: what Fetch calls a *network error*, with what a browser's console says of it.
///
/// [`Display`](fmt::Display) prints [`console`](Self::console) and, behind it, the header at fault
/// and the clause of the standard. Script never gets to see any of this, only
/// `TypeError: Failed to fetch`.
#[derive(Clone, Debug)]
pub struct FetchError {
    kind: ErrorKind,
    scene: Option<Box<Scene>>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What went wrong. The text of a header is given as it was, its lines joined by `, `.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The response, or the one to the preflight, has no `Access-Control-Allow-Origin`.
    MissingAllowOrigin,
    /// `Access-Control-Allow-Origin: *` answers a request with credentials.
    WildcardWithCredentials,
    /// `Access-Control-Allow-Origin` stands twice or lists several origins.
    MultipleAllowOrigins(String),
    /// `Access-Control-Allow-Origin` is not an origin at all.
    InvalidAllowOrigin(String),
    /// `Access-Control-Allow-Origin` names another origin, or the same in another spelling.
    AllowOriginMismatch(String),
    /// `Access-Control-Allow-Credentials` is not exactly `true`; empty when absent.
    CredentialsNotAllowed(String),
    /// The preflight was answered with a redirect.
    PreflightRedirect(StatusCode),
    /// The preflight passed the CORS check, but its status is not 200 to 299.
    PreflightStatus(StatusCode),
    /// `Access-Control-Allow-Methods` is not a list of tokens.
    UnparsableAllowMethods(String),
    /// `Access-Control-Allow-Headers` is not a list of tokens.
    UnparsableAllowHeaders(String),
    /// `Access-Control-Allow-Methods` does not list this method, in this case of letters.
    MethodNotAllowed(String),
    /// `Access-Control-Allow-Headers` does not list this header.
    HeaderNotAllowed(String),
    /// A request whose mode is `same-origin` goes, or is redirected, to another origin.
    NotSameOrigin,
    /// A cross-origin request in mode `no-cors` must follow redirects.
    NoCorsRedirectMode,
    /// `Cross-Origin-Resource-Policy` keeps the response from this origin.
    ResourcePolicy(String),
    /// `fetch()` of something else than http and https; `data:` and `blob:` are not simulated.
    UnsupportedScheme(String),
    /// A page that came by https asks for a resource that does not.
    MixedContent,
    /// A redirect, where `redirect: "error"` forbids them.
    RedirectNotAllowed(StatusCode),
    /// The twenty-first redirect.
    TooManyRedirects,
    /// `Location` is not a URL.
    InvalidLocation(String),
    /// `Location` stands twice.
    MultipleLocations(String),
    /// `Location` leads out of http and https.
    RedirectScheme(String),
    /// `Location` has a user name or a password, and CORS is involved.
    RedirectWithCredentials(String),
    /// A redirect asks for a body again that was a stream.
    BodyNotReplayable,
    /// No service of the [`Web`](super::Web) has this origin.
    UnknownOrigin(String),
    /// The service failed, or its body did; the cause is the [`source`](Error::source).
    Service,
    /// The body is longer than [`Web::body_limit`](super::Web::body_limit).
    BodyTooLong(usize),
    /// `fetch()` threw before anything was sent: a `TypeError` with this text.
    Script(String),
    /// The test itself is at fault: each of these texts says what to write instead.
    Setup(Vec<String>),
}

/// Where it happened.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) initiator: Initiator,
    pub(super) first_url: String,
    pub(super) url: String,
    pub(super) origin: String,
    pub(super) page: String,
    pub(super) preflight: bool,
}

/// What started the request; the console names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Initiator {
    Fetch,
    Xhr,
    Image,
}

impl FetchError {
    pub(super) fn new(kind: ErrorKind) -> Self {
        Self {
            kind,
            scene: None,
            source: None,
        }
    }

    pub(super) fn service(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: ErrorKind::Service,
            scene: None,
            source: Some(Arc::from(source.into())),
        }
    }

    pub(super) fn at(self, scene: Scene) -> Self {
        Self {
            scene: Some(Box::new(scene)),
            ..self
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether it was the preflight that failed.
    #[must_use]
    pub fn in_preflight(&self) -> bool {
        self.scene.as_ref().is_some_and(|scene| scene.preflight)
    }

    /// The header that is missing or wrong, if it is one.
    #[must_use]
    pub fn header(&self) -> Option<HeaderName> {
        self.kind.header()
    }

    /// The clause of the standard that demands the failure, such as `Fetch #cors-check step 2`.
    #[must_use]
    pub fn clause(&self) -> &'static str {
        self.kind.clause()
    }

    /// What the console of Chromium says in the same case, word for word where it says something.
    #[must_use]
    pub fn console(&self) -> String {
        let scene = self.scene.as_deref();
        if let (Some(policy), Some(scene)) = (
            self.kind.cors_policy(scene.map(|scene| scene.initiator)),
            scene,
        ) {
            let redirected = match scene.first_url == scene.url {
                true => String::new(),
                false => format!("(redirected from '{}') ", scene.first_url),
            };
            let preflight = match scene.preflight && self.kind.is_about_access() {
                true => "Response to preflight request doesn't pass access control check: ",
                false => "",
            };
            return format!(
                "Access to {} at '{}' {redirected}from origin '{}' has been blocked by CORS policy: {preflight}{policy}",
                scene.initiator, scene.url, scene.origin
            );
        }
        self.kind.outside_of_cors(scene)
    }
}

impl ErrorKind {
    pub(super) fn header(&self) -> Option<HeaderName> {
        use ErrorKind as E;
        Some(match self {
            E::MissingAllowOrigin
            | E::WildcardWithCredentials
            | E::MultipleAllowOrigins(_)
            | E::InvalidAllowOrigin(_)
            | E::AllowOriginMismatch(_) => header::ACCESS_CONTROL_ALLOW_ORIGIN,
            E::CredentialsNotAllowed(_) => header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            E::UnparsableAllowMethods(_) | E::MethodNotAllowed(_) => {
                header::ACCESS_CONTROL_ALLOW_METHODS
            }
            E::UnparsableAllowHeaders(_) | E::HeaderNotAllowed(_) => {
                header::ACCESS_CONTROL_ALLOW_HEADERS
            }
            E::ResourcePolicy(_) => HeaderName::from_static("cross-origin-resource-policy"),
            E::InvalidLocation(_)
            | E::MultipleLocations(_)
            | E::RedirectScheme(_)
            | E::RedirectWithCredentials(_) => header::LOCATION,
            _ => return None,
        })
    }

    pub(super) fn clause(&self) -> &'static str {
        use ErrorKind as E;
        match self {
            E::MissingAllowOrigin => "Fetch #cors-check step 2",
            E::WildcardWithCredentials => "Fetch #cors-check step 3",
            E::MultipleAllowOrigins(_) | E::InvalidAllowOrigin(_) | E::AllowOriginMismatch(_) => {
                "Fetch #cors-check step 4"
            }
            E::CredentialsNotAllowed(_) => "Fetch #cors-check step 8",
            E::PreflightRedirect(_) | E::PreflightStatus(_) => "Fetch #cors-preflight-fetch step 7",
            E::UnparsableAllowMethods(_) | E::UnparsableAllowHeaders(_) => {
                "Fetch #cors-preflight-fetch step 7.3"
            }
            E::MethodNotAllowed(_) => "Fetch #cors-preflight-fetch step 7.5",
            E::HeaderNotAllowed(_) => "Fetch #cors-preflight-fetch steps 7.6 and 7.7",
            E::NotSameOrigin | E::NoCorsRedirectMode | E::UnsupportedScheme(_) => {
                "Fetch #main-fetch step 12"
            }
            E::ResourcePolicy(_) => "Fetch #cross-origin-resource-policy-internal-check",
            E::MixedContent => "Fetch #main-fetch step 7",
            E::RedirectNotAllowed(_) => "Fetch #http-fetch step 6",
            E::InvalidLocation(_) | E::MultipleLocations(_) => "Fetch #http-redirect-fetch step 5",
            E::RedirectScheme(_) => "Fetch #http-redirect-fetch step 6",
            E::TooManyRedirects => "Fetch #http-redirect-fetch step 7",
            E::RedirectWithCredentials(_) => "Fetch #http-redirect-fetch steps 9 and 10",
            E::BodyNotReplayable => "Fetch #http-redirect-fetch step 11",
            E::UnknownOrigin(_) | E::Service | E::BodyTooLong(_) => "Fetch #http-network-fetch",
            E::Script(_) => "Fetch #dom-request",
            E::Setup(_) => "not of the standard: a mistake of the test",
        }
    }

    /// The failures that a preflight shares with the actual request, or that only it has.
    fn is_about_access(&self) -> bool {
        matches!(
            self,
            Self::MissingAllowOrigin
                | Self::WildcardWithCredentials
                | Self::MultipleAllowOrigins(_)
                | Self::InvalidAllowOrigin(_)
                | Self::AllowOriginMismatch(_)
                | Self::CredentialsNotAllowed(_)
                | Self::PreflightRedirect(_)
                | Self::PreflightStatus(_)
        )
    }

    /// The part behind "has been blocked by CORS policy: ".
    pub(super) fn cors_policy(&self, initiator: Option<Initiator>) -> Option<String> {
        const SEND_VALID: &str = " Have the server send the header with a valid value.";
        let xhr = match initiator {
            Some(Initiator::Xhr) => {
                " The credentials mode of requests initiated by the XMLHttpRequest is controlled by the withCredentials attribute."
            }
            _ => "",
        };
        let advice = match initiator {
            Some(Initiator::Fetch) => SEND_VALID,
            _ => "",
        };
        Some(match self {
            Self::MissingAllowOrigin => "No 'Access-Control-Allow-Origin' header is present on the requested resource.".into(),
            Self::WildcardWithCredentials => format!(
                "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' \
                 when the request's credentials mode is 'include'.{xhr}"
            ),
            Self::MultipleAllowOrigins(value) => format!(
                "The 'Access-Control-Allow-Origin' header contains multiple values '{value}', but only one is allowed.{advice}"
            ),
            Self::InvalidAllowOrigin(value) => format!(
                "The 'Access-Control-Allow-Origin' header contains the invalid value '{value}'.{advice}"
            ),
            Self::AllowOriginMismatch(value) => format!(
                "The 'Access-Control-Allow-Origin' header has a value '{value}' that is not equal to the supplied origin.{advice}"
            ),
            Self::CredentialsNotAllowed(value) => format!(
                "The value of the 'Access-Control-Allow-Credentials' header in the response is '{value}' which must \
                 be 'true' when the request's credentials mode is 'include'.{xhr}"
            ),
            Self::PreflightRedirect(_) => "Redirect is not allowed for a preflight request.".into(),
            Self::PreflightStatus(_) => "It does not have HTTP ok status.".into(),
            Self::UnparsableAllowMethods(_) => {
                "Cannot parse Access-Control-Allow-Methods response header field in preflight response.".into()
            }
            Self::UnparsableAllowHeaders(_) => {
                "Cannot parse Access-Control-Allow-Headers response header field in preflight response.".into()
            }
            Self::MethodNotAllowed(method) => {
                format!("Method {method} is not allowed by Access-Control-Allow-Methods in preflight response.")
            }
            Self::HeaderNotAllowed(name) => {
                format!("Request header field {name} is not allowed by Access-Control-Allow-Headers in preflight response.")
            }
            Self::RedirectWithCredentials(url) => format!(
                "Redirect location '{url}' contains a username and password, which is disallowed for cross-origin requests."
            ),
            _ => return None,
        })
    }

    fn outside_of_cors(&self, scene: Option<&Scene>) -> String {
        let text = |field: fn(&Scene) -> &String| scene.map_or("", |scene| field(scene));
        let (url, page, origin) = (text(|s| &s.url), text(|s| &s.page), text(|s| &s.origin));
        let net_error = |name: &str| format!("Failed to load resource: net::{name}");
        match self {
            Self::Script(text) => {
                format!("TypeError: Failed to execute 'fetch' on 'Window': {text}")
            }
            Self::Setup(mistakes) => format!("the test is set up wrongly: {}", mistakes.join("; ")),
            Self::NotSameOrigin if scene.is_some_and(|scene| scene.first_url != scene.url) => {
                format!(
                    "Unsafe attempt to load URL {url} from frame with URL {page}. Domains, protocols and ports must match."
                )
            }
            Self::NotSameOrigin => format!(
                "Fetch API cannot load {url}. Request mode is \"same-origin\" but the URL's origin is not same as the \
                 request origin {origin}."
            ),
            Self::NoCorsRedirectMode => {
                format!(
                    "Fetch API cannot load {url}. Request mode is \"no-cors\" but the redirect mode is not \"follow\"."
                )
            }
            Self::UnsupportedScheme(scheme) => {
                format!("Fetch API cannot load {url}. URL scheme \"{scheme}\" is not supported.")
            }
            Self::MixedContent => format!(
                "Mixed Content: The page at '{page}' was loaded over HTTPS, but requested an insecure resource \
                 '{url}'. This request has been blocked; the content must be served over HTTPS."
            ),
            Self::ResourcePolicy(value) => net_error(match &**value {
                "same-site" => "ERR_BLOCKED_BY_RESPONSE.NotSameSite",
                _ => "ERR_BLOCKED_BY_RESPONSE.NotSameOrigin",
            }),
            Self::TooManyRedirects => net_error("ERR_TOO_MANY_REDIRECTS"),
            Self::InvalidLocation(_) => net_error("ERR_INVALID_REDIRECT"),
            Self::MultipleLocations(_) => net_error("ERR_RESPONSE_HEADERS_MULTIPLE_LOCATION"),
            Self::RedirectScheme(_) => net_error("ERR_UNSAFE_REDIRECT"),
            Self::BodyNotReplayable => net_error("ERR_INVALID_ARGUMENT"),
            Self::UnknownOrigin(origin) => format!(
                "{} (no service for {origin})",
                net_error("ERR_NAME_NOT_RESOLVED")
            ),
            Self::BodyTooLong(limit) => format!(
                "{} (a body of more than {limit} bytes)",
                net_error("ERR_FAILED")
            ),
            _ => net_error("ERR_FAILED"),
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.console())?;
        if let Some(name) = self.header() {
            write!(f, "{name}; ")?;
        }
        write!(f, "{})", self.clause())
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fetch => "fetch",
            Self::Xhr => "XMLHttpRequest",
            Self::Image => "image",
        })
    }
}
