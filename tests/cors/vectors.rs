//! The conformance vectors: requests with what a browser must make of the responses, and settings that
//! must be accepted or refused.
//!
//! `behaviour/*.json` are lists of groups `{policy, cases}`; with `may_reject` the policy may be refused
//! instead. `config/*.json` are lists of `{policy, expect}`. The decisions of a browser are in `browser.rs`.

use std::convert::Infallible;
use std::path::Path;
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use same_origin::cors::{CorsBuilder, CorsLayer, CorsPolicy};
use serde::Deserialize;
use serde_json::Value;
use tower::{Layer as _, Service, service_fn};

use crate::browser::Response;
use crate::expect;

#[derive(Deserialize)]
struct Group {
    policy: Value,
    #[serde(default)]
    may_reject: bool,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    why: String,
    expect: Value,
    #[serde(default)]
    malformed: bool,
    #[serde(default)]
    shared_cache: bool,
    request: Option<Asked>,
    #[serde(default)]
    requests: Vec<Asked>,
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    headers: Vec<(String, FieldValue)>,
    #[serde(flatten)]
    inner: Inner,
}

/// The application's answer besides `x-app: 1`.
#[derive(Clone, Default, Deserialize)]
struct Inner {
    #[serde(rename = "inner_headers", default)]
    headers: Option<Vec<(String, String)>>,
    #[serde(rename = "inner_status", default)]
    status: Option<u16>,
}

#[derive(Deserialize)]
struct Setting {
    id: String,
    why: String,
    policy: Value,
    expect: String,
    #[serde(default)]
    mentions: Vec<String>,
    probe: Option<Probe>,
}

#[derive(Deserialize)]
struct Probe {
    request: Asked,
    expect: Value,
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FieldValue {
    Plain(String),
    Long {
        repeat: String,
        times: usize,
        #[serde(default)]
        prefix: String,
        #[serde(default)]
        suffix: String,
    },
}

impl FieldValue {
    /// Strings stand for bytes, as in Latin-1. `None`: no HTTP server hands that to a service.
    fn value(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Plain(text) => text.clone(),
            Self::Long {
                repeat,
                times,
                prefix,
                suffix,
            } => format!("{prefix}{}{suffix}", repeat.repeat(*times)),
        };
        let bytes: Vec<u8> = text
            .chars()
            .map(|c| u8::try_from(c).expect("Latin-1"))
            .collect();
        // HTTP parsers take the white space around a value away.
        let start = bytes
            .iter()
            .position(|b| !b" \t".contains(b))
            .unwrap_or(bytes.len());
        let end = bytes
            .iter()
            .rposition(|b| !b" \t".contains(b))
            .map_or(start, |last| last + 1);
        HeaderValue::from_bytes(&bytes[start..end]).ok()
    }
}

impl Asked {
    fn headers(&self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(HeaderName::try_from(name).ok()?, value.value()?);
        }
        Some(headers)
    }
}

fn files<T: for<'de> Deserialize<'de>>(folder: &str) -> Vec<T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/cors")
        .join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let read =
        |path| serde_json::from_str::<Vec<T>>(&std::fs::read_to_string(path).unwrap()).unwrap();
    paths.into_iter().flat_map(read).collect()
}

/// The policy, or all that is said against it.
fn build(policy: &Value) -> Result<CorsPolicy, String> {
    let settings: CorsBuilder =
        serde_json::from_value(policy.clone()).map_err(|error| error.to_string())?;
    settings.build().map_err(|errors| errors.to_string())
}

/// One request through the layer. `None`: it is not one that an HTTP server lets through.
fn send(layer: &CorsLayer, asked: &Asked, inner: &Inner) -> Option<Response> {
    let mut request = http::Request::new(());
    *request.method_mut() = Method::from_bytes(asked.method.as_bytes()).ok()?;
    *request.headers_mut() = asked.headers()?;
    let inner = inner.clone();
    let mut service = layer.layer(service_fn(move |_: http::Request<()>| {
        let mut response = http::Response::builder()
            .status(inner.status.unwrap_or(200))
            .header("x-app", "1");
        for (name, value) in inner.headers.iter().flatten() {
            response = response.header(name, value);
        }
        std::future::ready(Ok::<_, Infallible>(response.body(()).unwrap()))
    }));
    let mut cx = Context::from_waker(Waker::noop());
    match std::pin::pin!(service.call(request)).poll(&mut cx) {
        Poll::Ready(Ok(response)) => Some(Response::new(&response)),
        Poll::Pending => unreachable!("nothing to wait for"),
    }
}

/// All that the last response is not as it should be.
fn run(case: &Case, layer: &CorsLayer) -> Vec<String> {
    let asked: Vec<&Asked> = case.request.iter().chain(&case.requests).collect();
    let mut stored: Vec<(&Asked, Response)> = Vec::new();
    let mut last = None;
    for one in asked {
        let inner = Inner {
            headers: one.inner.headers.clone().or(case.inner.headers.clone()),
            status: one.inner.status.or(case.inner.status),
        };
        let hit = stored
            .iter()
            .find(|(old, response)| case.shared_cache && cached(old, response, one));
        last = match hit {
            Some((_, response)) => Some(response.clone()),
            None => send(layer, one, &inner),
        };
        let Some(response) = &last else {
            return if case.malformed {
                Vec::new()
            } else {
                vec!["no request".to_owned()]
            };
        };
        if hit.is_none() {
            stored.insert(0, (one, response.clone()));
        }
    }
    let response = last.expect("a case has a request");
    let refused_early =
        case.malformed && response.status.is_client_error() && !response.has("x-app");
    if refused_early && !response.has("access-control-allow-origin") {
        return Vec::new();
    }
    expect::complaints(&case.expect, &response)
}

/// RFC 9111 4.1: whether a shared cache answers from what it stored.
fn cached(old: &Asked, response: &Response, new: &Asked) -> bool {
    let field = |asked: &Asked, name: &str| -> Vec<HeaderValue> {
        asked
            .headers()
            .unwrap_or_default()
            .get_all(name)
            .iter()
            .cloned()
            .collect()
    };
    let selecting = response.tokens("vary");
    ["GET", "HEAD"].contains(&new.method.as_str())
        && old.method == new.method
        && !selecting.iter().any(|name| name == "*")
        && selecting
            .iter()
            .all(|name| field(old, name) == field(new, name))
}

#[test]
fn behaviour() {
    let mut failures = Vec::new();
    let mut count = 0;
    for group in files::<Group>("behaviour") {
        count += group.cases.len();
        let layer = match build(&group.policy) {
            Ok(policy) => CorsLayer::from(policy),
            Err(_) if group.may_reject => continue,
            Err(error) => {
                failures.push(format!("{} is refused: {error}", group.policy));
                continue;
            }
        };
        for case in &group.cases {
            let complaints = run(case, &layer);
            if !complaints.is_empty() {
                failures.push(format!("{} ({}): {complaints:?}", case.id, case.why));
            }
        }
    }
    assert!(count >= 769, "only {count} cases were read");
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn configurations() {
    let mut failures = Vec::new();
    let settings = files::<Setting>("config");
    assert!(
        settings.len() >= 202,
        "only {} settings were read",
        settings.len()
    );
    for Setting {
        id,
        why,
        policy,
        expect,
        mentions,
        probe,
    } in settings
    {
        match (build(&policy), expect.as_str(), probe) {
            (Ok(_), "accept", _) => {}
            (Err(error), "reject", _) => {
                let missing: Vec<_> = mentions
                    .iter()
                    .filter(|m| !error.contains(m.as_str()))
                    .collect();
                if !missing.is_empty() {
                    failures.push(format!("{id}: {missing:?} not mentioned in {error}"));
                }
            }
            // To be refused, or else to work.
            (
                Ok(built),
                "reject",
                Some(Probe {
                    request,
                    expect,
                    inner,
                }),
            ) => {
                let response =
                    send(&CorsLayer::from(built), &request, &inner).expect("a probe is a request");
                let complaints = expect::complaints(&expect, &response);
                if !complaints.is_empty() {
                    failures.push(format!("{id}: {complaints:?}"));
                }
            }
            (Ok(_), _, _) => failures.push(format!("{id} is accepted ({why}): {policy}")),
            (Err(error), _, _) => failures.push(format!("{id} is refused ({why}): {error}")),
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
