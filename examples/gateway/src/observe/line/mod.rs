//! A line of the access log, as text or as JSON.

mod write;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH, HeaderName, HeaderValue, ORIGIN};
use http::response::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, StatusCode, Uri, Version};
use same_origin::cache::Outcome;
use same_origin::cors;
use same_origin::guard::GuardError;
use same_origin::proxy::{_masked_path, AnsweredBy, ProxyError, ProxyErrorKind};
use serde::Serialize;
use write::{escape, field, millis, push, time, write_millis, write_number, write_time};

use super::{json, redact};
use crate::edge::Arrival;

static PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The beginning of the reason for which a cache asked its upstream.
const FORWARDED: &[u8] = b"; fwd=";

/// The record of one request.
pub struct Line {
    time: SystemTime,
    /// The client's address, by the word of trusted proxies alone.
    client: IpAddr,
    id: Option<HeaderValue>,
    /// Whether a policy of CORS is asked about its origin.
    is_judged: bool,
    method: Method,
    target: Target,
    shows_query: bool,
    version: Version,
    answer: Option<Answer>,
    /// The reason for which the response ended before its end.
    cut: Option<&'static str>,
}

/// The target of a request: its public path and query, or that of a `CONNECT`, which is a host and a port.
enum Target {
    Path(PathAndQuery),
    Host(Box<str>),
}

/// The record of its response.
struct Answer {
    status: StatusCode,
    /// Time to the response's head.
    head: Duration,
    upstream: Option<Authority>,
    proxy_status: Option<String>,
    cors: Option<Cors>,
    guard: Option<String>,
    cache: Option<&'static str>,
    /// The length that its head says.
    length: Option<u64>,
}

/// The verdict of CORS on a request with an `Origin`.
enum Cors {
    Allowed,
    Refused(cors::Refusal),
}

/// A line as JSON. Fields that do not apply are left out.
#[derive(Serialize)]
struct Json<'a> {
    time: String,
    client: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    method: &'a str,
    path: &'a str,
    version: &'static str,
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    bytes: u64,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<&'static str>,
}

impl Line {
    pub fn of<B>(
        arrival: &Arrival,
        request: &Request<B>,
        shows_query: bool,
        has_cors: bool,
    ) -> Self {
        Self {
            time: SystemTime::now(),
            client: arrival.client.ip(),
            id: arrival.id.clone(),
            is_judged: has_cors && request.headers().contains_key(ORIGIN),
            method: request.method().clone(),
            target: Target::of(request.uri()),
            shows_query,
            version: request.version(),
            answer: None,
            cut: None,
        }
    }

    pub fn answered(&mut self, response: &Parts, head: Duration) {
        let extensions = &response.extensions;
        let cache = extensions.get::<Outcome>().copied();
        let upstream = extensions.get::<AnsweredBy>();
        let upstream = upstream.filter(|_| was_asked(cache, response));
        self.answer = Some(Answer {
            status: response.status,
            head,
            proxy_status: proxy_status(response),
            upstream: upstream.map(|upstream| upstream.authority().clone()),
            cors: self.cors(response),
            guard: extensions.get::<GuardError>().map(ToString::to_string),
            cache: cache.map(Outcome::as_str),
            length: length(response),
        });
    }

    /// The response's body has failed.
    pub fn cut_off(&mut self, error: &(dyn Error + 'static)) {
        let mut kind = None;
        let mut cause = Some(error);
        while let Some(error) = cause.filter(|_| kind.is_none()) {
            kind = error.downcast_ref().map(ProxyError::kind);
            cause = error.source();
        }
        self.cut = Some(kind.map_or("proxy_internal_error", ProxyErrorKind::proxy_status));
    }

    /// Nobody has asked for more of the response after so many bytes of its body, or for its head.
    pub fn given_up(&mut self, bytes: u64, drain_is_over: bool) {
        let is_known = self.cut.is_some() || self.is_whole_after(bytes);
        self.cut = match &self.answer {
            _ if is_known => self.cut,
            _ if drain_is_over => Some("drain"),
            Some(_) => Some("connection_terminated"),
            None => None,
        };
    }

    /// Whether nothing follows so many bytes of the response's body: the length of its head has been reached, or
    /// such a response has no content, whatever its head says (RFC 9110 6.4.1).
    fn is_whole_after(&self, bytes: u64) -> bool {
        let Some(answer) = &self.answer else {
            return false;
        };
        let has_content = !answer.status.is_informational()
            && !matches!(
                answer.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            )
            && !matches!(self.method, Method::HEAD | Method::CONNECT);
        !has_content || answer.length == Some(bytes)
    }

    /// `None` where CORS has nothing to say: no origin, or no policy. Without one the fields are the upstream's.
    fn cors(&self, response: &Parts) -> Option<Cors> {
        if !self.is_judged {
            return None;
        }
        if let Some(refusal) = response.extensions.get::<cors::Refusal>() {
            return Some(Cors::Refused(*refusal));
        }
        let is_allowed = response.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
        is_allowed.then_some(Cors::Allowed)
    }

    /// The public path, with its query if queries are shown, or the beginning of a long one.
    fn target(&self) -> Cow<'_, str> {
        let target = match &self.target {
            Target::Path(target) => target,
            Target::Host(host) => return Cow::Borrowed(host),
        };
        let path = _masked_path(target.path());
        match target.query().filter(|_| self.shows_query) {
            Some(query) => format!("{path}?{}", redact::query(query)).into(),
            None => path,
        }
    }

    fn id(&self) -> Option<&str> {
        self.id.as_ref().and_then(|id| id.to_str().ok())
    }

    /// `TIME CLIENT "METHOD PATH VERSION" STATUS BYTES DURATION route=… …`, in which what a client wrote is
    /// escaped as in a string of Rust: nobody writes a second line.
    ///
    /// Put together by hand: `write!` costs three times as much, on every request.
    pub fn text(&self, line: &mut Vec<u8>, route: &str, bytes: u64, duration: Duration) {
        write_time(line, self.time);
        line.push(b' ');
        match self.client {
            IpAddr::V4(ip) => {
                for (index, octet) in ip.octets().into_iter().enumerate() {
                    if index > 0 {
                        line.push(b'.');
                    }
                    write_number(line, octet.into());
                }
            }
            // Writing to a vector does not fail.
            IpAddr::V6(ip) => {
                let _ = write!(line, "{ip}");
            }
        }
        line.extend_from_slice(b" \"");
        // RFC 9110 5.6.2: a token has nothing that is escaped.
        push(line, self.method.as_str());
        line.push(b' ');
        escape(line, &self.target());
        line.push(b' ');
        push(line, version(self.version));
        line.extend_from_slice(b"\" ");
        let answer = self.answer.as_ref();
        push(line, answer.map_or("0", |answer| answer.status.as_str()));
        line.push(b' ');
        write_number(line, bytes);
        line.push(b' ');
        write_millis(line, duration);
        field(line, "route", route);
        if let Some(answer) = answer {
            answer.text(line);
        }
        if let Some(cut) = self.cut {
            line.extend_from_slice(b" cut=");
            push(line, cut);
        }
        if let Some(id) = self.id() {
            line.extend_from_slice(b" id=");
            push(line, id);
        }
        line.push(b'\n');
    }

    pub fn json(&self, line: &mut Vec<u8>, route: &str, bytes: u64, duration: Duration) {
        let answer = self.answer.as_ref();
        let json = Json {
            time: time(self.time).to_string(),
            client: self.client,
            id: self.id(),
            method: self.method.as_str(),
            path: &self.target(),
            version: version(self.version),
            route,
            status: answer.map(|answer| answer.status.as_u16()),
            bytes,
            duration_ms: millis(duration),
            head_ms: answer.map(|answer| millis(answer.head)),
            upstream: answer
                .and_then(|answer| answer.upstream.as_ref())
                .map(Authority::as_str),
            proxy_status: answer.and_then(|answer| answer.proxy_status.as_deref()),
            cors: answer
                .and_then(|answer| answer.cors.as_ref())
                .map(ToString::to_string),
            guard: answer.and_then(|answer| answer.guard.as_deref()),
            cache: answer.and_then(|answer| answer.cache),
            cut: self.cut,
        };
        // Strings and numbers always can be written.
        let _always = json::write(&json, line);
        line.push(b'\n');
    }
}

impl Target {
    fn of(uri: &Uri) -> Self {
        if let Some(path) = uri.path_and_query() {
            return Self::Path(path.clone());
        }
        // A text of words that blanks part has no empty one. What is before the last `@` is a password.
        let host = uri.authority().map_or("-", Authority::as_str);
        Self::Host(host.rsplit('@').next().unwrap_or("-").into())
    }
}

/// Whether the upstream that a cache stands before was asked. Not so for what came from memory, stale or not, nor if a
/// client wanted only that (`only-if-cached`, RFC 9111 5.2.1.7). Then the member of `Cache-Status` that was added last
/// does not say why it was (RFC 9211 2.2).
fn was_asked(cache: Option<Outcome>, response: &Parts) -> bool {
    match cache {
        Some(Outcome::Hit) => false,
        Some(Outcome::Stale | Outcome::Bypass) => {
            let statuses = response.headers.get_all(&CACHE_STATUS);
            let own = statuses.iter().next_back().map(HeaderValue::as_bytes);
            own.is_none_or(|own| own.windows(FORWARDED.len()).any(|part| part == FORWARDED))
        }
        _ => true,
    }
}

/// The length that a response's head says; HTTP/1.1's server asks for no more than that.
fn length(response: &Parts) -> Option<u64> {
    let length = response.headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// The field's value, if it is ours: an upstream may send one, too.
fn proxy_status(response: &Parts) -> Option<String> {
    if response.extensions.is_empty() || response.extensions.get::<ProxyError>().is_none() {
        return None;
    }
    let value = response.headers.get(&PROXY_STATUS)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

impl Answer {
    fn text(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(b" head=");
        write_millis(line, self.head);
        if let Some(upstream) = &self.upstream {
            line.extend_from_slice(b" upstream=");
            push(line, upstream.as_str());
        }
        if let Some(proxy_status) = &self.proxy_status {
            field(line, "proxy-status", proxy_status);
        }
        if let Some(cors) = &self.cors {
            field(line, "cors", &cors.to_string());
        }
        if let Some(guard) = &self.guard {
            field(line, "guard", guard);
        }
        if let Some(cache) = self.cache {
            line.extend_from_slice(b" cache=");
            push(line, cache);
        }
    }
}

impl fmt::Display for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests;
