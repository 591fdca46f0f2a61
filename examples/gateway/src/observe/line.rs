//! A line of the access log, as text or as JSON.

use super::redact;
use http::header::HeaderName;
use http::{Request, Response, StatusCode, Version};
use same_origin::cache::Outcome;
use same_origin::guard::GuardError;
use same_origin::proxy::{Body, Peer};
use serde::Serialize;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// What is told of one request.
pub struct Line {
    time: SystemTime,
    client: IpAddr,
    method: http::Method,
    /// The public path, with its query if queries are shown.
    target: String,
    version: Version,
    route: Arc<str>,
    answer: Option<Answer>,
}

/// What is told of its response.
struct Answer {
    status: StatusCode,
    /// Time to the response's head.
    head: Duration,
    proxy_status: Option<String>,
    guard: Option<String>,
    cache: Option<&'static str>,
}

/// A line as JSON. Fields that do not apply are left out.
#[derive(Serialize)]
struct Json<'a> {
    time: String,
    client: IpAddr,
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
    proxy_status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<&'static str>,
}

impl Line {
    pub fn of<B>(peer: &Peer, request: &Request<B>, route: &Arc<str>, shows_queries: bool) -> Self {
        let uri = request.uri();
        let mut target = uri.path().to_owned();
        if shows_queries && let Some(query) = uri.query() {
            target = format!("{target}?{}", redact::query(query));
        }
        Self {
            time: SystemTime::now(),
            client: peer.ip(),
            method: request.method().clone(),
            target,
            version: request.version(),
            route: Arc::clone(route),
            answer: None,
        }
    }

    pub fn answered(&mut self, response: &Response<Body>, head: Duration) {
        let proxy_status = response.headers().get(PROXY_STATUS);
        self.answer = Some(Answer {
            status: response.status(),
            head,
            proxy_status: proxy_status
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            guard: response
                .extensions()
                .get::<GuardError>()
                .map(ToString::to_string),
            cache: response
                .extensions()
                .get::<Outcome>()
                .map(|outcome| outcome.as_str()),
        });
    }

    /// `TIME CLIENT "METHOD PATH VERSION" STATUS BYTES DURATION route=… …`, in which what a client wrote is
    /// escaped as in a string of Rust: nobody writes a second line.
    pub fn text(&self, bytes: u64, duration: Duration) -> String {
        let mut line = String::with_capacity(160);
        let request = format!("{} {} {}", self.method, self.target, version(self.version));
        let status = self
            .answer
            .as_ref()
            .map_or(0, |answer| answer.status.as_u16());
        // Writing to a string does not fail.
        let _ = write!(
            line,
            "{} {} {request:?} {status} {bytes} {:.3}ms route={:?}",
            time(self.time),
            self.client,
            millis(duration),
            self.route,
        );
        if let Some(answer) = &self.answer {
            let _ = write!(line, " head={:.3}ms", millis(answer.head));
            for (name, value) in [
                ("proxy-status", &answer.proxy_status),
                ("guard", &answer.guard),
            ] {
                if let Some(value) = value {
                    let _ = write!(line, " {name}={value:?}");
                }
            }
            if let Some(cache) = answer.cache {
                let _ = write!(line, " cache={cache}");
            }
        }
        line.push('\n');
        line
    }

    pub fn json(&self, bytes: u64, duration: Duration) -> String {
        let answer = self.answer.as_ref();
        let json = Json {
            time: time(self.time),
            client: self.client,
            method: self.method.as_str(),
            path: &self.target,
            version: version(self.version),
            route: &self.route,
            status: answer.map(|answer| answer.status.as_u16()),
            bytes,
            duration_ms: millis(duration),
            head_ms: answer.map(|answer| millis(answer.head)),
            proxy_status: answer.and_then(|answer| answer.proxy_status.as_deref()),
            guard: answer.and_then(|answer| answer.guard.as_deref()),
            cache: answer.and_then(|answer| answer.cache),
        };
        // Strings and numbers always can be written.
        let mut line = serde_json::to_string(&json).unwrap_or_default();
        line.push('\n');
        line
    }
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn line(target: &str, shows_queries: bool) -> Line {
        let peer = Peer::new(SocketAddr::from(([192, 0, 2, 1], 4711)));
        let request = Request::get(target).body(()).unwrap();
        let mut line = Line::of(&peer, &request, &"/api".into(), shows_queries);
        line.time = SystemTime::UNIX_EPOCH;
        let mut response = Response::new(Body::empty());
        response
            .headers_mut()
            .insert(PROXY_STATUS, "a; error=dns_error".parse().unwrap());
        response.extensions_mut().insert(Outcome::Hit);
        line.answered(&response, Duration::from_micros(1_500));
        line
    }

    #[test]
    fn text_is_one_line_without_a_query() {
        let text = line("/api/x%22?X-Amz-Signature=00ff", false).text(12, Duration::from_millis(2));
        assert_eq!(
            text,
            "1970-01-01T00:00:00.000Z 192.0.2.1 \"GET /api/x%22 HTTP/1.1\" 200 12 2.000ms route=\"/api\" head=1.500ms \
             proxy-status=\"a; error=dns_error\" cache=hit\n"
        );
    }

    #[test]
    fn queries_are_shown_where_asked_for_without_signatures() {
        let json = line("/api/x?a=b&X-Amz-Signature=00ff", true).json(12, Duration::from_millis(2));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["path"], "/api/x?a=b&X-Amz-Signature=***");
        assert_eq!(json["status"], 200);
        assert_eq!(json["duration_ms"], 2.0);
        assert_eq!(json["cache"], "hit");
        assert_eq!(json.get("guard"), None);
    }
}
