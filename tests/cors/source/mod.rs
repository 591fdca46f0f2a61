//! Origins from a source at run time.

mod given_up;
mod policy;

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, VARY};
use http::{Request, Response, StatusCode};
use same_origin::cors::source::{OriginSource, SourcedCors, SourcedCorsLayer};
use same_origin::cors::{CorsBuilder, CorsPolicy, Refusal};
use tokio::sync::{Notify, Semaphore};
use tower::{Layer as _, ServiceExt as _, service_fn};

const LISTED: &str = "https://app.example.com";
const CUSTOMER: &str = "https://shop.example";
const STRANGER: &str = "https://evil.example";

fn settings() -> CorsBuilder {
    CorsPolicy::builder()
        .allow_origins([LISTED])
        .allow_methods(["PUT"])
}

/// Knows one customer, and counts how often it is asked.
fn counted(asked: &Arc<AtomicUsize>) -> OriginSource {
    let asked = Arc::clone(asked);
    OriginSource::new(move |origin| {
        asked.fetch_add(1, Ordering::Relaxed);
        let allowed = origin.host() == "shop.example";
        async move { allowed }
    })
}

/// Says yes to as many questions as there are permits, and counts how often it is asked.
fn gated(asked: &Arc<AtomicUsize>, gate: &Arc<Semaphore>) -> OriginSource {
    let (asked, gate) = (Arc::clone(asked), Arc::clone(gate));
    OriginSource::new(move |_| {
        asked.fetch_add(1, Ordering::Relaxed);
        let gate = Arc::clone(&gate);
        async move { gate.acquire().await.map(|permit| permit.forget()).is_ok() }
    })
}

async fn send(layer: &SourcedCorsLayer, request: http::request::Builder) -> Response<&'static str> {
    let application =
        service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new("application")) });
    let service: SourcedCors<_> = layer.layer(application);
    service.oneshot(request.body(()).unwrap()).await.unwrap()
}

async fn get(layer: &SourcedCorsLayer, origin: &str) -> Option<String> {
    let response = send(layer, Request::get("/").header("origin", origin)).await;
    assert_eq!(*response.body(), "application");
    assert_eq!(response.headers()[VARY], "Origin");
    let allowed = response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN)?;
    Some(allowed.to_str().unwrap().to_owned())
}

async fn preflight(layer: &SourcedCorsLayer, origin: &str, method: &str) -> StatusCode {
    let request = Request::options("/").header("origin", origin);
    let response = send(
        layer,
        request.header("access-control-request-method", method),
    )
    .await;
    assert_eq!(*response.body(), "");
    let allowed = response
        .headers()
        .get(ACCESS_CONTROL_ALLOW_ORIGIN)
        .map(|value| value.to_str().unwrap());
    assert_eq!(allowed, response.status().is_success().then_some(origin));
    response.status()
}

#[tokio::test]
async fn the_source_is_asked_about_what_is_not_listed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let layer = settings().layer_with_source(counted(&asked)).unwrap();
    assert_eq!(get(&layer, LISTED).await.as_deref(), Some(LISTED));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(get(&layer, CUSTOMER).await.as_deref(), Some(CUSTOMER));
    assert_eq!(get(&layer, STRANGER).await, None);
    assert_eq!(
        preflight(&layer, CUSTOMER, "PUT").await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        preflight(&layer, CUSTOMER, "DELETE").await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        preflight(&layer, STRANGER, "PUT").await,
        StatusCode::FORBIDDEN
    );
    // Each answer is remembered, the no as well as the yes.
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_source_is_not_asked_about_what_no_browser_sends() {
    let asked = Arc::new(AtomicUsize::new(0));
    let layer = settings().layer_with_source(counted(&asked)).unwrap();
    for origin in [
        "null",
        "",
        "https://SHOP.example",
        "https://shop.example/",
        "shop.example",
        "https://*.example",
    ] {
        assert_eq!(get(&layer, origin).await, None, "{origin}");
    }
    // Each of them would be remembered, and a client can make as many as it likes.
    for i in 0..3 {
        let long = format!("app://{i}{}.localhost", "a".repeat(350_000));
        assert_eq!(get(&layer, &long).await, None);
        let long = format!("{}{i}://localhost", "a".repeat(350_000));
        assert_eq!(get(&layer, &long).await, None);
    }
    let plain = send(&layer, Request::get("/")).await;
    assert_eq!(plain.headers()[VARY], "Origin");
    let twice = Request::get("/")
        .header("origin", CUSTOMER)
        .header("origin", CUSTOMER);
    assert!(
        !send(&layer, twice)
            .await
            .headers()
            .contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)
    );
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn with_credentials_only_secure_origins_are_asked_about() {
    let insecure = "http://shop.example";
    for (dangerously, expected) in [(false, None), (true, Some(insecure))] {
        let settings = settings()
            .allow_credentials(true)
            .dangerously_allow_insecure_origins(dangerously);
        let layer = settings
            .layer_with_source(counted(&Arc::default()))
            .unwrap();
        assert_eq!(get(&layer, CUSTOMER).await.as_deref(), Some(CUSTOMER));
        assert_eq!(get(&layer, insecure).await.as_deref(), expected);
    }
}

#[tokio::test]
async fn one_look_up_at_a_time_for_each_origin() {
    let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let layer = settings().layer_with_source(gated(&asked, &gate)).unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let layer = layer.clone();
        waiting.spawn(async move { get(&layer, CUSTOMER).await });
    }
    tokio::task::yield_now().await;
    gate.add_permits(1);
    while let Some(allowed) = waiting.join_next().await {
        assert_eq!(allowed.unwrap().as_deref(), Some(CUSTOMER));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn no_answer_in_time_is_a_no_that_is_not_remembered() {
    let asked = Arc::new(AtomicUsize::new(0));
    let source = OriginSource::new({
        let asked = Arc::clone(&asked);
        move |_| {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            async move { if first { pending().await } else { true } }
        }
    });
    let layer = settings()
        .layer_with_source(source.timeout(Duration::from_secs(1)))
        .unwrap();
    assert_eq!(get(&layer, CUSTOMER).await, None);
    assert_eq!(get(&layer, CUSTOMER).await.as_deref(), Some(CUSTOMER));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn too_many_questions_at_once_are_answered_no() {
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let source = OriginSource::new({
        let (begun, end) = (Arc::clone(&begun), Arc::clone(&end));
        move |_| {
            let (begun, end) = (Arc::clone(&begun), Arc::clone(&end));
            async move {
                begun.notify_one();
                end.notified().await;
                true
            }
        }
    });
    let layer = settings()
        .layer_with_source(source.max_in_flight(1))
        .unwrap();
    let first = tokio::spawn({
        let layer = layer.clone();
        async move { get(&layer, CUSTOMER).await }
    });
    begun.notified().await;
    assert_eq!(get(&layer, "https://other.example").await, None);
    end.notify_one();
    assert_eq!(first.await.unwrap().as_deref(), Some(CUSTOMER));
    // The place is free again, and the no was not remembered.
    end.notify_one();
    assert!(get(&layer, "https://other.example").await.is_some());
}

#[tokio::test]
async fn answers_are_remembered_for_as_long_as_is_said() {
    let asked = Arc::new(AtomicUsize::new(0));
    let forgetful = counted(&asked).negative_ttl(Duration::ZERO);
    let layer = settings().layer_with_source(forgetful).unwrap();
    for _ in 0..3 {
        assert!(get(&layer, CUSTOMER).await.is_some());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    for _ in 0..3 {
        assert_eq!(get(&layer, STRANGER).await, None);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn the_application_does_not_wait_for_the_source() {
    let reached = Arc::new(Notify::new());
    let source = OriginSource::new({
        let reached = Arc::clone(&reached);
        // Answers only when the application has been reached.
        move |_| {
            let reached = Arc::clone(&reached);
            async move {
                reached.notified().await;
                true
            }
        }
    });
    let layer = settings().layer_with_source(source).unwrap();
    let application = service_fn(move |_: Request<()>| {
        reached.notify_one();
        async { Ok::<_, Infallible>(Response::new(())) }
    });
    let request = Request::get("/")
        .header("origin", CUSTOMER)
        .body(())
        .unwrap();
    let response = layer.layer(application).oneshot(request).await.unwrap();
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], CUSTOMER);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_application_does_not_wait_for_the_source() {
    let source = OriginSource::new(|_| pending::<bool>());
    let layer = settings().layer_with_source(source).unwrap();
    let broken = service_fn(|_: Request<()>| async { Err::<Response<&'static str>, _>("broken") });
    let request = Request::get("/")
        .header("origin", CUSTOMER)
        .body(())
        .unwrap();
    let since = tokio::time::Instant::now();
    let result = layer.layer(broken).oneshot(request).await;
    assert_eq!(result.unwrap_err(), "broken");
    assert_eq!(since.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn refusals_by_the_source_are_told_if_asked_for() {
    let asked = Arc::default();
    let layer = settings().layer_with_source(counted(&asked)).unwrap();
    let put = |origin| {
        let request = Request::options("/").header("origin", origin);
        request.header("access-control-request-method", "PATCH")
    };
    let told = |response: Response<&'static str>| response.extensions().get().copied();
    let telling = layer.clone().tell_refusals(true);
    for (layer, want) in [
        (&layer, [None; 4]),
        (
            &telling,
            [
                Some(Refusal::Origin),
                None,
                Some(Refusal::Origin),
                Some(Refusal::Method),
            ],
        ),
    ] {
        let get = |origin| send(layer, Request::get("/").header("origin", origin));
        let got = [
            told(get(STRANGER).await),
            told(get(CUSTOMER).await),
            told(send(layer, put(STRANGER)).await),
            told(send(layer, put(CUSTOMER)).await),
        ];
        assert_eq!(got, want);
    }
}
