//! The pages that attack, and where they are.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::header::LOCATION;
use http::{HeaderValue, Request, Response, StatusCode};
use tower_service::Service;
use url::Url;
use url::form_urlencoded::{byte_serialize, parse};

use super::means::Means;
use crate::browser::engine::Engine;
use crate::browser::origin::Origin;
use crate::browser::page::Page;
use crate::browser::site::registrable_domain_of;
use crate::browser::web::Web;
use crate::browser::web::server::Body;

const STRANGER: &str = "https://attacker.example";

/// A name of the attacker's that leads to the server's address.
const REBOUND: &str = "rebound.attacker.example";

/// A page that attacks.
#[derive(Clone, Debug)]
pub(super) struct Attacker {
    web: Web,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Page(String),
    Sandboxed,
    Rebound(String),
}

/// Those that always attack, and more.
pub(super) fn attackers(web: &Web, target: &str, more: &[String]) -> Vec<Attacker> {
    let pages = [STRANGER.to_owned()]
        .into_iter()
        .chain(neighbours(target))
        .chain(more.iter().cloned());
    let mut kinds: Vec<_> = pages.map(Kind::Page).collect();
    kinds.push(Kind::Sandboxed);
    kinds.extend(rebound(target).map(Kind::Rebound));
    let attacker = |kind| Attacker {
        web: web.clone(),
        kind,
    };
    kinds.into_iter().map(attacker).collect()
}

/// Origins near the target: a sibling of its domain, another port, and the host without TLS.
fn neighbours(target: &str) -> Vec<String> {
    let Ok(url) = Url::parse(target) else {
        return Vec::new();
    };
    let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
    let mut near = Vec::new();
    if let Some(domain) = registrable_domain_of(&url) {
        near.push(format!("{scheme}://sibling-attacker.{domain}"));
    }
    near.push(format!("{scheme}://{host}:4999"));
    if scheme == "https" {
        near.push(format!("http://{host}"));
    }
    near
}

/// The attacker's name with the scheme and port of the target: TLS has no certificate for it.
fn rebound(target: &str) -> Option<String> {
    let url = Url::parse(target).ok()?;
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    (url.scheme() == "http").then(|| format!("http://{REBOUND}{port}"))
}

impl Attacker {
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Page(origin) => origin.clone(),
            Kind::Sandboxed => "a sandboxed frame".into(),
            Kind::Rebound(origin) => format!("{origin}, rebound"),
        }
    }

    /// The page, and the origin by which it reaches the target.
    pub(super) fn page(&self, engine: Engine, target: &str, means: &Means) -> (Page, String) {
        let mut web = self.web.clone().engine(engine);
        let target = match &self.kind {
            Kind::Rebound(origin) => {
                web = web.alias(origin, target);
                origin.clone()
            }
            _ => target.to_owned(),
        };
        let origin = match &self.kind {
            Kind::Page(origin) | Kind::Rebound(origin) => origin,
            Kind::Sandboxed => STRANGER,
        };
        if means.is_bounced() {
            web = web.origin(&Bounce::origin_of(origin), Bounce);
        }
        let page = web.page(origin);
        let page = match self.kind {
            Kind::Sandboxed => page.sandboxed(),
            _ => page,
        };
        (page, target)
    }
}

/// The attacker's own server: it redirects to where the query says.
#[derive(Clone)]
struct Bounce;

impl Bounce {
    /// Another origin of the page's own: it need not be where the page is.
    fn origin_of(page: &str) -> String {
        match page.starts_with("http:") {
            true => "http://bounce.attacker.example".into(),
            false => "https://bounce.attacker.example".into(),
        }
    }
}

impl Page {
    /// An address of the attacker's server that leads to `url`.
    pub(super) fn bouncing(&self, url: &str) -> String {
        let bounce = Bounce::origin_of(&self.origin());
        let to: String = byte_serialize(url.as_bytes()).collect();
        format!("{bounce}/?to={to}")
    }
}

impl Service<Request<Body>> for Bounce {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let query = request.uri().query().unwrap_or_default();
        let to = parse(query.as_bytes()).find(|(name, _)| name == "to");
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        if let Some(Ok(location)) = to.map(|(_, to)| HeaderValue::try_from(to.into_owned())) {
            response.headers_mut().insert(LOCATION, location);
        }
        ready(Ok(response))
    }
}

impl Web {
    /// Reaches the service of one origin by the name of another.
    fn alias(mut self, origin: &str, of: &str) -> Self {
        let of = Url::parse(of).map(|url| Origin::of(&url).serialized());
        if let Some(server) = of.ok().and_then(|of| self.server(&of)) {
            self.servers.insert(origin.to_owned(), server);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_origins() {
        assert_eq!(
            neighbours("https://bank.example"),
            [
                "https://sibling-attacker.bank.example",
                "https://bank.example:4999",
                "http://bank.example"
            ]
        );
        assert_eq!(
            neighbours("http://127.0.0.1:3000"),
            ["http://127.0.0.1:4999"]
        );
        assert_eq!(rebound("https://bank.example"), None);
        assert_eq!(
            rebound("http://localhost:3000").as_deref(),
            Some("http://rebound.attacker.example:3000")
        );
    }
}
