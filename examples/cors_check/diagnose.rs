//! The finding: which answer's header is missing or wrong, in whose configuration, and what to write there.

use std::error::Error;

use same_origin::browser::{Exchange, FetchError, FetchErrorKind, Outcome};

/// The reason why a page cannot read an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub what: String,
    /// The configuration that has to be changed.
    pub place: String,
    pub remedy: String,
    pub header: Option<String>,
    pub clause: &'static str,
}

/// The software that answered, where its answer says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Software {
    S3,
    CloudFront,
    ApiGateway,
    Nginx,
    Caddy,
    Express,
    TowerHttp,
    SameOrigin,
    Unknown,
}

/// Nothing where the page can read the answer.
pub fn diagnose(outcome: &Outcome) -> Option<Finding> {
    let error = outcome.error()?;
    let last = outcome.trace().requests().last();
    let software = last.map_or(Software::Unknown, Software::of);
    let which = match (error.in_preflight(), last.and_then(Exchange::status)) {
        (true, Some(status)) => format!("the answer to the preflight ({status})"),
        (true, None) => "the preflight".into(),
        (false, Some(status)) => format!("the answer ({status})"),
        (false, None) => "the request".into(),
    };
    Some(Finding {
        what: what(error),
        place: format!("{which}, {}", software.place()),
        remedy: remedy(error, last, software),
        header: error.header().map(|name| name.to_string()),
        clause: error.clause(),
    })
}

/// The console's words; where nothing was answered, the causes.
fn what(error: &FetchError) -> String {
    let mut text = error.console();
    let mut cause = error.source();
    while let Some(source) = cause {
        text += &format!(": {source}");
        cause = source.source();
    }
    text
}

impl Software {
    fn of(exchange: &Exchange) -> Self {
        let header = |name: &str| {
            let headers = exchange.response_headers()?;
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.to_ascii_lowercase())
        };
        let has = |name: &str| header(name).is_some();
        let server = header("server").unwrap_or_default();
        let vary = header("vary").unwrap_or_default().replace(' ', "");
        if server.starts_with("amazons3") || has("x-amz-request-id") {
            Self::S3
        } else if has("apigw-requestid") || has("x-amz-apigw-id") {
            Self::ApiGateway
        } else if has("x-amz-cf-id") {
            Self::CloudFront
        } else if header("via").is_some_and(|via| via.contains("same-origin")) {
            Self::SameOrigin
        } else if server.starts_with("nginx") || server.starts_with("openresty") {
            Self::Nginx
        } else if server.starts_with("caddy") {
            Self::Caddy
        } else if header("x-powered-by").is_some_and(|by| by.contains("express")) {
            Self::Express
        } else if vary == "origin,access-control-request-method,access-control-request-headers" {
            Self::TowerHttp
        } else {
            Self::Unknown
        }
    }

    fn place(self) -> &'static str {
        match self {
            Self::S3 => "the CORS rules of the bucket (S3)",
            Self::CloudFront => "the response headers policy of the distribution (CloudFront)",
            Self::ApiGateway => "the CORS configuration of the API (API Gateway)",
            Self::Nginx => "the `add_header … always` lines of the location (nginx)",
            Self::Caddy => "the `header` directives of the site (Caddy)",
            Self::Express => "the options of `cors()` (express)",
            Self::TowerHttp => "the `CorsLayer` (tower-http)",
            Self::SameOrigin => "the `[cors]` table of the gateway (same-origin)",
            Self::Unknown => "the server",
        }
    }

    /// The words by which this software is told to send a header.
    fn setting(self, header: &str, value: &str) -> String {
        match (self, header) {
            (Self::S3, "access-control-allow-origin") => {
                format!("\"AllowedOrigins\": [\"{value}\"]")
            }
            (Self::S3, "access-control-allow-methods") => {
                format!("\"AllowedMethods\": [\"{value}\"]")
            }
            (Self::S3, "access-control-allow-headers") => {
                format!("\"AllowedHeaders\": [\"{value}\"]")
            }
            (Self::Nginx, _) => format!("add_header {header} \"{value}\" always;"),
            (Self::Caddy, _) => format!("header {header} \"{value}\""),
            (Self::Express, "access-control-allow-origin") => {
                format!("cors({{ origin: '{value}' }})")
            }
            (Self::Express, "access-control-allow-credentials") => {
                "cors({ credentials: true })".into()
            }
            (Self::Express, "access-control-allow-methods") => {
                format!("cors({{ methods: ['{value}'] }})")
            }
            (Self::Express, "access-control-allow-headers") => {
                format!("cors({{ allowedHeaders: ['{value}'] }})")
            }
            (Self::TowerHttp, "access-control-allow-credentials") => {
                ".allow_credentials(true)".into()
            }
            (Self::TowerHttp, _) => {
                let setter = header
                    .trim_start_matches("access-control-")
                    .replace('-', "_");
                format!(".{setter}(…\"{value}\"…)")
            }
            (Self::SameOrigin, "access-control-allow-origin") => {
                format!("allow_origins = [\"{value}\"]")
            }
            (Self::SameOrigin, "access-control-allow-methods") => {
                format!("allow_methods = [\"{value}\"]")
            }
            (Self::SameOrigin, "access-control-allow-headers") => {
                format!("allow_headers = [\"{value}\"]")
            }
            (Self::SameOrigin, "access-control-allow-credentials") => {
                "allow_credentials = true".into()
            }
            _ => format!("{header}: {value}"),
        }
    }
}

/// What to write, and where not to look.
fn remedy(error: &FetchError, last: Option<&Exchange>, software: Software) -> String {
    use FetchErrorKind as E;
    let origin = last
        .and_then(|exchange| exchange.header("origin"))
        .unwrap_or_default();
    let allow =
        |name: &str, value: &str| software.setting(&format!("access-control-allow-{name}"), value);
    let failed = last
        .and_then(Exchange::status)
        .is_some_and(|status| status.is_client_error() || status.is_server_error());
    match error.kind() {
        E::MissingAllowOrigin if failed && error.in_preflight() => format!(
            "the preflight never has a token: let CORS answer it before authentication and routing; then {}",
            allow("origin", &origin)
        ),
        E::MissingAllowOrigin if failed => format!(
            "a layer outside of CORS answers this error: move it inside; then {}",
            allow("origin", &origin)
        ),
        E::MissingAllowOrigin | E::AllowOriginMismatch(_) | E::InvalidAllowOrigin(_) if origin == "null" => {
            "a redirect across origins makes Origin `null`: redirect within one origin, or allow `null` where the \
             URL itself is the authority"
                .into()
        }
        E::MissingAllowOrigin | E::AllowOriginMismatch(_) | E::InvalidAllowOrigin(_) => {
            format!("{}, exactly so, and `Vary: Origin`", allow("origin", &origin))
        }
        E::WildcardWithCredentials => format!(
            "with credentials `*` does not do: {}, and `Vary: Origin`",
            allow("origin", &origin)
        ),
        E::MultipleAllowOrigins(_) => {
            "two places write Access-Control-Allow-Origin, or one writes a list: leave it to one of them".into()
        }
        E::CredentialsNotAllowed(_) => allow("credentials", "true"),
        E::PreflightRedirect(_) => {
            "ask for the address that it redirects to (a slash, https), or answer OPTIONS before redirects".into()
        }
        E::PreflightStatus(status) => format!(
            "answer OPTIONS with 204 before authentication and routing; now it is {status}"
        ),
        E::UnparsableAllowMethods(value) => format!("`{value}` is not a list of methods: part them by commas"),
        E::UnparsableAllowHeaders(value) => format!("`{value}` is not a list of names: part them by commas"),
        E::MethodNotAllowed(method) => allow("methods", method),
        E::HeaderNotAllowed(name) => allow("headers", name),
        E::MixedContent => "serve it by https: pages that came by https load nothing else".into(),
        E::RedirectWithCredentials(_) | E::EmbeddedCredentials(_) => {
            "redirect to a URL without a user name".into()
        }
        E::TooManyRedirects => "it redirects for ever: look at slashes, https and login".into(),
        E::InvalidLocation(_) | E::MultipleLocations(_) | E::RedirectScheme(_) => {
            "send one Location that is an http or https URL".into()
        }
        E::BodyTooLong(_) => "the answer is longer than this tool reads; CORS allows it".into(),
        E::Service => "make the server reachable: nothing that CORS could change".into(),
        E::Setup(_) | E::Script(_) => "mend the call: no browser would send it".into(),
        _ => "see the clause".into(),
    }
}

#[cfg(test)]
mod tests;
