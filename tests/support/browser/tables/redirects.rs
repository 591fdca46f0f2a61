//! API none / `*` / echo+cred against bucket none / `*` / null / null+cred / echo / echo+cred, with
//! each redirect status, by GET and POST.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use axum::Router;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::{LOCATION, SET_COOKIE};
use http::{Method, StatusCode};
use same_origin::browser::Credentials;
use same_origin::cors::{Any, CorsBuilder, CorsLayer, CorsPolicy};

use super::super::step::{Step, fetch_url};
use super::super::world::Arrived;
use super::Table;

/// Which origin serves what, and what the page asks for.
pub struct Setup {
    name: &'static str,
    page: &'static str,
    api: &'static str,
    bucket: &'static str,
    credentials: Credentials,
}

pub const SETUPS: [Setup; 6] = [
    Setup {
        name: "3dom-include: 3 domains, `credentials: 'include'`",
        page: "https://app.test/",
        api: "https://api.test",
        bucket: "https://bucket.test",
        credentials: Credentials::Include,
    },
    Setup {
        name: "3dom-omit: 3 domains, no credentials (`credentials: 'omit'`)",
        page: "https://app.test/",
        api: "https://api.test",
        bucket: "https://bucket.test",
        credentials: Credentials::Omit,
    },
    Setup {
        name: "2dom: 2 domains: frontend and API one origin, bucket another (default credentials)",
        page: "https://app.test/",
        api: "https://app.test",
        bucket: "https://bucket.test",
        credentials: Credentials::SameOrigin,
    },
    Setup {
        name: "2dom-include: 2 domains, `credentials: 'include'`",
        page: "https://app.test/",
        api: "https://app.test",
        bucket: "https://bucket.test",
        credentials: Credentials::Include,
    },
    Setup {
        name: "2dom-b-include: 2 domains, other cut: API and bucket one origin, frontend another, `credentials: 'include'`",
        page: "https://app.test/",
        api: "https://api.test",
        bucket: "https://api.test",
        credentials: Credentials::Include,
    },
    Setup {
        name: "1dom: 1 domain: everything behind the server under test",
        page: "http://app.test/",
        api: "http://app.test",
        bucket: "http://app.test",
        credentials: Credentials::SameOrigin,
    },
];

/// Headline, and the settings of the layer; none means no layer.
type Policy = (&'static str, &'static str, Option<fn() -> CorsBuilder>);

const APIS: [Policy; 3] = [
    ("no CORS", "none", None),
    ("`*`", "star", Some(star)),
    ("echo+cred", "echo-cred", Some(page_with_credentials)),
];

const BUCKETS: [Policy; 6] = [
    ("no CORS", "none", None),
    ("`*`", "star", Some(star)),
    ("`null`", "null", Some(null)),
    ("`null`+cred", "null-cred", Some(null_with_credentials)),
    ("echo", "echo", Some(anyone)),
    ("echo+cred", "echo-cred", Some(anyone_with_credentials)),
];

const STATUSES: [u16; 4] = [302, 303, 307, 308];
const METHODS: [&str; 2] = ["GET", "POST"];

/// The URL that sets a cookie, and its `Set-Cookie`.
const SECURE_COOKIE: (&str, &str) = ("/cookie", "sid=1; SameSite=None; Secure; Path=/");
const PLAIN_COOKIE: (&str, &str) = ("/plain-cookie", "sid=1; Path=/");

fn star() -> CorsBuilder {
    CorsPolicy::builder().allow_origins(Any)
}

fn null() -> CorsBuilder {
    CorsPolicy::builder().allow_null_origin(true)
}

fn null_with_credentials() -> CorsBuilder {
    null()
        .allow_credentials(true)
        .dangerously_allow_credentialed_null_origin(true)
}

fn page_with_credentials() -> CorsBuilder {
    let page = CorsPolicy::builder().allow_origins(["https://app.test", "http://app.test"]);
    page.allow_credentials(true)
        .dangerously_allow_insecure_origins(true)
}

/// All who come here: the page, and what a redirect makes of it.
fn anyone() -> CorsBuilder {
    null().allow_origins(["https://app.test", "http://app.test"])
}

fn anyone_with_credentials() -> CorsBuilder {
    page_with_credentials()
        .allow_null_origin(true)
        .dangerously_allow_credentialed_null_origin(true)
}

/// `/api/POLICY/BUCKET-POLICY/STATUS?to=ORIGIN` redirects to `/bucket/POLICY/file` at that origin.
pub fn servers() -> Router {
    let api = Router::new().route("/{bucket}/{status}", any(redirect));
    let bucket = Router::new().route("/file", any(file));
    Router::new()
        .merge(mounted("/api", &APIS, &api))
        .merge(mounted("/bucket", &BUCKETS, &bucket))
        .route(SECURE_COOKIE.0, any([(SET_COOKIE, SECURE_COOKIE.1)]))
        .route(PLAIN_COOKIE.0, any([(SET_COOKIE, PLAIN_COOKIE.1)]))
}

fn mounted(prefix: &str, policies: &[Policy], app: &Router) -> Router {
    policies
        .iter()
        .fold(Router::new(), |router, (_, name, policy)| {
            let app = match policy {
                Some(policy) => app
                    .clone()
                    .layer(CorsLayer::new(policy().build().expect("a sound policy"))),
                None => app.clone(),
            };
            router.nest(&format!("{prefix}/{name}"), app)
        })
}

async fn redirect(
    Path((bucket, status)): Path<(String, u16)>,
    Query(to): Query<Vec<(String, String)>>,
) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    let origin = to.first().map_or("", |(_, origin)| origin);
    (
        status,
        [(LOCATION, format!("{origin}/bucket/{bucket}/file"))],
    )
        .into_response()
}

/// The URL is signed for GET.
async fn file(method: Method) -> StatusCode {
    if method == Method::GET {
        StatusCode::OK
    } else {
        StatusCode::FORBIDDEN
    }
}

/// The table of a setup.
pub struct Redirects(pub &'static Setup);

impl Table for Redirects {
    fn name(&self) -> String {
        self.0.name.to_owned()
    }

    fn page(&self) -> &'static str {
        self.0.page
    }

    fn cookies(&self) -> Vec<(String, &'static str)> {
        let cookie = match self.0.page.starts_with("https") {
            true => SECURE_COOKIE,
            false => PLAIN_COOKIE,
        };
        let origins = BTreeSet::from([self.0.api, self.0.bucket]);
        origins
            .into_iter()
            .map(|origin| (format!("{origin}{}", cookie.0), cookie.1))
            .collect()
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (_, api, _) in &APIS {
            for (_, bucket, _) in &BUCKETS {
                for method in METHODS {
                    for status in STATUSES {
                        let url = format!(
                            "{}/api/{api}/{bucket}/{status}?to={}",
                            self.0.api, self.0.bucket
                        );
                        steps.push(fetch_url(method, &url).credentials(self.0.credentials));
                    }
                }
            }
        }
        steps
    }

    fn render(&self, seen: &[Option<u16>], arrived: &[Arrived]) -> String {
        let mut cells = seen.chunks(METHODS.len() * STATUSES.len()).map(cell);
        let mut table = String::from("|");
        for (name, ..) in &BUCKETS {
            write!(table, " | Bucket: {name}").expect("a string");
        }
        table += &format!(" |\n{}|\n", "|---".repeat(BUCKETS.len() + 1));
        for (name, ..) in &APIS {
            let row: Vec<_> = cells.by_ref().take(BUCKETS.len()).collect();
            writeln!(table, "| API: {name} | {} |", row.join(" | ")).expect("a string");
        }
        table + &self.traffic(seen.len(), arrived)
    }
}

/// `✗`, or what came of GET and of POST with each status, in short if all are the same.
fn cell(seen: &[Option<u16>]) -> String {
    if seen.iter().all(Option::is_none) {
        return "✗".into();
    }
    let of = |seen: &[Option<u16>]| {
        let marks: Vec<_> = seen.iter().map(|status| mark(*status)).collect();
        let same = marks.iter().all(|mark| *mark == marks[0]);
        if same {
            marks[0].clone()
        } else {
            marks.join("/")
        }
    };
    let (get, post) = seen.split_at(STATUSES.len());
    format!("GET {}, POST {}", of(get), of(post))
}

fn mark(status: Option<u16>) -> String {
    match status {
        None => "✗".into(),
        Some(200) => "✓".into(),
        Some(status) => status.to_string(),
    }
}

impl Redirects {
    /// The requests that the servers saw.
    fn traffic(&self, fetches: usize, arrived: &[Arrived]) -> String {
        let to = |part| arrived.iter().filter(move |request| request.is_at(part));
        let with_method = |request: &Arrived| format!("{} {}", request.method, origin(request));
        let preflights = arrived
            .iter()
            .filter(|request| request.is_preflight())
            .count();
        let cookies = |part| {
            to(part)
                .filter(|request| request.header("cookie").is_some())
                .count()
        };
        let scheme = self.0.page.split(':').next().unwrap_or_default();
        format!(
            "transport {scheme}; {fetches} fetches; requests at the API {}, at the bucket {}, \
             preflights {preflights}; Origin at the API: {}; at the bucket: {}; cookie at the API {}×, \
             at the bucket {}×\n",
            to("/api").count(),
            to("/bucket").count(),
            distinct(to("/api").map(origin)),
            distinct(to("/bucket").map(with_method)),
            cookies("/api"),
            cookies("/bucket"),
        )
    }
}

fn origin(request: &Arrived) -> String {
    request
        .header("origin")
        .map_or("absent".into(), |origin| format!("`{origin}`"))
}

fn distinct(values: impl Iterator<Item = String>) -> String {
    values
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join(", ")
}
