//! With CORS, in each order.

use std::convert::Infallible;

use axum::body::Body;
use http::{Method, Request};
use same_origin::cache::{Cache, Outcome};
use same_origin::cors::{CorsLayer, CorsPolicy};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{FRESH, Got, Site, counted, fine, get, request, response};

const APP: &str = "https://app.example";
const OTHER: &str = "https://other.example";

fn cors() -> CorsLayer {
    let policy = CorsPolicy::builder()
        .allow_origins([APP, OTHER])
        .allow_credentials(true)
        .allow_methods([Method::PUT]);
    policy.build().unwrap().into()
}

type App = BoxCloneSyncService<Request<Body>, Got, Infallible>;

/// Cache inside of CORS, and CORS inside of the cache, both around an origin that counts.
fn orders(fields: &'static [(&'static str, &'static str)]) -> [(&'static str, App); 2] {
    let origin = || {
        let number = std::sync::atomic::AtomicUsize::new(0);
        let number = std::sync::Arc::new(number);
        service_fn(move |_: Request<Body>| {
            let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let answer = response(200, fields, format!("answer {number}"));
            async move { Ok::<_, Infallible>(answer) }
        })
    };
    let cache = || Cache::builder().build().unwrap().layer();
    let right = cors().layer(cache().layer(origin()));
    let wrong = cache().layer(cors().layer(origin()));
    [
        ("cache inside", boxed(right)),
        ("cache outside", boxed(wrong)),
    ]
}

fn boxed<S, B>(service: S) -> App
where
    S: Service<Request<Body>, Response = http::Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: std::fmt::Debug,
{
    BoxCloneSyncService::new(service.and_then(|response| async { Ok(Got::of(response).await) }))
}

async fn ask(app: &App, request: Request<Body>) -> Got {
    fine(app.clone().oneshot(request).await)
}

#[tokio::test]
async fn each_page_reads_its_own_permission_in_each_order() {
    for (order, app) in orders(&[FRESH]) {
        for origin in [APP, OTHER, APP, OTHER] {
            let got = ask(&app, get("/a", &[("origin", origin)])).await;
            assert_eq!(
                got.field("access-control-allow-origin"),
                Some(origin),
                "{order}"
            );
            assert_eq!(
                got.field("access-control-allow-credentials"),
                Some("true"),
                "{order}"
            );
            let vary = got.field("vary").unwrap().to_ascii_lowercase();
            assert!(vary.contains("origin"), "{order}");
        }
        let foreign = ask(&app, get("/a", &[("origin", "https://evil.example")])).await;
        assert_eq!(
            foreign.field("access-control-allow-origin"),
            None,
            "{order}"
        );
    }
}

/// An image without CORS first, and then a script that reads it: the answer to the image must not be what
/// the script gets.
#[tokio::test]
async fn an_image_and_then_a_fetch_of_it() {
    for (order, app) in orders(&[FRESH]) {
        let image = ask(&app, get("/a.png", &[])).await;
        assert_eq!(image.field("access-control-allow-origin"), None, "{order}");
        let fetched = ask(&app, get("/a.png", &[("origin", APP)])).await;
        assert_eq!(
            fetched.field("access-control-allow-origin"),
            Some(APP),
            "{order}"
        );
    }
}

#[tokio::test]
async fn inside_there_is_one_copy_for_all_pages() {
    let [(_, inside), (_, outside)] = orders(&[FRESH]);
    let mut texts = Vec::new();
    for app in [&inside, &outside] {
        for origin in [APP, OTHER] {
            let got = ask(app, get("/a", &[("origin", origin)])).await;
            texts.push(got.text().to_owned());
        }
    }
    assert_eq!(texts, ["answer 0", "answer 0", "answer 0", "answer 1"]);
}

#[tokio::test]
async fn an_upstream_that_speaks_cors_itself_keeps_its_word_inside() {
    let site = Site::new(|seen| {
        let fields = [
            FRESH,
            ("vary", "origin"),
            ("access-control-allow-origin", APP),
        ];
        response(200, &fields, format!("answer {}", seen.number))
    });
    site.ask(get("/a", &[("origin", APP)])).await;
    let again = site.ask(get("/a", &[("origin", APP)])).await;
    assert_eq!(again.outcome, Some(Outcome::Hit));
    assert_eq!(again.field("access-control-allow-origin"), Some(APP));
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Miss));
}

#[tokio::test]
async fn a_preflight_is_never_stored() {
    let preflight = || {
        let fields = [("origin", APP), ("access-control-request-method", "PUT")];
        request("OPTIONS", "/a", &fields)
    };
    for (order, app) in orders(&[FRESH]) {
        for _ in 0..2 {
            let got = ask(&app, preflight()).await;
            assert_eq!(
                got.field("access-control-allow-methods"),
                Some("PUT"),
                "{order}"
            );
        }
        let got = ask(&app, get("/a", &[("origin", APP)])).await;
        assert_eq!(got.text(), "answer 0", "{order}");
    }
    let site = Site::new(counted(&[FRESH]));
    site.ask(preflight()).await;
    site.ask(preflight()).await;
    assert_eq!((site.seen().len(), site.cache.stats().stored), (2, 0));
}
