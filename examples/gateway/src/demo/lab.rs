//! The notebook of the demo: what each server saw and answered, run by run, and the simulated round
//! trip that makes the cost of a request visible on a loopback.
//!
//! The page names its run in the query of every URL (`?run=…&call=…&rtt=…`), which preflights and
//! signed redirects carry along, so that all requests of a call are found again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    AUTHORIZATION, COOKIE, HeaderName, LOCATION, ORIGIN,
};
use http::{HeaderMap, Method, Request, Response};
use same_origin::proxy::Body;
use serde::Serialize;

/// Runs that are remembered, requests of one run, and the longest name of a run: a demo left open
/// does not grow.
const RUNS: usize = 128;
const REQUESTS: usize = 1024;
const NAME: usize = 64;
/// The longest simulated round trip, in milliseconds.
const ROUND_TRIP: u64 = 1000;

/// The servers of the demo, as the page calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    Page,
    Api,
    Bucket,
    Gateway,
}

/// A request as a server saw it, and the answer.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    call: String,
    server: Server,
    /// Whether it came from a gateway rather than from the browser.
    forwarded: bool,
    method: String,
    path: String,
    origin: Option<String>,
    preflight: Option<Preflight>,
    cookie: bool,
    authorization: bool,
    status: u16,
    allow_origin: Option<String>,
    allow_credentials: Option<String>,
    allow_methods: Option<String>,
    allow_headers: Option<String>,
    location: Option<String>,
    /// Milliseconds since 1970, when the request head was there and when the answer's head was ready.
    start: f64,
    end: f64,
}

/// The method and headers that a preflight asks leave for.
#[derive(Clone, Debug, Serialize)]
struct Preflight {
    method: String,
    headers: Option<String>,
}

/// The exchanges of a run, and the time on the clock that its times are of.
#[derive(Debug, Serialize)]
pub struct Report {
    now: f64,
    exchanges: Vec<Exchange>,
}

/// The notes of the demo's servers; all clones are the same notebook.
#[derive(Clone, Default)]
pub struct Lab {
    runs: Arc<Mutex<VecDeque<Run>>>,
}

/// The name of a run and what was seen in it.
type Run = (String, Vec<Exchange>);

impl Lab {
    /// The report of a run so far.
    pub fn report(&self, run: &str) -> Report {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let found = runs.iter().find(|(name, _)| name == run);
        Report {
            now: now(),
            exchanges: found.map(|(_, seen)| seen.clone()).unwrap_or_default(),
        }
    }

    /// Answers through `inner`, after the simulated round trip, and notes what was seen. Outside of a
    /// run it does nothing.
    pub async fn watch<F, B>(
        self,
        server: Server,
        request: Request<Body>,
        inner: impl FnOnce(Request<Body>) -> F,
    ) -> Response<B>
    where
        F: Future<Output = Response<B>>,
    {
        let Some(tags) = Tags::of(request.uri().query()) else {
            return inner(request).await;
        };
        let mut exchange = Exchange::begin(server, tags.call, &request);
        // The delay is the way between browser and server. The one behind a gateway is short.
        if !exchange.forwarded && tags.round_trip > Duration::ZERO {
            tokio::time::sleep(tags.round_trip).await;
        }
        let response = inner(request).await;
        exchange.finish(&response);
        self.note(tags.run, exchange);
        response
    }

    fn note(&self, name: String, exchange: Exchange) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, seen)) = runs.iter_mut().find(|(run, _)| *run == name) {
            if seen.len() < REQUESTS {
                seen.push(exchange);
            }
            return;
        }
        if runs.len() == RUNS {
            runs.pop_front();
        }
        runs.push_back((name, vec![exchange]));
    }
}

/// The page's tags of a request, from its query.
struct Tags {
    run: String,
    call: String,
    round_trip: Duration,
}

impl Tags {
    fn of(query: Option<&str>) -> Option<Self> {
        let query = query?;
        let name = |key| query_value(query, key).filter(|name| (1..=NAME).contains(&name.len()));
        let delay = query_value(query, "rtt").and_then(|rtt| rtt.parse().ok());
        Some(Self {
            run: name("run")?.to_owned(),
            call: name("call")?.to_owned(),
            round_trip: Duration::from_millis(delay.unwrap_or(0).min(ROUND_TRIP)),
        })
    }
}

/// The first value of a key in a query, as it stands there.
pub fn query_value<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| (name == key).then_some(value))
}

/// The part of a query that names run, call and delay, for a URL that a redirect leads to.
pub fn tags(query: &str) -> String {
    let tags = ["run", "call", "rtt"].map(|key| {
        let value = query_value(query, key);
        value
            .map(|value| format!("&{key}={value}"))
            .unwrap_or_default()
    });
    tags.concat()
}

impl Exchange {
    fn begin<B>(server: Server, call: String, request: &Request<B>) -> Self {
        let headers = request.headers();
        let origin = text(headers, &ORIGIN);
        // Fetch #http-requests: a CORS-preflight request is OPTIONS with an origin and a method.
        let preflight = (request.method() == Method::OPTIONS && origin.is_some())
            .then(|| text(headers, &ACCESS_CONTROL_REQUEST_METHOD))
            .flatten()
            .map(|method| Preflight {
                method,
                headers: text(headers, &ACCESS_CONTROL_REQUEST_HEADERS),
            });
        Self {
            call,
            server,
            forwarded: headers.contains_key("x-forwarded-for"),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            origin,
            preflight,
            cookie: headers.contains_key(COOKIE),
            authorization: headers.contains_key(AUTHORIZATION),
            status: 0,
            allow_origin: None,
            allow_credentials: None,
            allow_methods: None,
            allow_headers: None,
            location: None,
            start: now(),
            end: 0.0,
        }
    }

    fn finish<B>(&mut self, response: &Response<B>) {
        let headers = response.headers();
        self.status = response.status().as_u16();
        self.allow_origin = text(headers, &ACCESS_CONTROL_ALLOW_ORIGIN);
        self.allow_credentials = text(headers, &ACCESS_CONTROL_ALLOW_CREDENTIALS);
        self.allow_methods = text(headers, &ACCESS_CONTROL_ALLOW_METHODS);
        self.allow_headers = text(headers, &ACCESS_CONTROL_ALLOW_HEADERS);
        self.location = text(headers, &LOCATION);
        self.end = now();
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_from_the_query_and_handed_on() {
        let query = "status=303&run=r1&call=a-2&rtt=99999";
        let tags_read = Tags::of(Some(query)).unwrap();
        assert_eq!(
            (tags_read.run.as_str(), tags_read.call.as_str()),
            ("r1", "a-2")
        );
        assert_eq!(tags_read.round_trip, Duration::from_millis(ROUND_TRIP));
        assert_eq!(tags(query), "&run=r1&call=a-2&rtt=99999");
        for none in [
            None,
            Some(""),
            Some("run=&call=x"),
            Some("run=r"),
            Some("prun=r&call=x"),
        ] {
            assert!(Tags::of(none).is_none(), "{none:?}");
        }
    }
}
