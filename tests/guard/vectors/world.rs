//! A gateway of a few lines: routes, CORS and a guard for each, and an upstream that records.

use std::convert::Infallible;
use std::future::Future as _;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use http::header::{HOST, ORIGIN};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use same_origin::cors::{CorsBuilder, CorsLayer, CorsPolicy};
use same_origin::guard::{Admitted, GuardBuilder, GuardLayer, Mode, OwnOrigin};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use super::{Asked, Case, expect};
use crate::request::{latin1, peer};

pub(crate) const UP: &str = "http://127.0.0.1:41000";
const SELF: &str = "127.0.0.1:8080";

pub(super) struct World {
    tls: bool,
    trusted: bool,
    routes: Vec<Route>,
    seen: Arc<Mutex<Vec<Request<String>>>>,
}

struct Route {
    prefix: String,
    service: BoxCloneSyncService<Request<String>, Response<String>, Infallible>,
}

/// Texts in a configuration that stand for addresses.
pub(super) fn put(text: &str) -> String {
    text.replace("@up-authority", "127.0.0.1:41000")
        .replace("@up", UP)
        .replace("@self", SELF)
}

impl World {
    pub(super) fn new(config: &Value) -> Result<Self, String> {
        let strict = config["as_written"] != true;
        let cors: Option<CorsPolicy> = cors(&config["cors"])?;
        let guard = table(&config["guard"], "guard", strict)?;
        let default =
            json!([{ "prefix": "/api", "upstream": "@up" }, { "prefix": "/", "dir": "@dir" }]);
        let routes = config.get("routes").unwrap_or(&default);
        let seen = Arc::default();
        let mut built = Vec::new();
        for route in routes.as_array().expect("a list") {
            let cors = match &route["cors"] {
                Value::Null => cors.clone(),
                Value::Bool(_) => None,
                own => self::cors(own)?,
            };
            let guard = match &route["guard"] {
                Value::Null => guard.clone(),
                own => table(own, "routes.guard", strict)?,
            };
            let is_forwarding = route.get("upstream").is_some();
            let service = service(&seen, is_forwarding, route["rewrite_origin"] == true);
            let service = with_guard(service, guard, cors.as_ref(), is_forwarding)?;
            let service = match cors {
                Some(cors) => BoxCloneSyncService::new(CorsLayer::from(cors).layer(service)),
                None => service,
            };
            let prefix = route["prefix"].as_str().expect("a prefix").to_owned();
            built.push(Route { prefix, service });
        }
        built.sort_by_key(|route| std::cmp::Reverse(route.prefix.len()));
        Ok(Self {
            tls: config["tls"] == true,
            trusted: config["trusted_proxies"] == json!(["127.0.0.1/32"]),
            routes: built,
            seen,
        })
    }

    pub(super) fn run(&self, case: &Case, via: &str) -> Result<(), String> {
        let Some(request) = self.request(&case.request, via) else {
            // A server answers that itself.
            let is_right = case.malformed || expect::allows_status(&case.expect, 400);
            return is_right
                .then_some(())
                .ok_or_else(|| String::from("it cannot be sent"));
        };
        self.seen.lock().unwrap().clear();
        let path = request.uri().path().to_owned();
        let route = self.routes.iter().find(|route| {
            let below = path.strip_prefix(route.prefix.trim_end_matches('/'));
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        });
        let response = match route {
            Some(route) => answer(route.service.clone(), request),
            None => status(404),
        };
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        expect::check(&case.expect, &case.request, &response, &seen)
    }

    /// The request as hyper hands it to a service.
    fn request(&self, asked: &Asked, via: &str) -> Option<Request<String>> {
        let host = asked.host.as_deref().map(put);
        let mut request = Request::new(
            asked
                .body
                .as_ref()
                .map(super::Text::get)
                .unwrap_or_default(),
        );
        let method = Method::from_bytes(asked.method.as_bytes()).ok()?;
        *request.method_mut() = method;
        let is_h2 = via == "h2";
        let uri = match (&host, is_h2) {
            (Some(host), true) => {
                let scheme = if self.tls { "https" } else { "http" };
                format!("{scheme}://{host}{}", asked.target)
            }
            _ => asked.target.clone(),
        };
        *request.uri_mut() = uri.parse::<Uri>().ok()?;
        *request.version_mut() = match asked.version.as_deref() {
            Some("1.0") => Version::HTTP_10,
            _ if is_h2 => Version::HTTP_2,
            _ => Version::HTTP_11,
        };
        let headers = request.headers_mut();
        if let (Some(host), false) = (&host, is_h2) {
            headers.append(HOST, HeaderValue::from_str(host).ok()?);
        }
        for (name, value) in &asked.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            let of_the_hop = ["connection", "upgrade", "sec-websocket-key"];
            if !(is_h2 && of_the_hop.contains(&name.as_str())) {
                headers.append(name, latin1(&put(&value.get()))?);
            }
        }
        if asked.websocket && is_h2 {
            *request.method_mut() = Method::CONNECT;
            let protocol = asked.protocol.as_deref().unwrap_or("websocket");
            let protocol = hyper::ext::Protocol::from(protocol);
            request.extensions_mut().insert(protocol);
        } else if asked.websocket {
            let headers = request.headers_mut();
            headers
                .entry("upgrade")
                .or_insert(HeaderValue::from_static("websocket"));
            headers
                .entry("connection")
                .or_insert(HeaderValue::from_static("Upgrade"));
        }
        if self.trusted {
            let own = OwnOrigin::forwarded(request.headers(), self.tls);
            request.extensions_mut().insert(own);
        }
        request.extensions_mut().insert(peer(self.tls));
        Some(request)
    }
}

fn cors(value: &Value) -> Result<Option<CorsPolicy>, String> {
    match value {
        Value::Null => Ok(None),
        table => {
            let builder: CorsBuilder = read(table, "cors")?;
            builder
                .build()
                .map(Some)
                .map_err(|errors| errors.to_string())
        }
    }
}

/// The table of a guard, if it is on.
fn table(value: &Value, key: &str, strict: bool) -> Result<Option<GuardBuilder>, String> {
    let builder: GuardBuilder = match value {
        Value::Bool(false) => return Ok(None),
        Value::Null => GuardBuilder::default(),
        table => read(table, key)?,
    };
    let mode = if strict {
        Mode::Strict
    } else {
        Mode::Credentials
    };
    Ok(Some(builder.default_mode(mode)))
}

fn read<T: DeserializeOwned>(value: &Value, key: &str) -> Result<T, String> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| format!("{key}.{}: {error}", error.path()))
}

type Boxed = BoxCloneSyncService<Request<String>, Response<String>, Infallible>;

fn with_guard(
    service: Boxed,
    guard: Option<GuardBuilder>,
    cors: Option<&CorsPolicy>,
    is_forwarding: bool,
) -> Result<Boxed, String> {
    let Some(mut builder) = guard else {
        return Ok(service);
    };
    if let Some(cors) = cors {
        builder = builder.trust_cors(cors);
    }
    let guard = builder.build().map_err(|errors| errors.to_string())?;
    Ok(if is_forwarding {
        BoxCloneSyncService::new(GuardLayer::new(guard).layer(service))
    } else {
        BoxCloneSyncService::new(service_fn(move |request: Request<String>| {
            let (parts, body) = request.into_parts();
            let refused = guard.judge_host(&parts).err();
            let answered = service.clone().oneshot(Request::from_parts(parts, body));
            async move {
                match refused {
                    Some(refusal) => Ok(status(refusal.status().as_u16())),
                    None => answered.await,
                }
            }
        }))
    })
}

fn service(seen: &Arc<Mutex<Vec<Request<String>>>>, is_forwarding: bool, rewrite: bool) -> Boxed {
    let seen = Arc::clone(seen);
    BoxCloneSyncService::new(service_fn(move |request: Request<String>| {
        let answered = if is_forwarding {
            forward(&seen, request, rewrite)
        } else if request.method() == Method::GET {
            status(200)
        } else {
            status(405)
        };
        std::future::ready(Ok(answered))
    }))
}

/// Does with a request what a proxy does, as far as the guard is concerned.
fn forward(
    seen: &Mutex<Vec<Request<String>>>,
    mut request: Request<String>,
    rewrite: bool,
) -> Response<String> {
    if *request.method() == Method::TRACE {
        return status(501);
    }
    let is_tunnel =
        *request.method() == Method::CONNECT || request.headers().contains_key("upgrade");
    let is_websocket = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    let opens = is_tunnel
        && (*request.method() == Method::CONNECT
            || request.headers().get("upgrade").is_some_and(is_websocket));
    if *request.method() == Method::CONNECT {
        *request.method_mut() = Method::GET;
    }
    if !opens {
        request.headers_mut().remove("upgrade");
    }
    let admitted = Admitted::of(request.extensions());
    if rewrite && admitted.is_some_and(Admitted::is_own_or_trusted_origin) {
        request
            .headers_mut()
            .insert(ORIGIN, HeaderValue::from_static(UP));
    }
    let authority = UP.trim_start_matches("http://");
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_static(authority));
    let is_h2 = request.version() == Version::HTTP_2;
    seen.lock().unwrap().push(request);
    let mut response = status(if opens && !is_h2 { 101 } else { 200 });
    response
        .headers_mut()
        .insert("x-app", HeaderValue::from_static("1"));
    response
}

fn status(code: u16) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::from_u16(code).expect("a status");
    response
}

fn answer(mut service: Boxed, request: Request<String>) -> Response<String> {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut cx) else {
        panic!("nothing waits");
    };
    response
}
