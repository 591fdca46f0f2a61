//! The layer as a tower service, and in an axum router.

use std::convert::Infallible;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, put};
use http::header::{ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, VARY};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use same_origin::cors::{Any, Cors, CorsLayer, CorsPolicy, Refusal};
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::trace::TraceLayer;
use tower_test::{assert_request_eq, mock};

const ORIGIN: &str = "https://app.example.com";

fn policy(origin: &str) -> CorsPolicy {
    let builder = CorsPolicy::builder().allow_origins([origin]);
    builder.allow_methods([Method::PUT]).build().unwrap()
}

fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("origin", ORIGIN)
}

fn preflight(path: &str) -> Request<Body> {
    let request = request(Method::OPTIONS, path).header("access-control-request-method", "PUT");
    request.body(Body::empty()).unwrap()
}

fn allowed(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(ACCESS_CONTROL_ALLOW_ORIGIN)
        .map(|value| value.to_str().unwrap())
}

/// As the module's documentation has it.
#[tokio::test]
async fn a_nested_router_covers_its_404_by_a_fallback_of_its_own() {
    let cors = || CorsLayer::from(policy(ORIGIN));
    let routes = || Router::new().route("/items", get(|| async { "items" }));
    let own = routes().fallback(|| async { StatusCode::NOT_FOUND });
    let nested = |inner: Router| Router::new().nest("/api", inner.layer(cors()));
    let fallback = Router::new().fallback(|| async { StatusCode::NOT_FOUND });
    let merged = fallback.merge(routes().layer(cors()));
    for (app, path, preflighted, found) in [
        (nested(own.clone()), "/api/nowhere", 204, Some(ORIGIN)),
        (nested(own), "/api/items", 204, Some(ORIGIN)),
        // axum takes the outer fallback, which no layer is around.
        (nested(routes()), "/api/nowhere", 404, None),
        (nested(routes()), "/api/items", 204, Some(ORIGIN)),
        (merged.clone(), "/nowhere", 404, None),
        (merged, "/items", 204, Some(ORIGIN)),
    ] {
        let answer = app.clone().oneshot(preflight(path)).await.unwrap();
        assert_eq!(answer.status(), preflighted, "{path}");
        assert_eq!(allowed(answer.headers()), found, "{path}");
        let request = request(Method::GET, path).body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(allowed(response.headers()), found, "{path}");
    }
}

/// As the module's documentation has it.
#[tokio::test]
async fn of_two_policies_the_outer_one_counts() {
    const OTHER: &str = "https://other.example";
    let inner = Router::new()
        .route("/items", get(|| async { "items" }))
        .layer(CorsLayer::from(policy(ORIGIN)));
    let app = Router::new()
        .nest("/api", inner)
        .layer(CorsLayer::from(policy(OTHER)));
    for (origin, status, found) in [(ORIGIN, 403, None), (OTHER, 204, Some(OTHER))] {
        let origin = HeaderValue::from_static(origin);
        let mut asked = preflight("/api/items");
        asked.headers_mut().insert("origin", origin.clone());
        let answer = app.clone().oneshot(asked).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(allowed(answer.headers()), found);
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = "/api/items".parse().unwrap();
        request.headers_mut().insert("origin", origin);
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(allowed(response.headers()), found);
    }
}

#[tokio::test]
async fn a_router_is_covered_with_its_404_and_405() {
    let app = Router::new()
        .route("/items", get(|| async { "items" }))
        .layer(CorsLayer::from(policy(ORIGIN)));
    for (method, path, status) in [
        (Method::GET, "/items", 200),
        (Method::HEAD, "/items", 200),
        (Method::GET, "/nowhere", 404),
        (Method::PUT, "/items", 405),
        (Method::OPTIONS, "/items", 405),
    ] {
        let request = request(method.clone(), path).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(allowed(response.headers()), Some(ORIGIN), "{method} {path}");
        assert_eq!(response.headers()[VARY], "Origin", "{method} {path}");
    }
    for path in ["/items", "/nowhere"] {
        let response = app.clone().oneshot(preflight(path)).await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{path}");
        assert_eq!(
            response.headers()[ACCESS_CONTROL_ALLOW_METHODS],
            "PUT",
            "{path}"
        );
    }
    // As the documentation warns: axum puts the one of all routes in the layer's place.
    let app = app.method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED);
    let response = app.oneshot(preflight("/items")).await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// The `Allow` that axum adds, as the documentation has it.
#[tokio::test]
async fn axum_adds_allow_to_preflights_under_a_router() {
    let router = || Router::new().route("/items", get(|| async { "items" }));
    for (origin, status) in [(ORIGIN, 204), ("https://evil.example", 403)] {
        let cors = || CorsLayer::from(policy(origin));
        let under = router().layer(cors()).oneshot(preflight("/items"));
        let under = under.await.unwrap();
        assert_eq!(
            (under.status().as_u16(), &under.headers()[ALLOW]),
            (status, &HeaderValue::from_static("GET,HEAD"))
        );
        let around = cors().layer(router()).oneshot(preflight("/items"));
        let around: Response<Body> = around.await.unwrap();
        assert_eq!(
            (around.status().as_u16(), around.headers().get(ALLOW)),
            (status, None)
        );
    }
}

/// The ways to a layer that a user of `tower_http` tries first.
#[tokio::test]
async fn a_layer_is_made_in_one_line() {
    let app = || Router::new().route("/", get(|| async { "items" }));
    let origin = HeaderValue::from_static(ORIGIN);
    let built = CorsPolicy::builder().allow_origins(origin).layer().unwrap();
    for (name, app) in [
        ("CorsBuilder::layer", app().layer(built)),
        ("CorsPolicy: Layer", app().layer(policy(ORIGIN))),
        (
            "CorsLayer::from",
            app().layer(CorsLayer::from(policy(ORIGIN))),
        ),
    ] {
        let request = request(Method::GET, "/").body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(allowed(response.headers()), Some(ORIGIN), "{name}");
    }
    let wrong = CorsPolicy::builder().allow_origins("https://app.example.com/");
    assert_eq!(wrong.layer().unwrap_err().iter().count(), 1);
}

/// Other layers beside it, in the orders that the documentation shows.
#[tokio::test]
async fn layers_beside_it() {
    let app = || Router::new().route("/", get(|| async { "items" }));
    let trace = TraceLayer::new_for_http;
    let one_builder = ServiceBuilder::new().layer(trace()).layer(policy(ORIGIN));
    let in_between = ServiceBuilder::new()
        .layer(policy(ORIGIN))
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(trace());
    for app in [
        app().layer(one_builder),
        app().layer(in_between),
        app().layer(trace()).layer(policy(ORIGIN)),
    ] {
        let response = app.oneshot(preflight("/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn routes_have_policies_of_their_own() {
    let public = CorsPolicy::builder().allow_origins(Any).build().unwrap();
    let fonts = Router::new()
        .route("/a.woff2", get(|| async { "font" }))
        .layer(CorsLayer::from(public));
    let api = Router::new()
        .route("/items", put(|| async {}))
        .layer(CorsLayer::from(policy(ORIGIN)));
    let app = Router::new()
        .route("/plain", get(|| async { "plain" }))
        .nest("/fonts", fonts)
        .nest("/api", api);
    for (path, expected) in [
        ("/fonts/a.woff2", Some("*")),
        ("/api/items", Some(ORIGIN)),
        ("/plain", None),
    ] {
        let request = request(Method::GET, path).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(allowed(response.headers()), expected, "{path}");
    }
}

#[tokio::test]
async fn only_a_preflight_keeps_the_application_out() {
    let (mut service, mut handle) = mock::spawn_with(|inner| {
        let named = service_fn(move |request: Request<Body>| {
            let mut inner: mock::Mock<String, Response<Body>> = inner.clone();
            async move {
                inner
                    .ready()
                    .await?
                    .call(request.method().to_string())
                    .await
            }
        });
        CorsLayer::from(policy(ORIGIN)).layer(named)
    });
    handle.allow(2);
    assert!(service.poll_ready().is_ready());
    let options = request(Method::OPTIONS, "/").body(Body::empty()).unwrap();
    let response = tokio::spawn(service.call(options));
    assert_request_eq!(handle, "OPTIONS").send_response(Response::new(Body::empty()));
    assert_eq!(
        allowed(response.await.unwrap().unwrap().headers()),
        Some(ORIGIN)
    );

    assert!(service.poll_ready().is_ready());
    let response = service.call(preflight("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

/// Ready once for each time it is asked, as the contract of tower has it.
#[derive(Clone, Default)]
struct OncePerPoll {
    ready: bool,
}

impl Service<Request<()>> for OncePerPoll {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        std::future::ready(Ok(Response::new(())))
    }
}

#[test]
fn the_service_that_was_ready_is_called() {
    let mut service = CorsLayer::from(policy(ORIGIN)).layer(OncePerPoll::default());
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(Service::<Request<()>>::poll_ready(&mut service, &mut cx).is_ready());
        let future = service.call(request(Method::GET, "/").body(()).unwrap());
        assert!(std::pin::pin!(future).poll(&mut cx).is_ready());
    }
}

#[tokio::test]
async fn errors_of_the_inner_service_pass() {
    let failing = service_fn(|_: Request<()>| async { Err::<Response<()>, _>("broken") });
    let service = CorsLayer::from(policy(ORIGIN)).layer(failing);
    let get = request(Method::GET, "/").body(()).unwrap();
    assert_eq!(service.oneshot(get).await.unwrap_err(), "broken");
}

#[tokio::test]
async fn a_full_map_of_headers_is_shared_with_nobody() {
    let full = service_fn(|_: Request<()>| async {
        let mut response = Response::new(());
        for i in 0.. {
            let name = http::HeaderName::try_from(format!("x-{i}")).unwrap();
            if response
                .headers_mut()
                .try_insert(name, "1".parse().unwrap())
                .is_err()
            {
                break;
            }
        }
        Ok::<_, Infallible>(response)
    });
    let service = CorsLayer::from(policy(ORIGIN)).layer(full);
    let response = service
        .oneshot(request(Method::GET, "/").body(()).unwrap())
        .await
        .unwrap();
    assert_eq!(allowed(response.headers()), None);
}

#[tokio::test]
async fn what_the_application_says_of_cors_gives_way() {
    let chatty = service_fn(|_: Request<()>| async {
        let response = Response::builder()
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-origin", "https://evil.example")
            .header("access-control-allow-credentials", "true")
            .header("access-control-allow-private-network", "true")
            .header("access-control-future-header", "x")
            .header("x-kept", "1")
            .header("vary", "accept-encoding, Origin")
            .body(());
        Ok::<_, Infallible>(response.unwrap())
    });
    let layer = CorsLayer::from(policy(ORIGIN));
    for (origin, expected) in [(ORIGIN, Some(ORIGIN)), ("https://evil.example", None)] {
        let get = Request::builder()
            .header("origin", origin)
            .body(())
            .unwrap();
        let headers = layer
            .layer(chatty)
            .oneshot(get)
            .await
            .unwrap()
            .into_parts()
            .0
            .headers;
        assert_eq!(allowed(&headers), expected);
        assert_eq!(
            headers.get_all(VARY).iter().collect::<Vec<_>>(),
            ["accept-encoding, Origin"]
        );
        assert!(headers.contains_key("x-kept"));
        let cors = headers
            .keys()
            .filter(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(cors.count(), usize::from(expected.is_some()));
    }
}

#[test]
fn layers_and_services_go_everywhere() {
    fn goes<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    goes::<CorsLayer>();
    goes::<Cors<()>>();
    goes::<CorsPolicy>();
}

#[tokio::test]
async fn layers_outside_are_told_the_rule_where_they_ask_for_it() {
    let inner =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let layer = CorsLayer::new(policy(ORIGIN));
    let method = |name: &str| {
        let request = request(Method::OPTIONS, "/").header("access-control-request-method", name);
        request.body(Body::empty()).unwrap()
    };
    let of = |origin: &str| {
        Request::get("/")
            .header("origin", origin)
            .body(Body::empty())
            .unwrap()
    };
    for (name, request, rule) in [
        ("allowed", of(ORIGIN), None),
        (
            "a foreign origin",
            of("https://evil.example"),
            Some(Refusal::Origin),
        ),
        ("allowed, asked before", method("PUT"), None),
        ("a foreign method", method("DELETE"), Some(Refusal::Method)),
    ] {
        let (parts, _) = request.into_parts();
        for tells in [true, false] {
            let cors = layer.clone().tell_refusals(tells).layer(inner);
            let request = Request::from_parts(parts.clone(), Body::empty());
            let response = cors.oneshot(request).await.unwrap();
            let told = response.extensions().get::<Refusal>().copied();
            assert_eq!(told, rule.filter(|_| tells), "{name}, {tells}");
        }
    }
}
