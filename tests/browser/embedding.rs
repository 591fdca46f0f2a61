//! Frames, embedder policies, timing, partitions, storage access, local networks.

use std::time::Duration;

use axum::Router;
use axum::response::{AppendHeaders, IntoResponse};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode, Uri};
use same_origin::browser::{
    AddressSpace, Credentials, EmbedderPolicy, Engine, FetchErrorKind, Mode, Page, Request,
    ResponseType, StorageAccess, Web,
};

const APP: &str = "https://app.test";
const WIDGET: &str = "https://widget.test";

/// Answers with the headers that the query says, `name=value`, and with the request's cookies as its body.
fn told() -> Router {
    Router::new().fallback(async |uri: Uri, headers: HeaderMap| {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let lines: Vec<_> = pairs.into_owned().collect();
        let cookie = headers.get("cookie").and_then(|value| value.to_str().ok());
        let open = [("access-control-allow-origin", "https://app.test")];
        (
            open,
            AppendHeaders(lines),
            cookie.unwrap_or_default().to_owned(),
        )
            .into_response()
    })
}

fn web() -> Web {
    Web::new().origin(APP, told()).origin(WIDGET, told())
}

fn widget(query: &str) -> String {
    format!("{WIDGET}/x?{query}")
}

#[tokio::test]
async fn embedder_policies() {
    const CORP: &str = "cross-origin-resource-policy=cross-origin";
    let page = |policy| web().page(APP).embedder_policy(policy);
    let (corp, none) = (
        page(EmbedderPolicy::RequireCorp),
        page(EmbedderPolicy::UnsafeNone),
    );
    let kinds: [fn(&Page, &str) -> same_origin::browser::Fetch; 3] =
        [Page::image, Page::script, Page::stylesheet];
    for embed in kinds {
        assert!(embed(&none, &widget("")).send().await.response().is_ok());
        let blocked = embed(&corp, &widget("")).send().await;
        blocked.assert_blocked_by("cross-origin-resource-policy");
        let console = blocked.error().expect("an error").console();
        assert!(
            console.ends_with("NotSameOriginAfterDefaultedToSameOriginByCoep"),
            "{console}"
        );
        assert!(embed(&corp, &widget(CORP)).send().await.response().is_ok());
        assert!(embed(&corp, "/x").send().await.response().is_ok());
        let same_site = widget("cross-origin-resource-policy=same-site");
        embed(&none, &same_site)
            .send()
            .await
            .assert_blocked_by("cross-origin-resource-policy");
    }
    // Fonts and other things that are asked for with CORS need no other permission.
    corp.font(&widget("")).send().await.assert_status(200);
    corp.fetch(widget("")).send().await.assert_status(200);
    // A frame needs a policy of its own.
    let frame = corp.iframe(&widget(CORP)).send().await;
    frame.assert_blocked_by("cross-origin-embedder-policy");
    let both = widget(&format!("{CORP}&cross-origin-embedder-policy=require-corp"));
    assert!(corp.iframe(&both).send().await.response().is_ok());
    assert!(none.iframe(&widget("")).send().await.response().is_ok());
}

#[tokio::test]
async fn credentialless_pages_embed_without_cookies() {
    let web = web();
    web.set_cookie(WIDGET, "a=1; SameSite=None; Secure")
        .expect("a cookie");
    web.set_cookie(APP, "b=1").expect("a cookie");
    let cookie = async |policy, url: &str| {
        let page = web.page(APP).embedder_policy(policy);
        let outcome = page.image(url).send().await;
        let request = outcome.trace().requests().next().expect("a request");
        request.header("cookie")
    };
    let widget = widget("");
    assert_eq!(
        cookie(EmbedderPolicy::UnsafeNone, &widget).await.as_deref(),
        Some("a=1")
    );
    assert_eq!(cookie(EmbedderPolicy::Credentialless, &widget).await, None);
    assert_eq!(
        cookie(EmbedderPolicy::Credentialless, "/x")
            .await
            .as_deref(),
        Some("b=1")
    );
}

#[tokio::test]
async fn timing_is_told_to_whom_it_is_allowed() {
    let page = web().page(APP);
    let timing = async |url: &str| {
        let outcome = page.fetch(url).mode(Mode::NoCors).send().await;
        let response = outcome.response().expect("a response");
        response.timing_allowed()
    };
    assert!(timing("/x").await);
    for (value, allowed) in [
        ("", false),
        ("timing-allow-origin=*", true),
        ("timing-allow-origin=https://app.test", true),
        (
            "timing-allow-origin=https://other.test,https://app.test",
            true,
        ),
        ("timing-allow-origin=https://other.test", false),
        ("timing-allow-origin=null", false),
    ] {
        assert_eq!(timing(&widget(value)).await, allowed, "{value}");
    }
    // To have read it is not to know how long it took.
    let outcome = page.fetch(widget("")).send().await;
    assert!(!outcome.response().expect("a response").timing_allowed());
}

#[tokio::test]
async fn a_frame_has_cookies_of_its_partition() {
    let web = web().third_party_cookies(false);
    let set = |cookie: &str| widget(&format!("set-cookie={}", cookie.replace(';', "%3B")));
    let (a, b) = (web.page(APP), web.page("https://other.test"));
    let within = |page: &Page| page.frame(WIDGET);
    let partitioned = set("p=1; Secure; SameSite=None; Partitioned");
    within(&a)
        .fetch(&*partitioned)
        .send()
        .await
        .assert_status(200);
    let plain = set("q=1; Secure; SameSite=None");
    let outcome = within(&a).fetch(&*plain).send().await;
    let ignored = outcome.trace().checks().any(|check| !check.passed());
    assert!(ignored, "{}", outcome.trace());
    within(&a).fetch(widget("")).send().await.assert_text("p=1");
    within(&b).fetch(widget("")).send().await.assert_text("");
    web.page(WIDGET).fetch("/x").send().await.assert_text("");
    // A page of the same site in a frame of another one within it is in a partition of its own.
    let nested = within(&b).frame("https://other.test").frame(WIDGET);
    nested.fetch(widget("")).send().await.assert_text("");
    assert_eq!(SET_COOKIE, "set-cookie");
}

#[tokio::test]
async fn storage_access_is_told_and_used() {
    let web = web().third_party_cookies(false);
    web.set_cookie(WIDGET, "a=1; SameSite=None; Secure")
        .expect("a cookie");
    let frame = |access| web.page(APP).frame(WIDGET).storage_access(access);
    for (access, word, cookie, origin) in [
        (StorageAccess::None, "none", None, None),
        (StorageAccess::Granted, "inactive", None, Some(WIDGET)),
        (StorageAccess::Active, "active", Some("a=1"), None),
    ] {
        let fetch = frame(access).fetch("/x").credentials(Credentials::Include);
        let outcome = fetch.send().await;
        let request = outcome.trace().requests().next().expect("a request");
        let header = |name| request.header(name);
        assert_eq!(header("sec-fetch-storage-access").as_deref(), Some(word));
        assert_eq!(header("cookie").as_deref(), cookie, "{access:?}");
        assert_eq!(header("origin").as_deref(), origin, "{access:?}");
    }
    // A page of its own site is not told anything.
    let outcome = web.page(WIDGET).fetch("/x").send().await;
    let request = outcome.trace().requests().next().expect("a request");
    assert_eq!(request.header("sec-fetch-storage-access"), None);
}

#[tokio::test]
async fn nearer_addresses_need_permission() {
    let tool = || Router::new().fallback(async || ([("access-control-allow-origin", "*")], ""));
    let web = Web::new()
        .origin("http://localhost:3000", tool())
        .origin("https://nas.test", tool())
        .address_space("https://nas.test", AddressSpace::Local);
    let words = async |web: &Web, page: &str, url: &str| {
        let outcome = web.page(page).fetch(url).send().await;
        outcome.error().map(|error| error.console())
    };
    assert_eq!(words(&web, APP, "http://localhost:3000/x").await, None);
    let web = web.local_network_access(false);
    assert_eq!(
        words(&web, APP, "http://localhost:3000/x").await.as_deref(),
        Some(
            "Access to fetch at 'http://localhost:3000/x' from origin 'https://app.test' has been \
             blocked by CORS policy: Permission was denied for this request to access the `loopback` \
             address space."
        )
    );
    let local = words(&web, APP, "https://nas.test/x")
        .await
        .expect("an error");
    assert!(local.ends_with("the `local` address space."), "{local}");
    let insecure = words(&web, "http://app.test", "http://localhost:3000/x").await;
    assert!(insecure.expect("an error").ends_with(
        "The request client is not a secure context and the resource is in more-private address \
             space `loopback`."
    ));
    // From as near, and by the user's own leading, it goes on.
    assert_eq!(
        words(&web, "http://127.0.0.1:8080", "http://localhost:3000/x").await,
        None
    );
    let window = web
        .page(APP)
        .navigate("http://localhost:3000/x")
        .send()
        .await;
    assert!(window.response().is_ok());
}

#[tokio::test]
async fn parts_of_a_resource() {
    let file = Router::new().fallback(async |headers: HeaderMap| {
        let cors = [
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", "content-range"),
        ];
        match headers.get("range").and_then(|value| value.to_str().ok()) {
            None => (cors, "0123456789").into_response(),
            Some("bytes=2-4") => {
                let part = [("content-range", "bytes 2-4/10")];
                (StatusCode::PARTIAL_CONTENT, cors, part, "234").into_response()
            }
            Some(_) => {
                let whole = [("content-range", "bytes */10")];
                (StatusCode::RANGE_NOT_SATISFIABLE, cors, whole, "").into_response()
            }
        }
    });
    let page = Web::new().origin(WIDGET, file).page(APP);
    let ask = |range| {
        page.fetch(Request::get(WIDGET).header("range", range))
            .send()
    };
    ask("bytes=2-4")
        .await
        .assert_preflights(0)
        .assert_status(206)
        .assert_text("234")
        .assert_header("content-range", "bytes 2-4/10");
    ask("bytes=20-29")
        .await
        .assert_status(416)
        .assert_header("content-range", "bytes */10");
    // A range without a beginning is not safelisted; this server does not answer the preflight for it.
    ask("bytes=-3")
        .await
        .assert_blocked_by("access-control-allow-headers");
    let no_cors = page.fetch(Request::get(WIDGET).header("range", "bytes=2-4"));
    let outcome = no_cors.mode(Mode::NoCors).send().await;
    let request = outcome.trace().requests().next().expect("a request");
    assert_eq!(
        request.header("range"),
        None,
        "it is not script's in mode no-cors"
    );
    let kind = outcome.response().expect("a response").kind();
    assert_eq!(kind, ResponseType::Opaque);
}

/// An API that answers a signed URL of a bucket, which the page fetches as its second step.
#[tokio::test]
async fn a_fetch_in_two_phases_needs_no_null() {
    let signed = "https://bucket.test/object?signature=x";
    let api = Router::new().fallback(async move || {
        (
            [
                ("access-control-allow-origin", "https://app.test"),
                ("access-control-allow-credentials", "true"),
            ],
            signed,
        )
    });
    let bucket = Router::new().fallback(async || {
        (
            [("access-control-allow-origin", "https://app.test")],
            "object",
        )
    });
    let web = Web::new()
        .origin("https://api.test", api)
        .origin("https://bucket.test", bucket);
    let page = web.page(APP);
    let first = page
        .fetch("https://api.test/sign")
        .credentials(Credentials::Include);
    let first = first.send().await;
    first.assert_text(signed);
    let url = first.response().expect("a response").text();
    let second = page.fetch(url).send().await;
    second
        .assert_text("object")
        .assert_requests(&[&format!("GET {signed}")]);
    let request = second.trace().requests().next().expect("a request");
    assert_eq!(request.header("origin").as_deref(), Some(APP));
}

#[tokio::test]
async fn the_words_of_assertions() {
    let page = web().page(APP);
    let outcome = page.fetch(widget("x-a=1")).send().await;
    let said = |check: &dyn Fn()| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
        let panic = caught.expect_err("it does not hold");
        panic.downcast_ref::<String>().expect("a text").clone()
    };
    let words = said(&|| _ = outcome.assert_header("x-a", "1"));
    assert!(
        words.starts_with("script does not see `x-a`: list it"),
        "{words}"
    );
    let words = said(&|| _ = outcome.assert_text("a\nb"));
    assert!(words.contains("- a\n- b\n"), "{words}");
    let words = said(&|| _ = outcome.assert_requests(&["GET https://widget.test/"]));
    assert!(
        words.contains("+ GET https://widget.test/x?x-a=1"),
        "{words}"
    );
    let words = said(&|| _ = outcome.assert_blocked_by("vary"));
    assert!(words.contains("it is not blocked"), "{words}");
    let opaque = page.image(&widget("")).send().await;
    let words = said(&|| _ = opaque.assert_status(200));
    assert!(words.starts_with("the response is opaque"), "{words}");
}

#[tokio::test]
async fn chromium_takes_young_cookies_along_with_a_post() {
    use same_origin::browser::Form;
    let web = web();
    web.set_cookie(WIDGET, "a=1").expect("a cookie");
    let sent = async |engine, seconds| {
        let web = web.clone().engine(engine);
        web.advance(Duration::from_secs(seconds));
        let outcome = web.page(APP).submit(Form::post(widget(""))).send().await;
        let request = outcome.trace().requests().next().expect("a request");
        request.header("cookie")
    };
    assert_eq!(sent(Engine::Standard, 0).await, None);
    assert_eq!(sent(Engine::Chromium, 119).await.as_deref(), Some("a=1"));
    assert_eq!(sent(Engine::Chromium, 1).await, None);
    assert!(matches!(
        web.page("data:text/html,x")
            .fetch(APP)
            .send()
            .await
            .error()
            .map(|error| error.kind()),
        Some(FetchErrorKind::Setup(_))
    ));
}

/// RFC 10008 has a safe method QUERY; to Fetch it is one like any other: in the case of letters that script
/// gives it, and never without a preflight.
#[tokio::test]
async fn query_is_not_safelisted_and_not_put_in_upper_case() {
    let search = Router::new().fallback(async |method: http::Method| {
        let cors = [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "QUERY"),
        ];
        (cors, method.to_string())
    });
    let page = Web::new().origin(WIDGET, search).page(APP);
    let ask = |method| page.fetch(Request::new(method, WIDGET).body("q=1")).send();
    ask("QUERY").await.assert_preflights(1).assert_text("QUERY");
    let lower = ask("query").await;
    lower
        .assert_preflights(1)
        .assert_blocked_by("access-control-allow-methods");
    let console = lower.error().expect("an error").console();
    assert!(console.contains("Method query is not allowed"), "{console}");
    // Without CORS it may not be sent at all.
    let no_cors = page.fetch(Request::new("QUERY", WIDGET)).mode(Mode::NoCors);
    let outcome = no_cors.send().await;
    let error = outcome.error().expect("an error");
    assert!(matches!(error.kind(), FetchErrorKind::Script(_)), "{error}");
    assert_eq!(outcome.trace().requests().count(), 0);
}
