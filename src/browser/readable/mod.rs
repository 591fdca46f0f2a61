//! Whether a page can read every answer of a router, the refusals of its outer layers included.

mod catching;
mod probes;
mod report;
mod verdict;

use std::error::Error;
use std::time::Duration;

use http::Response;
use tower_service::Service;

use self::catching::Catching;
use self::probes::{Probe, probes};
pub use self::report::{ReadableReport, Reading};
pub use self::verdict::Readability;
use self::verdict::judge;
use crate::browser::fetch::options::Credentials;
use crate::browser::page::request::Request;
use crate::browser::web::Web;
use crate::browser::web::server::Body;

/// An origin for the router; no page is there.
const ORIGIN: &str = "https://api.under-test.example";

/// Refusals provoked from a router, to see whether pages can read them; see [`readable`].
#[derive(Clone, Debug)]
#[must_use = "nothing is tried before `run`"]
pub struct Readable {
    web: Web,
    pages: Vec<String>,
    calls: Vec<Request>,
    slow: Vec<Request>,
    cookies: Vec<String>,
    credentials: Credentials,
    large: usize,
    deadline: Duration,
    burst: usize,
}

/// Finds the answers of a router that pages of these origins cannot read, though they may use it.
///
/// A layer outside of the CORS layer answers on its own: the 401 of authentication, the 413 of a body
/// limit, the 504 of a deadline have no CORS headers then, and the page sees a network error instead of
/// the reason. Say which [calls](Readable::call) work; from each of them the probes are made: without its
/// token, with a wrong one, by another method, to an unknown path, with too long a body, with a body of
/// another type, with one that is not what its type says, with one that never comes, and with one that
/// panics where it is read.
///
/// ```
/// # use std::convert::Infallible;
/// use same_origin::browser::{Request, readable};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// # let router = tower::service_fn(|_| async { Ok::<_, Infallible>(http::Response::new(String::new())) });
/// let report = readable(router, ["https://app.example.com"])
///     .call(Request::post("/items").header("authorization", "Bearer token").body("{}"))
///     .run()
///     .await;
/// println!("{report}"); // which answers cannot be read, and the layer that must be further in
/// assert!(!report.passed()); // this router has no CORS layer at all
/// # });
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn readable<S, B, P>(router: S, pages: impl IntoIterator<Item = P>) -> Readable
where
    S: Service<http::Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send,
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    P: Into<String>,
{
    Readable {
        web: Web::new().origin(ORIGIN, Catching::new(router)),
        pages: pages.into_iter().map(Into::into).collect(),
        calls: Vec::new(),
        slow: Vec::new(),
        cookies: Vec::new(),
        credentials: Credentials::default(),
        large: 3 << 20,
        deadline: Duration::from_secs(1),
        burst: 0,
    }
}

impl Readable {
    /// A call that works, with its token; the URL is a path of the router. Without any, `GET /` is.
    pub fn call(mut self, request: impl Into<Request>) -> Self {
        self.calls.push(request.into());
        self
    }

    /// A call that takes longer than the router allows.
    pub fn slow(mut self, request: impl Into<Request>) -> Self {
        self.slow.push(request.into());
        self
    }

    /// A cookie, as `Set-Cookie` would say it, that is the token of the calls.
    pub fn cookie(mut self, set_cookie: impl Into<String>) -> Self {
        self.cookies.push(set_cookie.into());
        self.credentials(Credentials::Include)
    }

    /// The credentials mode of the calls.
    pub fn credentials(self, credentials: Credentials) -> Self {
        Self {
            credentials,
            ..self
        }
    }

    /// The length in bytes of a body that is too long: 3 MiB by default (axum's limit is 2 MB).
    pub fn large(self, bytes: usize) -> Self {
        Self {
            large: bytes,
            ..self
        }
    }

    /// The time for which a body does not come, after which it ends: a second by default. Make it longer
    /// than the router's own deadline, or pause the runtime's clock.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Repeats each call up to so many times, to meet a rate limit; not at all by default.
    pub fn burst(self, times: usize) -> Self {
        Self {
            burst: times,
            ..self
        }
    }

    /// Makes all probes, one after the other.
    pub async fn run(self) -> ReadableReport {
        let mut calls = self.calls.clone();
        if calls.is_empty() && self.slow.is_empty() {
            calls.push(Request::get("/"));
        }
        let mut readings = Vec::new();
        for page in &self.pages {
            for call in &calls {
                let first = self.read(page, call, Probe::Call).await;
                // A policy that does not allow the call refuses all that is like it.
                let allowed = first.readability().is_readable();
                let told = first.readability().is_about_order();
                readings.push(first);
                if allowed || told {
                    for probe in probes(call, !self.cookies.is_empty(), self.burst) {
                        readings.push(self.read(page, call, probe).await);
                    }
                }
            }
            for call in &self.slow {
                readings.push(self.read(page, call, Probe::Slow).await);
            }
        }
        ReadableReport::new(readings)
    }

    async fn read(&self, page: &str, call: &Request, probe: Probe) -> Reading {
        let web = self.web.incognito();
        for cookie in &self.cookies {
            if let Some(cookie) = probe.cookie(cookie) {
                // A cookie that a browser ignores shows in the first reading: the call does not work.
                let _ = web.set_cookie(ORIGIN, &cookie);
            }
        }
        let request = probe.request(call, ORIGIN, self.large, self.deadline);
        let summary = format!("{} {}", request.method, call.url);
        let page = web.page(page);
        let send = || {
            let fetch = page.fetch(request.clone());
            fetch.credentials(self.credentials).send()
        };
        let mut outcome = send().await;
        for _ in 1..probe.times() {
            if verdict::is_rate_limit(&outcome) {
                break;
            }
            outcome = send().await;
        }
        let readability = judge(probe, &outcome);
        Reading::new(
            page.origin(),
            probe.to_string(),
            summary,
            readability,
            outcome,
        )
    }
}
