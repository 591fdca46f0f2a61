//! The trace of a fetch: every request on the wire and every check, in order.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// The events of a fetch, in order: every request on the wire, every check with its clause.
///
/// [`Display`](fmt::Display) prints it to be read.
#[derive(Clone, Debug)]
pub struct Trace {
    title: String,
    events: Vec<Event>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request on the wire and its answer, or one that a cache answered.
    Exchange(Box<Exchange>),
    /// A decision of the browser.
    Check(Check),
    /// The message in the browser's console: the fetch failed.
    Console(String),
}

/// A request as it was sent, and the head of its response.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub(crate) preflight: bool,
    pub(crate) cached: bool,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) response: Option<(StatusCode, HeaderMap)>,
    pub(crate) refusal: Bytes,
}

/// A decision, the clause that demands it, and how it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub(crate) what: String,
    pub(crate) clause: &'static str,
    pub(crate) passed: bool,
}

impl Trace {
    pub(crate) fn new(title: String) -> Self {
        Self {
            title,
            events: Vec::new(),
        }
    }

    pub(crate) fn exchange(&mut self, exchange: Exchange) {
        self.events.push(Event::Exchange(Box::new(exchange)));
    }

    /// The words of a server that refuses, of the last exchange.
    pub(crate) fn refusal(&mut self, words: Bytes) {
        let exchanges = self.events.iter_mut().rev();
        let mut exchanges = exchanges.filter_map(|event| match event {
            Event::Exchange(exchange) => Some(exchange),
            _ => None,
        });
        if let Some(last) = exchanges.next() {
            last.refusal = words;
        }
    }

    pub(crate) fn note(&mut self, what: impl Into<String>, clause: &'static str) {
        self.check(what, clause, true);
    }

    pub(crate) fn check(&mut self, what: impl Into<String>, clause: &'static str, passed: bool) {
        self.events.push(Event::Check(Check {
            what: what.into(),
            clause,
            passed,
        }));
    }

    pub(crate) fn console(&mut self, message: String) {
        self.events.push(Event::Console(message));
    }

    /// Everything, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The requests on the wire, preflights included; what a cache answered is not among them.
    pub fn requests(&self) -> impl Iterator<Item = &Exchange> {
        self.events.iter().filter_map(|event| match event {
            Event::Exchange(exchange) if !exchange.cached => Some(&**exchange),
            _ => None,
        })
    }

    /// The number of CORS-preflights.
    #[must_use]
    pub fn preflights(&self) -> usize {
        self.requests()
            .filter(|exchange| exchange.preflight)
            .count()
    }

    /// The decisions, passed and failed.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.events.iter().filter_map(|event| match event {
            Event::Check(check) => Some(check),
            _ => None,
        })
    }
}

impl Exchange {
    /// Whether this was a CORS-preflight.
    #[must_use]
    pub fn is_preflight(&self) -> bool {
        self.preflight
    }

    /// Whether the browser's HTTP cache answered, and nothing was sent.
    #[must_use]
    pub fn is_cached(&self) -> bool {
        self.cached
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL, fragment included although it is not sent.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The request's headers as they were sent.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// One of the request's headers as text, or nothing when it was not sent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        crate::browser::values::text(&self.headers, name)
    }

    /// The response's status, unless there was no response.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.response.as_ref().map(|(status, _)| *status)
    }

    /// All of the response's headers, those that script cannot see included.
    #[must_use]
    pub fn response_headers(&self) -> Option<&HeaderMap> {
        self.response.as_ref().map(|(_, headers)| headers)
    }

    /// The beginning of the body, 2 KiB at most, of a failed answer that script does not get: it may say why
    /// the server refuses. Empty otherwise.
    #[must_use]
    pub fn refusal(&self) -> &Bytes {
        &self.refusal
    }
}

impl Check {
    /// The decision in words.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The clause that demands it.
    #[must_use]
    pub fn clause(&self) -> &'static str {
        self.clause
    }

    /// Whether the fetch could go on.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.passed
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        for event in &self.events {
            match event {
                Event::Exchange(exchange) => exchange.fmt(f)?,
                Event::Check(check) => check.fmt(f)?,
                Event::Console(message) => writeln!(f, "! {message}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.preflight, self.cached) {
            (true, _) => " (preflight)",
            (false, true) => " (from the HTTP cache)",
            (false, false) => "",
        };
        writeln!(f, "> {} {}{kind}", self.method, self.url)?;
        write_headers(f, &self.headers)?;
        match &self.response {
            Some((status, headers)) => {
                writeln!(f, "< {status}")?;
                write_headers(f, headers)
            }
            None => writeln!(f, "< no response"),
        }
    }
}

fn write_headers(f: &mut fmt::Formatter<'_>, headers: &HeaderMap) -> fmt::Result {
    headers.iter().try_for_each(|(name, value)| {
        writeln!(
            f,
            "    {name}: {}",
            crate::browser::values::isomorphic(value.as_bytes())
        )
    })
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.passed { "ok" } else { "NO" };
        writeln!(f, "  {mark}  {} [{}]", self.what, self.clause)
    }
}
