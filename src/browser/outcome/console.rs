//! The console's message about a failed fetch, in Chromium's words, so that people find it by searching.

use http::StatusCode;

use super::error::{FetchError, FetchErrorKind, Scene};
use crate::browser::fetch::initiator::Initiator;

impl FetchError {
    /// The message of Chromium's console in the same case, word for word where it has one.
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

impl FetchErrorKind {
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
    pub(crate) fn cors_policy(&self, initiator: Option<Initiator>) -> Option<String> {
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
            Self::LocalNetwork(space) => {
                format!("Permission was denied for this request to access the `{space}` address space.")
            }
            Self::LocalNetworkInsecure(space) => format!(
                "The request client is not a secure context and the resource is in more-private address space `{space}`."
            ),
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
        let is_socket = scene.is_some_and(|scene| scene.initiator == Initiator::Socket);
        let unexpected =
            |status: StatusCode| format!("Unexpected response code: {}", status.as_u16());
        let handshake = |text: &str| {
            format!(
                "WebSocket connection to '{}' failed: Error during WebSocket handshake: {text}",
                url.replacen("http", "ws", 1)
            )
        };
        match self {
            Self::Script(text) if text.starts_with("Failed to construct 'WebSocket'") => {
                format!("SyntaxError: {text}")
            }
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
                "Mixed Content: The page at '{page}' was loaded over HTTPS, but requested an insecure {} \
                 '{url}'. This request has been blocked; the content must be served over HTTPS.",
                scene.map_or("resource", |scene| insecure(scene.initiator))
            ),
            Self::BadPort(_) if is_socket => format!(
                "WebSocket connection to '{}' failed: Error in connection establishment: net::ERR_UNSAFE_PORT",
                url.replacen("http", "ws", 1)
            ),
            Self::BadPort(_) => net_error("ERR_UNSAFE_PORT"),
            Self::Handshake(status) => handshake(&unexpected(*status)),
            Self::HandshakeField(_, text) => handshake(text),
            // A WebSocket follows no redirects; to it one is a status like another.
            Self::RedirectNotAllowed(status) if is_socket => handshake(&unexpected(*status)),
            Self::EmbedderPolicy(_) => {
                net_error("ERR_BLOCKED_BY_RESPONSE.CoepFrameResourceNeedsCoepHeader")
            }
            Self::ResourcePolicy(value) => net_error(match &**value {
                "" => "ERR_BLOCKED_BY_RESPONSE.NotSameOriginAfterDefaultedToSameOriginByCoep",
                "same-site" => "ERR_BLOCKED_BY_RESPONSE.NotSameSite",
                _ => "ERR_BLOCKED_BY_RESPONSE.NotSameOrigin",
            }),
            Self::TooManyRedirects => net_error("ERR_TOO_MANY_REDIRECTS"),
            Self::InvalidLocation(_) => net_error("ERR_INVALID_REDIRECT"),
            Self::MultipleLocations(_) => net_error("ERR_RESPONSE_HEADERS_MULTIPLE_LOCATION"),
            Self::RedirectScheme(_) => net_error("ERR_UNSAFE_REDIRECT"),
            // The console says nothing; this is what script catches.
            Self::EmbeddedCredentials(_) => "TypeError: Failed to fetch".into(),
            Self::BodyNotReplayable => net_error("ERR_INVALID_ARGUMENT"),
            Self::UnknownOrigin(origin) => format!(
                "{} (no service for {origin})",
                net_error("ERR_NAME_NOT_RESOLVED")
            ),
            Self::Withheld(_) => net_error("ERR_BLOCKED_BY_CLIENT"),
            Self::BeaconTooLong(length) => format!(
                "{} (a beacon of {length} bytes, which are more than 65536)",
                net_error("ERR_FAILED")
            ),
            Self::BodyTooLong(limit) => format!(
                "{} (a body of more than {limit} bytes)",
                net_error("ERR_FAILED")
            ),
            _ => net_error("ERR_FAILED"),
        }
    }
}

/// Chromium's word for what is asked for by plain http.
const fn insecure(initiator: Initiator) -> &'static str {
    match initiator {
        Initiator::Xhr => "XMLHttpRequest endpoint",
        Initiator::Script => "script",
        Initiator::Stylesheet => "stylesheet",
        _ => "resource",
    }
}
