//! A server that answers as the query of the URL tells it to, so that a scenario is data.

use std::borrow::Cow;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::{Url, form_urlencoded};

/// A URL with the answers to it.
#[derive(Clone, Debug)]
pub struct Target(Url);

/// `path` at `origin`, answered with 200 and no header; a preflight with 204 and no header.
pub fn at(origin: &str, path: &str) -> Target {
    Target(format!("{origin}/{path}").parse().expect("a URL"))
}

impl Target {
    /// The answer's status.
    pub fn status(self, status: u16) -> Self {
        self.with("s", &status.to_string())
    }

    /// Headers of the answer; in a value `{origin}` and `{method}` stand for what the request said, and
    /// `{space}` for white space at its ends.
    pub fn headers(self, lines: &[&str]) -> Self {
        lines
            .iter()
            .fold(self, |target, line| target.with("h", line))
    }

    /// The answer to a preflight.
    pub fn preflight(self, status: u16, lines: &[&str]) -> Self {
        lines
            .iter()
            .fold(self.with("ps", &status.to_string()), |target, line| {
                target.with("ph", line)
            })
    }

    /// A redirect there, besides the headers.
    pub fn redirect(self, status: u16, to: &Self) -> Self {
        self.status(status)
            .headers(&[&format!("location: {}", to.0)])
    }

    /// So many redirects to itself before the answer.
    pub fn hops(self, count: usize) -> Self {
        self.with("hops", &count.to_string())
    }

    /// A fragment, which is not sent.
    pub fn fragment(mut self, fragment: &str) -> Self {
        self.0.set_fragment(Some(fragment));
        self
    }

    /// A user name and a password in the URL.
    pub fn userinfo(mut self) -> Self {
        self.0
            .set_username("user")
            .and_then(|()| self.0.set_password(Some("pass")))
            .expect("a URL with a host");
        self
    }

    /// The URL for one scenario: browsers remember URLs, so no two scenarios ask for the same.
    pub fn url(&self, id: usize) -> Url {
        let mut url = self.0.clone();
        let query = url
            .query()
            .map_or(String::new(), |query| format!("&{query}"));
        url.set_query(Some(&format!("id={id}{query}")));
        url
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.0.query_pairs_mut().append_pair(key, value);
        self
    }
}

/// The smallest image that all browsers show, for `<img>`.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// Addresses at which a browser forgets all cookies of a host (Clear Site Data #clear-cookies), one for each.
pub const CLEARING: [&str; 5] = [
    "https://sub.app.test/forget?h=clear-site-data:%22cookies%22",
    "https://app.test/forget?h=clear-site-data:%22cookies%22",
    "https://api.test/forget?h=clear-site-data:%22cookies%22",
    "https://bucket.test/forget?h=clear-site-data:%22cookies%22",
    "https://plain.test/forget?h=clear-site-data:%22cookies%22",
];

/// The server.
pub fn server() -> Router {
    Router::new().fallback(async |request: Request| answer(&request))
}

/// The server of a page's origin: `/` is the page, and what is below `/page/`; `/hidden/page` is the
/// same with a referrer policy, `/require-corp/page` and `/credentialless/page` with an embedder policy.
pub fn page_server(page: &'static str) -> Router {
    let shown = || axum::routing::get(axum::response::Html(page));
    let hidden = (
        [("referrer-policy", "no-referrer")],
        axum::response::Html(page),
    );
    let embedding = |policy: &'static str| {
        let html = axum::response::Html(page);
        axum::routing::get(([("cross-origin-embedder-policy", policy)], html))
    };
    server()
        .route("/require-corp/page", embedding("require-corp"))
        .route("/credentialless/page", embedding("credentialless"))
        .route("/", shown())
        .route("/page/{*any}", shown())
        .route("/hidden/page", axum::routing::get(hidden))
}

/// The number of the scenario goes along with redirects.
fn passed_on(location: &str, pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> String {
    match (
        location.split_once('?'),
        pairs.iter().find(|pair| pair.0 == "id"),
    ) {
        (Some((path, query)), Some((_, id))) => format!("{path}?id={id}&{query}"),
        _ => location.to_owned(),
    }
}

fn answer(request: &Request) -> Response {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let requested = header("access-control-request-method");
    let (status, lines) = match *request.method() == Method::OPTIONS && !requested.is_empty() {
        true => ("ps", "ph"),
        false => ("s", "h"),
    };
    let query = request.uri().query().unwrap_or_default();
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let values = |key: &'static str| {
        pairs
            .iter()
            .filter(move |pair| pair.0 == key)
            .map(|pair| pair.1.clone())
    };
    let default = if status == "ps" { 204 } else { 200 };
    let told = values(status).next();
    let mut status_code = told.map_or(default, |status| status.parse().expect("a status"));
    let mut headers = HeaderMap::new();
    for line in values(lines) {
        let (name, value) = line.split_once(':').expect("a header line");
        let value = match name {
            "location" => passed_on(value.trim(), &pairs),
            _ => value.trim().to_owned(),
        };
        let value = value
            .replace("{space}", " \t ")
            .replace("{origin}", header("origin"))
            .replace("{method}", requested);
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(
            name,
            HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
        );
    }
    if let Some(left) = values("hops").find_map(|left| left.parse::<usize>().ok()?.checked_sub(1)) {
        let again = query.replace(&format!("hops={}", left + 1), &format!("hops={left}"));
        let location = format!("{}?{again}", request.uri().path());
        headers.insert("location", HeaderValue::try_from(location).expect("a URL"));
        status_code = 302;
    }
    let is_image = header("accept").starts_with("image/");
    let mut response = Response::new(if is_image {
        Body::from(GIF)
    } else {
        Body::from("body")
    });
    *response.status_mut() = StatusCode::from_u16(status_code).expect("a status");
    *response.headers_mut() = headers;
    response
}
