//! The software that answered, where its answer says so, and the words in which it is configured.

use http::{HeaderMap, HeaderValue, StatusCode};
use same_origin::browser::Exchange;

/// The software that answered, where its answer says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The name of a header behind `access-control-`.
type Header = &'static str;

pub const ALLOW_ORIGIN: Header = "allow-origin";
pub const ALLOW_METHODS: Header = "allow-methods";
pub const ALLOW_HEADERS: Header = "allow-headers";
pub const ALLOW_CREDENTIALS: Header = "allow-credentials";

impl Software {
    /// All that show, from the outermost to the innermost: nginx in front of express is both.
    pub fn all(exchange: &Exchange) -> Vec<Self> {
        let answer = Answer::of(exchange);
        let order = [
            Self::CloudFront,
            Self::Nginx,
            Self::Caddy,
            Self::SameOrigin,
            Self::ApiGateway,
            Self::S3,
            Self::Express,
            Self::TowerHttp,
        ];
        let shown = order.into_iter().filter(|software| answer.shows(*software));
        shown.collect()
    }

    /// The innermost one, as CORS is best configured where it is known what a request may do; but a policy of
    /// our gateway, which shows by `Vary`, takes the place of all behind it.
    pub fn of(exchange: &Exchange) -> Self {
        let mut all = Self::all(exchange);
        let by_policy = Answer::of(exchange).names("vary", "origin");
        match all.contains(&Self::SameOrigin) && by_policy {
            true => Self::SameOrigin,
            false => all.pop().unwrap_or(Self::Unknown),
        }
    }

    /// The word of it in a result for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::CloudFront => "cloudfront",
            Self::ApiGateway => "api-gateway",
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Express => "express",
            Self::TowerHttp => "tower-http",
            Self::SameOrigin => "same-origin",
            Self::Unknown => "server",
        }
    }

    /// The configuration that has to be changed.
    pub const fn place(self) -> &'static str {
        match self {
            Self::S3 => "the CORS rules of the bucket (S3)",
            Self::CloudFront => "the response headers policy of the distribution (CloudFront)",
            Self::ApiGateway => "the CORS configuration of the API (API Gateway)",
            Self::Nginx => "the `add_header … always` lines of the location (nginx)",
            Self::Caddy => "the `header` directives of the site (Caddy)",
            Self::Express => "the options of `cors()` (express)",
            Self::TowerHttp => "the `CorsLayer` (tower-http)",
            Self::SameOrigin => {
                "the CORS policy of the program, or the `[cors]` table of the gateway (same-origin)"
            }
            Self::Unknown => "the server",
        }
    }

    /// The words by which this software is told to send a header.
    pub fn setting(self, header: Header, value: &str) -> String {
        let key = match (self, header) {
            (Self::S3, ALLOW_ORIGIN) => "AllowedOrigins",
            (Self::S3, ALLOW_METHODS) => "AllowedMethods",
            (Self::S3, ALLOW_HEADERS) => "AllowedHeaders",
            (Self::ApiGateway, ALLOW_ORIGIN) => "AllowOrigins",
            (Self::ApiGateway, ALLOW_METHODS) => "AllowMethods",
            (Self::ApiGateway, ALLOW_HEADERS) => "AllowHeaders",
            (Self::CloudFront, ALLOW_ORIGIN) => "AccessControlAllowOrigins",
            (Self::CloudFront, ALLOW_METHODS) => "AccessControlAllowMethods",
            (Self::CloudFront, ALLOW_HEADERS) => "AccessControlAllowHeaders",
            (Self::Express, ALLOW_ORIGIN) => "origin",
            (Self::Express, ALLOW_METHODS) => "methods",
            (Self::Express, ALLOW_HEADERS) => "allowedHeaders",
            (Self::SameOrigin, ALLOW_ORIGIN) => "allow_origins",
            (Self::SameOrigin, ALLOW_METHODS) => "allow_methods",
            (Self::SameOrigin, ALLOW_HEADERS) => "allow_headers",
            (Self::TowerHttp, ALLOW_ORIGIN) => "allow_origin",
            (Self::TowerHttp, ALLOW_METHODS) => "allow_methods",
            (Self::TowerHttp, ALLOW_HEADERS) => "allow_headers",
            _ => "",
        };
        match (self, header) {
            // S3 answers it by itself wherever origins are listed and not `*`.
            (Self::S3, ALLOW_CREDENTIALS) => "\"AllowedOrigins\" without `*`".into(),
            (Self::ApiGateway, ALLOW_CREDENTIALS) => "\"AllowCredentials\": true".into(),
            (Self::CloudFront, ALLOW_CREDENTIALS) => {
                "\"AccessControlAllowCredentials\": true".into()
            }
            (Self::Express, ALLOW_CREDENTIALS) => "cors({ credentials: true })".into(),
            (Self::TowerHttp, ALLOW_CREDENTIALS) => ".allow_credentials(true)".into(),
            (Self::SameOrigin, ALLOW_CREDENTIALS) => "allow_credentials = true".into(),
            (Self::S3 | Self::ApiGateway, _) => format!("\"{key}\": [\"{value}\"]"),
            (Self::CloudFront, _) => format!("\"{key}\": {{ \"Items\": [\"{value}\"] }}"),
            (Self::Nginx, _) => format!("add_header access-control-{header} \"{value}\" always;"),
            (Self::Caddy, _) => format!("header access-control-{header} \"{value}\""),
            (Self::Express, ALLOW_ORIGIN) => format!("cors({{ {key}: '{value}' }})"),
            (Self::Express, _) => format!("cors({{ {key}: ['{value}'] }})"),
            (Self::SameOrigin, _) => format!("{key} = [\"{value}\"]"),
            (Self::TowerHttp, _) => format!(".{key}([…\"{value}\"…])"),
            (Self::Unknown, _) => format!("access-control-{header}: {value}"),
        }
    }
}

/// The signs in an answer of who gave it.
struct Answer<'a> {
    headers: Option<&'a HeaderMap>,
    host: &'a str,
    status: Option<StatusCode>,
    refusal: &'a [u8],
}

impl<'a> Answer<'a> {
    fn of(exchange: &'a Exchange) -> Self {
        Self {
            headers: exchange.response_headers(),
            host: exchange.url().host_str().unwrap_or_default(),
            status: exchange.status(),
            refusal: exchange.refusal(),
        }
    }

    fn shows(&self, software: Software) -> bool {
        match software {
            Software::CloudFront => {
                self.has("x-amz-cf-id") || self.host.ends_with(".cloudfront.net")
            }
            Software::Nginx => self.names("server", "nginx") || self.names("server", "openresty"),
            Software::Caddy => self.names("server", "caddy"),
            Software::SameOrigin => {
                self.names("via", "same-origin")
                    || self.names("proxy-status", "same-origin")
                    || self.is_refusal_of_ours()
            }
            Software::ApiGateway => {
                self.has("apigw-requestid")
                    || self.has("x-amz-apigw-id")
                    || self.host.contains(".execute-api.")
            }
            Software::S3 => self.is_bucket(),
            Software::Express => self.names("x-powered-by", "express"),
            // It names itself nowhere; nobody else is known to write these three in lower case.
            Software::TowerHttp => self.lines("vary").any(|line| {
                line == b"origin, access-control-request-method, access-control-request-headers"
            }),
            Software::Unknown => false,
        }
    }

    /// A preflight that our policy refuses has no word of ours. Go's libraries, which write this line too,
    /// refuse by other means.
    fn is_refusal_of_ours(&self) -> bool {
        let all = b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        self.status == Some(StatusCode::FORBIDDEN)
            && self.refusal.is_empty()
            && !self.has("server")
            && self.lines("vary").any(|line| line == all)
    }

    /// S3, or what speaks its protocol: by its headers, its host, or its way to refuse.
    fn is_bucket(&self) -> bool {
        const HEADERS: [&str; 5] = [
            "x-amz-request-id",
            "x-amz-id-2",
            "x-amz-bucket-region",
            "x-amz-version-id",
            "x-amz-server-side-encryption",
        ];
        let by_host = self.host.ends_with(".amazonaws.com")
            && self.host.split(['.', '-']).any(|label| label == "s3");
        // That of Azure looks alike, and its headers begin with `x-ms-`.
        let refusal = String::from_utf8_lossy(self.refusal);
        let by_refusal = refusal.contains("<Error><Code>") && !self.has("x-ms-request-id");
        by_host
            || by_refusal
            || HEADERS.iter().any(|name| self.has(name))
            || self.names("server", "amazons3")
            || self.names("server", "amazon.com")
            || self.names("server", "minio")
    }

    fn lines(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.headers.map(|headers| headers.get_all(name).iter());
        lines.into_iter().flatten().map(HeaderValue::as_bytes)
    }

    fn has(&self, name: &'static str) -> bool {
        self.lines(name).next().is_some()
    }

    /// Whether a line has this word in it, in any case of letters.
    fn names(&self, name: &'static str, word: &str) -> bool {
        let has = |line: &[u8]| {
            String::from_utf8_lossy(line)
                .to_ascii_lowercase()
                .contains(word)
        };
        self.lines(name).any(has)
    }
}

#[cfg(test)]
pub const PLACES: &[(&str, &str)] = {
    const fn pair(software: Software) -> (&'static str, &'static str) {
        (software.word(), software.place())
    }
    &[
        pair(Software::S3),
        pair(Software::CloudFront),
        pair(Software::ApiGateway),
        pair(Software::Nginx),
        pair(Software::Caddy),
        pair(Software::Express),
        pair(Software::TowerHttp),
        pair(Software::SameOrigin),
        pair(Software::Unknown),
    ]
};
