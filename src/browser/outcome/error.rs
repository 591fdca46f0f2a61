//! The error that a fetch ends with: what Fetch calls a *network error*, with its cause.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::{HeaderName, Method, StatusCode, header};

use crate::browser::fetch::initiator::Initiator;

/// The reason for which a fetch failed: Fetch's *network error*, with a browser's console's words for it.
///
/// [`Display`](fmt::Display) prints [`console`](Self::console) and, behind it, the header at fault
/// and the clause of the standard. Script never gets to see any of this, only
/// `TypeError: Failed to fetch`.
#[derive(Clone, Debug)]
pub struct FetchError {
    pub(crate) kind: FetchErrorKind,
    pub(crate) scene: Option<Box<Scene>>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kind of a failure. The text of a header is given as it was, its lines joined by `, `.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchErrorKind {
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
    /// The page has an embedder policy and frames a page that has none; the text is that of the frame's.
    EmbedderPolicy(String),
    /// The address is nearer than the page (a private network, or this machine), and the user did not
    /// permit to ask for it; the word is `local` or `loopback`.
    LocalNetwork(&'static str),
    /// The same, where the page came by plain http and may not even ask its user.
    LocalNetworkInsecure(&'static str),
    /// The server does not switch to WebSocket: another status than 101.
    Handshake(StatusCode),
    /// The server switches to WebSocket with this field missing or wrong; the text is Chromium's.
    HandshakeField(HeaderName, String),
    /// `fetch()` of something else than http and https; `data:` and `blob:` are not simulated.
    UnsupportedScheme(String),
    /// No browser connects to this port, such as 6000 or 6666, as servers of other protocols listen there.
    BadPort(u16),
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
    /// `Location` has a user name or a password; CORS is not involved, but Chromium refuses it.
    EmbeddedCredentials(String),
    /// A redirect asks for a body again that was a stream.
    BodyNotReplayable,
    /// The [`Web`](crate::browser::Web) has no service for this origin.
    UnknownOrigin(String),
    /// The service failed, or its body did; the cause is the [`source`](Error::source).
    Service,
    /// The body is longer than [`Web::body_limit`](crate::browser::Web::body_limit).
    BodyTooLong(usize),
    /// The body of a beacon has so many bytes, which are more than 64 KiB: `navigator.sendBeacon()` returned
    /// `false`.
    BeaconTooLong(usize),
    /// The request was not sent, as [`Web::permit`](crate::browser::Web::permit) did not permit it.
    Withheld(Method),
    /// `fetch()` threw before anything was sent: a `TypeError` with this text. Of `new WebSocket()` it is a
    /// `SyntaxError`.
    Script(String),
    /// The test itself is at fault: each of these texts says what to write instead.
    Setup(Vec<String>),
}

/// The place of a failure.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) initiator: Initiator,
    pub(crate) first_url: String,
    pub(crate) url: String,
    pub(crate) origin: String,
    pub(crate) page: String,
    pub(crate) preflight: bool,
}

impl FetchError {
    pub(crate) fn new(kind: FetchErrorKind) -> Self {
        Self {
            kind,
            scene: None,
            source: None,
        }
    }

    pub(crate) fn service(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FetchErrorKind::Service,
            scene: None,
            source: Some(Arc::from(source.into())),
        }
    }

    pub(crate) fn at(self, scene: Scene) -> Self {
        Self {
            scene: Some(Box::new(scene)),
            ..self
        }
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> &FetchErrorKind {
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
}

impl FetchErrorKind {
    pub(crate) fn header(&self) -> Option<HeaderName> {
        Some(match self {
            Self::MissingAllowOrigin
            | Self::WildcardWithCredentials
            | Self::MultipleAllowOrigins(_)
            | Self::InvalidAllowOrigin(_)
            | Self::AllowOriginMismatch(_) => header::ACCESS_CONTROL_ALLOW_ORIGIN,
            Self::CredentialsNotAllowed(_) => header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            Self::UnparsableAllowMethods(_) | Self::MethodNotAllowed(_) => {
                header::ACCESS_CONTROL_ALLOW_METHODS
            }
            Self::UnparsableAllowHeaders(_) | Self::HeaderNotAllowed(_) => {
                header::ACCESS_CONTROL_ALLOW_HEADERS
            }
            Self::ResourcePolicy(_) => HeaderName::from_static("cross-origin-resource-policy"),
            Self::EmbedderPolicy(_) => HeaderName::from_static("cross-origin-embedder-policy"),
            Self::InvalidLocation(_)
            | Self::MultipleLocations(_)
            | Self::RedirectScheme(_)
            | Self::EmbeddedCredentials(_)
            | Self::RedirectWithCredentials(_) => header::LOCATION,
            Self::HandshakeField(name, _) => name.clone(),
            _ => return None,
        })
    }

    pub(crate) fn clause(&self) -> &'static str {
        match self {
            Self::MissingAllowOrigin => "Fetch #cors-check step 2",
            Self::WildcardWithCredentials => "Fetch #cors-check step 3",
            Self::MultipleAllowOrigins(_)
            | Self::InvalidAllowOrigin(_)
            | Self::AllowOriginMismatch(_) => "Fetch #cors-check step 4",
            Self::CredentialsNotAllowed(_) => "Fetch #cors-check step 8",
            Self::PreflightRedirect(_) | Self::PreflightStatus(_) => {
                "Fetch #cors-preflight-fetch step 7"
            }
            Self::UnparsableAllowMethods(_) | Self::UnparsableAllowHeaders(_) => {
                "Fetch #cors-preflight-fetch step 7.3"
            }
            Self::MethodNotAllowed(_) => "Fetch #cors-preflight-fetch step 7.5",
            Self::HeaderNotAllowed(_) => "Fetch #cors-preflight-fetch steps 7.6 and 7.7",
            Self::NotSameOrigin | Self::NoCorsRedirectMode | Self::UnsupportedScheme(_) => {
                "Fetch #main-fetch step 12"
            }
            Self::ResourcePolicy(_) => "Fetch #cross-origin-resource-policy-internal-check",
            Self::EmbedderPolicy(_) => "HTML #check-an-embedder-policy",
            Self::LocalNetwork(_) | Self::LocalNetworkInsecure(_) => {
                "Local Network Access #local-network-access-check"
            }
            Self::Handshake(_) => "WebSockets #concept-websocket-establish step 11",
            Self::HandshakeField(..) => "RFC 6455 4.1",
            Self::BadPort(_) => "Fetch #block-bad-port",
            Self::MixedContent => "Fetch #main-fetch step 7",
            Self::RedirectNotAllowed(_) => "Fetch #http-fetch step 6",
            Self::InvalidLocation(_) | Self::MultipleLocations(_) => {
                "Fetch #http-redirect-fetch step 5"
            }
            Self::RedirectScheme(_) => "Fetch #http-redirect-fetch step 6",
            Self::TooManyRedirects => "Fetch #http-redirect-fetch step 7",
            Self::RedirectWithCredentials(_) => "Fetch #http-redirect-fetch steps 9 and 10",
            Self::EmbeddedCredentials(_) => "not of the standard: Chromium's own",
            Self::BodyNotReplayable => "Fetch #http-redirect-fetch step 11",
            Self::UnknownOrigin(_) | Self::Service | Self::BodyTooLong(_) => {
                "Fetch #http-network-fetch"
            }
            Self::BeaconTooLong(_) => "Fetch #http-network-or-cache-fetch step 8.10",
            Self::Withheld(_) => "not of the standard: `Web::permit` did not permit it",
            Self::Script(_) => "Fetch #dom-request",
            Self::Setup(_) => "not of the standard: a mistake of the test",
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
