//! The web that a simulated browser visits: origins, the services behind them, and the profile.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use tower_service::Service;
use url::Url;

use self::address::AddressSpace;
use self::profile::Profile;
use self::server::{Body, Server};
use crate::browser::cookies::access::Access;
use crate::browser::engine::Engine;
use crate::browser::origin::Origin;
use crate::browser::outcome::trace::Exchange;
use crate::browser::site;
use crate::browser::values;

pub(crate) mod address;
#[cfg(feature = "proxy")]
mod network;
pub(crate) mod profile;
pub(crate) mod server;

/// The question whether a request may be sent.
type Permit = Arc<dyn Fn(&Exchange) -> bool + Send + Sync>;

/// A small web: origins and the services behind them, and the profile of the browser that visits it.
///
/// A clone is another window of the same browser: it shares cookies and caches.
#[derive(Clone)]
#[must_use]
pub struct Web {
    pub(crate) servers: BTreeMap<String, Server>,
    profile: Arc<Mutex<Profile>>,
    pub(crate) engine: Engine,
    pub(crate) third_party_cookies: bool,
    pub(crate) body_limit: usize,
    pub(crate) spaces: BTreeMap<String, AddressSpace>,
    pub(crate) local_network_access: bool,
    pub(crate) mistakes: Vec<String>,
    pub(crate) permit: Option<Permit>,
    #[cfg(feature = "proxy")]
    network: Option<network::Network>,
}

impl Web {
    /// Creates a web without servers, with a fresh profile and the standard's behaviour.
    pub fn new() -> Self {
        Self {
            servers: BTreeMap::new(),
            profile: Arc::default(),
            engine: Engine::default(),
            third_party_cookies: true,
            body_limit: 16 << 20,
            spaces: BTreeMap::new(),
            local_network_access: true,
            mistakes: Vec::new(),
            permit: None,
            #[cfg(feature = "proxy")]
            network: None,
        }
    }

    /// Puts a service behind an origin such as `https://api.example.com` or `http://localhost:3000`.
    ///
    /// A clone of it answers each request. It gets the path and query as request target, and `Host`,
    /// as from an HTTP/1.1 connection. If the origin has a service already, it is replaced.
    pub fn origin<S, B>(mut self, origin: &str, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send,
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        match Url::parse(origin).map(|url| url.origin()) {
            Ok(parsed) if parsed.ascii_serialization() == origin => {
                self.servers.insert(origin.to_owned(), Server::new(service));
            }
            Ok(parsed) if parsed.is_tuple() => {
                let canonical = parsed.ascii_serialization();
                self.mistakes
                    .push(format!("`{origin}` is not an origin; write `{canonical}`"));
            }
            _ => self.mistakes.push(format!(
                "`{origin}` is not an origin; write one like `https://api.example.com`"
            )),
        }
        self
    }

    /// Chooses between the standard and the deviations of a real browser.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Whether cookies go to other sites than the page's, as far as their `SameSite` lets them; yes by
    /// default. Browsers come to block them; a cookie that is `Partitioned` goes along all the same.
    pub fn third_party_cookies(mut self, allowed: bool) -> Self {
        self.third_party_cookies = allowed;
        self
    }

    /// The longest response body, in bytes, that a fetch reads: 16 MiB by default.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Asks before each request that would be sent, the preflights and those after redirects included. One that
    /// is not permitted is not sent, and its fetch fails with
    /// [`FetchErrorKind::Withheld`](crate::browser::FetchErrorKind::Withheld). Everything is sent by default.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use same_origin::browser::{FetchErrorKind, Request, Web};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// # let api = tower::service_fn(|_| async { Ok::<_, Infallible>(http::Response::new(String::new())) });
    /// let web = Web::new()
    ///     .origin("https://api.example.com", api)
    ///     .permit(|request| request.is_preflight() || request.method().is_safe());
    /// let page = web.page("https://app.example.com");
    /// let outcome = page.fetch(Request::post("https://api.example.com/x")).send().await;
    /// assert!(matches!(outcome.error().unwrap().kind(), FetchErrorKind::Withheld(_)));
    /// assert_eq!(outcome.trace().requests().count(), 0);
    /// # });
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn permit(mut self, ask: impl Fn(&Exchange) -> bool + Send + Sync + 'static) -> Self {
        self.permit = Some(Arc::new(ask));
        self
    }

    /// The same servers and settings with an empty profile: no cookies, no caches.
    pub fn incognito(&self) -> Self {
        Self {
            profile: Arc::default(),
            ..self.clone()
        }
    }

    /// The same with empty caches and a copy of the cookies.
    pub(crate) fn apart(&self) -> Self {
        let profile = {
            let own = self.profile();
            Profile {
                now: own.now,
                cookies: own.cookies.clone(),
                ..Profile::default()
            }
        };
        Self {
            profile: Arc::new(Mutex::new(profile)),
            ..self.clone()
        }
    }

    /// Lets time pass for what has an age: preflights, cached responses, cookies.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use std::time::Duration;
    /// # use same_origin::browser::{Request, Web};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// # let api = tower::service_fn(|_| async {
    /// #     let answer = http::Response::builder()
    /// #         .header("access-control-allow-origin", "*")
    /// #         .header("access-control-allow-methods", "PUT")
    /// #         .header("access-control-max-age", "600");
    /// #     Ok::<_, Infallible>(answer.body(String::new()).unwrap())
    /// # });
    /// let web = Web::new().origin("https://api.example.com", api); // sends Access-Control-Max-Age: 600
    /// let page = web.page("https://app.example.com");
    /// let save = || page.fetch(Request::put("https://api.example.com/x")).send();
    ///
    /// assert_eq!(save().await.trace().preflights(), 1);
    /// web.advance(Duration::from_secs(599));
    /// assert_eq!(save().await.trace().preflights(), 0);
    /// web.advance(Duration::from_secs(1));
    /// assert_eq!(save().await.trace().preflights(), 1);
    /// # });
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn advance(&self, time: Duration) {
        let mut profile = self.profile();
        profile.now = profile.now.saturating_add(time);
    }

    /// Sets a cookie as a first-party response from `url` with this `Set-Cookie` would.
    ///
    /// # Errors
    /// Says why a browser would ignore it.
    pub fn set_cookie(&self, url: &str, set_cookie: &str) -> Result<(), &'static str> {
        let url = Url::parse(url).map_err(|_| "the URL cannot be read")?;
        let line = HeaderValue::from_str(set_cookie).map_err(|_| "it cannot be a header")?;
        let access = Access::first_party(site::partition(&Origin::of(&url)));
        let mut profile = self.profile();
        let now = profile.now;
        profile
            .cookies
            .store(&line, &url, &access, self.engine, now)
    }

    /// The `Cookie` that a first-party request to `url` would carry.
    #[must_use]
    pub fn cookies(&self, url: &str) -> Option<String> {
        let url = Url::parse(url).ok()?;
        let access = Access::first_party(site::partition(&Origin::of(&url)));
        let profile = self.profile();
        let header = profile
            .cookies
            .header(&url, &access, self.engine, profile.now)?;
        Some(values::isomorphic(header.as_bytes()))
    }

    pub(crate) fn server(&self, origin: &str) -> Option<Server> {
        let own = self.servers.get(origin).cloned();
        #[cfg(feature = "proxy")]
        let own = own.or_else(|| self.network.as_ref()?.server(origin));
        own
    }

    pub(crate) fn now(&self) -> Duration {
        self.profile().now
    }

    /// Never held across a wait.
    pub(crate) fn profile(&self) -> MutexGuard<'_, Profile> {
        self.profile.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Web {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web")
            .field("origins", &self.servers.keys())
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}
