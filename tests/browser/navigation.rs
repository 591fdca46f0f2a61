//! Windows, frames, forms, and the pages of applications.

use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use same_origin::browser::{
    Encoding, Engine, Exchange, Fetch, FetchErrorKind, Form, Mode, Request, ResponseType, Web,
};
use same_origin::cors::{CorsLayer, CorsPolicy};

const APP: &str = "https://app.test";
const API: &str = "https://api.test";

/// Answers with what it was asked: method, path and query, body.
fn echo() -> Router {
    Router::new().fallback(async |method: Method, uri: Uri, body: Bytes| {
        format!("{method} {uri} {}", String::from_utf8_lossy(&body))
    })
}

fn web() -> Web {
    Web::new().origin(APP, echo()).origin(API, echo())
}

async fn sent(fetch: Fetch) -> Exchange {
    let outcome = fetch.send().await;
    outcome
        .trace()
        .requests()
        .last()
        .expect("a request")
        .clone()
}

#[tokio::test]
async fn forms_send_their_fields() {
    let page = web().page("https://app.test/a/b");
    let shown = async |form: Form| {
        let outcome = page.submit(form).send().await;
        let response = outcome.response().expect("a response");
        assert_eq!(response.kind(), ResponseType::Document);
        response.text()
    };
    let field = |form: Form| form.field("q", "a b");
    assert_eq!(shown(field(Form::get("c?gone"))).await, "GET /a/c?q=a+b ");
    assert_eq!(shown(field(Form::post("c"))).await, "POST /a/c q=a+b");
    assert_eq!(
        shown(field(Form::post(API)).encoding(Encoding::Plain)).await,
        "POST / q=a b\r\n"
    );
    let multipart = shown(field(Form::post(API)).encoding(Encoding::Multipart)).await;
    assert!(
        multipart.contains("name=\"q\"\r\n\r\na b\r\n"),
        "{multipart}"
    );
}

#[tokio::test]
async fn fetch_metadata_of_each_means() {
    let page = web().page(APP);
    let metadata = async |fetch: Fetch| {
        let request = sent(fetch).await;
        let header = |name: &str| {
            request
                .header(&format!("sec-fetch-{name}"))
                .unwrap_or_default()
        };
        [
            header("dest"),
            header("mode"),
            header("site"),
            header("user"),
        ]
        .join(" ")
    };
    let url = "https://api.test/x";
    let cases = [
        (page.navigate(url), "document navigate cross-site "),
        (
            page.navigate(url).user_activation(),
            "document navigate cross-site ?1",
        ),
        (page.navigate("/x"), "document navigate same-origin "),
        (page.iframe(url), "iframe navigate cross-site "),
        (
            page.submit(Form::post(url)),
            "document navigate cross-site ",
        ),
        (
            page.submit_in_frame(Form::post(url)),
            "iframe navigate cross-site ",
        ),
        (
            page.socket("wss://api.test/x"),
            "empty websocket cross-site ",
        ),
        (page.image(url), "image no-cors cross-site "),
        (page.script(url), "script no-cors cross-site "),
        (page.stylesheet(url), "style no-cors cross-site "),
        (page.font(url), "font cors cross-site "),
        (page.beacon(url, "x"), "empty no-cors cross-site "),
        (
            page.fetch(url).mode(Mode::NoCors).user_activation(),
            "empty no-cors cross-site ",
        ),
        (web().visit(url), "document navigate none ?1"),
    ];
    for (fetch, expected) in cases {
        assert_eq!(metadata(fetch).await, expected);
    }
}

#[tokio::test]
async fn a_visit_has_neither_origin_nor_referrer() {
    let web = web();
    web.set_cookie(API, "strict=1; SameSite=Strict")
        .expect("a cookie");
    let request = sent(web.visit("https://api.test/x")).await;
    assert_eq!(request.header("origin"), None);
    assert_eq!(request.header("referer"), None);
    assert_eq!(request.header("cookie").as_deref(), Some("strict=1"));
    // Led there by another page, the strict cookie stays.
    let led = sent(web.page(APP).navigate("https://api.test/x")).await;
    assert_eq!(led.header("cookie"), None);
    assert_eq!(led.header("referer").as_deref(), Some("https://app.test/"));
}

#[tokio::test]
async fn a_window_may_go_to_plain_http_and_a_frame_may_not() {
    let web = web().origin("http://plain.test", echo());
    let page = web.page(APP);
    let url = "http://plain.test/x";
    assert!(page.navigate(url).send().await.response().is_ok());
    assert!(page.submit(Form::post(url)).send().await.response().is_ok());
    for blocked in [
        page.iframe(url),
        page.socket("ws://plain.test/x"),
        page.script(url),
    ] {
        let outcome = blocked.send().await;
        let kind = outcome.error().map(|error| error.kind());
        assert_eq!(kind, Some(&FetchErrorKind::MixedContent));
    }
}

/// Fetch #block-bad-port: of any request, behind redirects too.
#[tokio::test]
async fn nothing_is_asked_of_bad_ports() {
    let bad = "https://api.test:6000";
    let to_bad = Router::new().fallback(async move || (StatusCode::FOUND, [("location", bad)]));
    let web = web()
        .origin(bad, echo())
        .origin("https://moved.test", to_bad);
    let page = web.page(APP);
    let put = Request::put(bad);
    for (fetch, sent) in [
        (page.fetch(put), 0),
        (page.image(bad), 0),
        (page.beacon(bad, "x"), 0),
        (page.navigate(bad), 0),
        (page.socket("wss://api.test:6000"), 0),
        (page.fetch("https://moved.test").mode(Mode::NoCors), 1),
        (web.visit(bad), 0),
    ] {
        let outcome = fetch.send().await;
        let error = outcome.error().expect("a failure");
        assert_eq!(*error.kind(), FetchErrorKind::BadPort(6000));
        assert!(error.console().ends_with("net::ERR_UNSAFE_PORT"), "{error}");
        assert_eq!(outcome.trace().requests().count(), sent);
    }
}

/// Mixed Content #categorize-settings-object.
#[tokio::test]
async fn a_page_around_decides_about_mixed_content() {
    let web = web()
        .origin("http://plain.test", echo())
        .origin("http://localhost:3000", echo());
    let url = "http://plain.test/x";
    let mixed = |fetch: Fetch| async move {
        let outcome = fetch.send().await;
        outcome.error().map(|error| error.kind().clone())
    };
    let local = web.page(APP).frame("http://localhost:3000");
    let nested = local.frame("https://other.test");
    for page in [&local, &nested, &local.sandboxed()] {
        assert_eq!(
            mixed(page.script(url)).await,
            Some(FetchErrorKind::MixedContent)
        );
    }
    let free = web.page("http://localhost:3000").frame("http://plain.test");
    assert_eq!(mixed(free.script(url)).await, None);
    let framed = web.page(APP).frame("http://plain.test");
    let kind = mixed(framed.script(APP)).await;
    assert!(matches!(kind, Some(FetchErrorKind::Setup(_))), "{kind:?}");
}

/// HTML #create-navigation-params-by-fetching: the partition is that of the document to come.
#[tokio::test]
async fn a_window_finds_what_was_cached_on_its_site() {
    let fresh = Router::new().fallback(async || ([("cache-control", "max-age=60")], "x"));
    for engine in [Engine::Standard, Engine::Chromium] {
        let web = Web::new().engine(engine).origin(API, fresh.clone());
        let asked = |fetch: Fetch| async move { fetch.send().await.trace().requests().count() };
        assert_eq!(asked(web.visit(API)).await, 1);
        assert_eq!(asked(web.visit(API)).await, 0);
        let stranger = web.page(APP);
        assert_eq!(asked(stranger.navigate(API)).await, 0);
        assert_eq!(asked(stranger.sandboxed().navigate(API)).await, 0);
        assert_eq!(asked(stranger.image(API)).await, 1);
    }
}

#[tokio::test]
async fn script_cannot_take_these_modes() {
    let page = web().page(APP);
    for mode in [Mode::Navigate, Mode::WebSocket] {
        let outcome = page.fetch(API).mode(mode).send().await;
        let kind = outcome.error().map(|error| error.kind());
        assert!(matches!(kind, Some(FetchErrorKind::Script(_))), "{kind:?}");
    }
}

/// Every origin that an allowlist can hold, a page can have.
#[tokio::test]
async fn pages_of_applications_and_extensions() {
    let pages = [
        "tauri://localhost",
        "capacitor://localhost",
        "ionic://localhost",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://5ee8a5bf-1d3a-4d2c-9f51-1c4d5f3a0b11",
        "https://app.example.com:8443",
        "http://[::1]:3000",
    ];
    let policy = CorsPolicy::builder()
        .allow_origins(pages)
        .build()
        .expect("a policy");
    let api = Router::new()
        .fallback(async |headers: HeaderMap| {
            headers
                .get("origin")
                .cloned()
                .map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned())
                .unwrap_or_default()
        })
        .layer(CorsLayer::from(policy));
    let web = Web::new().origin(API, api);
    for origin in pages {
        let page = web.page(&format!("{origin}/index.html"));
        assert_eq!(page.origin(), origin);
        let outcome = page.fetch(API).send().await;
        outcome.assert_status(200).assert_text(origin);
        let request = outcome.trace().requests().next().expect("a request");
        assert_eq!(
            request.header("sec-fetch-site").as_deref(),
            Some("cross-site")
        );
        let is_web = origin.starts_with("http");
        assert_eq!(request.header("referer").is_some(), is_web, "{origin}");
    }
    let stranger = web.page("tauri://other").fetch(API).send().await;
    stranger.assert_blocked_by("access-control-allow-origin");
    // Such pages are no mixed content's victims.
    let plain = Web::new().origin("http://api.test", echo());
    let outcome = plain
        .page("tauri://localhost")
        .image("http://api.test/x")
        .send()
        .await;
    assert!(outcome.response().is_ok());
}

/// A file tells nothing of where it is; `file://` is told where files may read each other.
#[tokio::test]
async fn files_are_opaque_unless_they_may_read_each_other() {
    for engine in [
        Engine::Standard,
        Engine::Chromium,
        Engine::Firefox,
        Engine::WebKit,
    ] {
        for (page, told) in [
            ("file:///home/me/page.html", "null"),
            ("file:///", "null"),
            ("file://host/page.html", "null"),
            ("file://", "file://"),
        ] {
            let web = web().engine(engine);
            let page = web.page(page);
            assert_eq!(page.origin(), told);
            for fetch in [
                page.fetch(API),
                page.submit(Form::post(API)),
                page.beacon(API, "x"),
            ] {
                let request = sent(fetch).await;
                assert_eq!(
                    request.header("origin").as_deref(),
                    Some(told),
                    "{engine:?}"
                );
                assert_eq!(request.header("referer"), None);
                let site = request.header("sec-fetch-site");
                assert_eq!(site.as_deref(), Some("cross-site"));
            }
        }
    }
}
