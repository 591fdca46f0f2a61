//! A cache inside of CORS and CORS inside of a cache, under a browser that has a cache, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ORIGIN};
use same_origin::cache::Cache;
use same_origin::cors::{CorsLayer, CorsPolicy};
use serde_json::{Value, json};

use crate::chromium::Chromium;
use crate::server::Server;

const IMAGE: &str =
    "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'><!-- answer 0 --></svg>";

/// An API of one image that may be kept, and how often it was asked.
fn api() -> (Router, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let image = move || {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        let image = IMAGE.replace("answer 0", &format!("answer {number}"));
        let fields = [
            (CACHE_CONTROL, "max-age=600"),
            (CONTENT_TYPE, "image/svg+xml"),
        ];
        async move { (fields, image).into_response() }
    };
    (Router::new().route("/image.svg", get(image)), asked)
}

/// Pages at three origins, of which an API allows two.
struct Pages {
    browser: Chromium,
    servers: [Server; 3],
}

impl Pages {
    async fn start() -> Self {
        let page = || {
            let html =
                || async { axum::response::Html("<!doctype html><script src=/page.js></script>") };
            let script = || async { include_str!("../page.js") };
            let app = Router::new().route("/", get(html));
            Server::start(app.route("/page.js", get(script)), None)
        };
        Self {
            browser: Chromium::start([]).await,
            servers: [page().await, page().await, page().await],
        }
    }

    fn origin(&self, page: usize) -> String {
        format!("http://{}", self.servers[page].address)
    }

    fn cors(&self) -> CorsLayer {
        let allowed = [self.origin(0), self.origin(1)];
        let policy = CorsPolicy::builder().allow_origins(allowed);
        // A page of the loopback is one of another port, without TLS.
        let policy = policy.dangerously_allow_insecure_origins(true);
        policy.build().expect("a policy").into()
    }

    /// An image, or a fetch of it, by the page at this origin.
    async fn ask(&self, page: usize, steps: Value) -> Value {
        let origin = self.origin(page);
        self.browser.page.goto(&origin).await.expect("a page");
        let script = "const [steps, done] = arguments; run(steps).then(done)";
        let seen = self.browser.page.execute_async(script, vec![steps]).await;
        seen.expect("the script runs")
    }
}

fn image(api: &Server) -> Value {
    json!({ "kind": "image", "url": format!("http://{}/image.svg", api.address) })
}

fn fetch(api: &Server) -> Value {
    let url = format!("http://{}/image.svg", api.address);
    json!({ "url": url, "method": "GET", "headers": [], "body": Value::Null })
}

fn cache() -> same_origin::cache::CacheLayer {
    Cache::builder().build().expect("a cache").layer()
}

/// The image is asked for without `Origin`, the fetch with it, and by then two caches have what was said to
/// the image.
pub async fn an_image_and_then_a_fetch_of_it() {
    let pages = Pages::start().await;
    for is_inside in [true, false] {
        let (api, asked) = api();
        let app = if is_inside {
            api.layer(cache()).layer(pages.cors())
        } else {
            api.layer(pages.cors()).layer(cache())
        };
        let api = Server::start(app, None).await;
        for page in [0, 1, 0] {
            let seen = pages.ask(page, json!([image(&api), fetch(&api)])).await;
            assert_eq!(seen[0]["type"], "opaque", "{seen}");
            assert_eq!(seen[1]["status"], 200, "{is_inside} {page}: {seen}");
            let text = seen[1]["text"].as_str().expect("a text");
            assert!(text.starts_with("<svg"), "{text}");
        }
        // The third one may show the image, and must not read it, whoever has read it before.
        let seen = pages.ask(2, json!([image(&api), fetch(&api)])).await;
        assert_eq!(seen[0]["type"], "opaque", "{seen}");
        assert!(seen[1]["error"].is_string(), "{seen}");
        // Inside there is one copy for all; outside one for no page, and one for each that says who it is.
        let expected = if is_inside { 1 } else { 4 };
        assert_eq!(asked.load(Ordering::Relaxed), expected, "{is_inside}");
    }
}

/// The same with CORS as it is often written: a field for those that send `Origin`, and nothing for caches.
/// This is what the test above has to see if something is wrong.
pub async fn without_vary_the_fetch_fails() {
    let pages = Pages::start().await;
    let naive = |request: Request| async move {
        let mut answer = ([(CACHE_CONTROL, "max-age=600")], IMAGE).into_response();
        let fields = answer.headers_mut();
        fields.insert(CONTENT_TYPE, "image/svg+xml".parse().expect("a value"));
        if let Some(origin) = request.headers().get(ORIGIN) {
            fields.insert("access-control-allow-origin", origin.clone());
        }
        answer
    };
    let app = Router::new().route("/image.svg", get(naive));
    let api = Server::start(app.layer(cache()), None).await;
    let seen = pages.ask(0, json!([image(&api), fetch(&api)])).await;
    assert_eq!(seen[0]["type"], "opaque", "{seen}");
    assert!(seen[1]["error"].is_string(), "{seen}");
}
