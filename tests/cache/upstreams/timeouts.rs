//! Upstreams that do not answer: the timeout is that of each request which the cache sends, and the cache has its say.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use http::Response;
use same_origin::cache::{Cache, Cached, Outcome};
use same_origin::proxy::{Client, Limits, ReverseProxy, ServiceTransport, Timeouts};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::support::{Got, Site, get, response};

type Proxy = ReverseProxy<ServiceTransport<Cached<Client>>>;

const TIMEOUT: Duration = Duration::from_millis(300);

/// A proxy with a cache, of an upstream that answers the first request for each path by it and no other one:
/// `/fine` always, `/slow` with a body that takes thrice the timeout.
async fn site(limits: Limits) -> (Proxy, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = async move |Path(path): Path<String>| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        if number > 0 && path != "fine" {
            pending::<()>().await;
        }
        let body = match path.as_str() {
            "slow" => Body::from_stream(futures_util::stream::once(async {
                sleep(TIMEOUT * 3).await;
                Ok::<_, std::io::Error>(Bytes::from_static(b"slow"))
            })),
            _ => Body::from("first"),
        };
        let control = match path.as_str() {
            "if-error" => "max-age=0, stale-if-error=60",
            "behind" => "max-age=0, stale-while-revalidate=60",
            _ => "max-age=60",
        };
        let response = Response::builder().header("cache-control", control);
        response.body(body).unwrap()
    };
    let upstream = Router::new().route("/{*path}", axum::routing::get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, upstream).await });
    let cache = Cache::builder().build().unwrap();
    let proxy = ReverseProxy::builder("/api", format!("http://{address}"))
        .timeouts(Timeouts::default().response(TIMEOUT))
        .limits(limits)
        .build_with_layer(&cache.layer());
    (proxy.unwrap(), asked)
}

async fn ask(proxy: &Proxy, target: &str) -> Got {
    let request = get(target, &[("host", "app.example")]);
    Got::of(proxy.clone().oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn the_old_answer_stands_in_for_one_that_does_not_come() {
    let (proxy, _) = site(Limits::default()).await;
    assert_eq!(ask(&proxy, "/api/if-error").await.status, 200);
    let begun = Instant::now();
    let got = ask(&proxy, "/api/if-error").await;
    assert_eq!((got.status.as_u16(), got.text()), (200, "first"));
    assert_eq!(got.outcome, Some(Outcome::Stale));
    assert!(got.field("cache-status").unwrap().contains("; fwd=stale"));
    assert!(begun.elapsed() >= TIMEOUT);
    // Without one it is a timeout as ever.
    assert_eq!(ask(&proxy, "/api/other").await.status, 504);
}

#[tokio::test]
async fn who_waits_for_another_clients_fetch_does_not_time_out_by_that() {
    let (proxy, asked) = site(Limits::default()).await;
    let first = tokio::spawn({
        let proxy = proxy.clone();
        async move { ask(&proxy, "/api/slow").await }
    });
    sleep(TIMEOUT / 3).await;
    let second = ask(&proxy, "/api/slow").await;
    let first = first.await.unwrap();
    assert_eq!((first.text(), second.text()), ("slow", "slow"));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_validation_behind_a_clients_back_takes_no_place_for_ever() {
    let (proxy, asked) = site(Limits::default().in_flight(1)).await;
    assert_eq!(ask(&proxy, "/api/behind").await.status, 200);
    let stale = ask(&proxy, "/api/behind").await;
    assert_eq!(stale.outcome, Some(Outcome::Stale));
    assert_eq!(ask(&proxy, "/api/fine").await.status, 200);
    // It is tried again by the next one.
    let before = asked.load(Ordering::SeqCst);
    ask(&proxy, "/api/behind").await;
    sleep(TIMEOUT / 3).await;
    assert_eq!(asked.load(Ordering::SeqCst), before + 1);
}

/// A client has its stale answers at once, and could have more validated at the same time than its share of an upstream. So
/// above a number it waits itself, and others have their answers.
#[tokio::test(start_paused = true)]
async fn above_a_number_of_validations_the_client_waits_for_its_own() {
    let site = Site::slow(Cache::builder(), |seen| {
        Box::pin(async move {
            if seen.field("if-none-match").is_some() {
                sleep(Duration::from_secs(30)).await;
            }
            let control = ("cache-control", "max-age=0, stale-while-revalidate=600");
            Ok(response(200, &[control, ("etag", "\"a\"")], "body"))
        })
    });
    for number in 0..40 {
        site.get(&format!("/{number}")).await;
    }
    let since = Instant::now();
    for number in 0..32 {
        assert_eq!(site.get(&format!("/{number}")).await.text(), "body");
    }
    assert_eq!(since.elapsed(), Duration::ZERO);
    let (waits, meanwhile) = tokio::join!(site.get("/32"), async {
        tokio::task::yield_now().await;
        let got = site.get("/32").await;
        (got.text().to_owned(), since.elapsed())
    });
    assert_eq!(meanwhile, ("body".to_owned(), Duration::ZERO));
    assert_eq!((waits.text(), since.elapsed().as_secs()), ("body", 30));
    assert_eq!(site.seen().len(), 40 + 32 + 1);
}
