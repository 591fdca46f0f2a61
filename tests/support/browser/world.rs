//! Origins with an application behind each, for both browsers: in-process, and on real sockets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use http::HeaderMap;
use same_origin::browser::Web;

/// The origins of a scenario.
#[derive(Clone, Default)]
pub struct World {
    pub sites: BTreeMap<&'static str, Router>,
    log: Log,
}

/// The requests that arrived, oldest first.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Arrived>>>);

/// The head of a request as a server got it.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub origin: &'static str,
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
}

impl World {
    /// Puts an application behind an origin; its requests are logged.
    pub fn site(mut self, origin: &'static str, app: Router) -> Self {
        let log = self.log.clone();
        let logged = app.layer(from_fn(move |request: Request, next: Next| {
            log.push(origin, &request);
            next.run(request)
        }));
        self.sites.insert(origin, logged);
        self
    }

    /// The same world for the simulated browser.
    pub fn web(&self) -> Web {
        self.sites.iter().fold(Web::new(), |web, (origin, app)| {
            web.origin(origin, app.clone())
        })
    }

    /// The requests that arrived since the last call.
    pub fn arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.log.0.lock().unwrap())
    }
}

impl Log {
    fn push(&self, origin: &'static str, request: &Request) {
        self.0.lock().unwrap().push(Arrived {
            origin,
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
        });
    }
}

impl Arrived {
    /// Whether this is a request proper, to a path that starts like this.
    pub fn is_at(&self, path: &str) -> bool {
        self.path.starts_with(path) && !self.is_preflight()
    }

    pub fn is_preflight(&self) -> bool {
        self.method == "OPTIONS" && self.header("access-control-request-method").is_some()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let lines: Vec<_> = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }
}
