//! `cors_conformance`: what a user learns of a router of their own.

use axum::Router;
use axum::routing::get;
use http::Method;
use http::header::{AUTHORIZATION, VARY};
use same_origin::browser::{
    Credentials::Include, Mode, Report, Request, Web, cors_conformance, must, must_not,
};
use same_origin::cors::{CorsLayer, CorsPolicy};

const ITEMS: &str = "https://api.example.com/items";

fn layer() -> CorsLayer {
    CorsPolicy::builder()
        .allow_origins(["https://app.example.com", "https://admin.example.com"])
        .allow_credentials(true)
        .allow_methods([Method::PUT])
        .allow_headers([AUTHORIZATION])
        .expose_headers(["x-total"])
        .build()
        .expect("a sound policy")
        .into()
}

fn items() -> Router {
    Router::new().route("/items", get(([("x-total", "3")], "[]")).put("saved"))
}

async fn report_on(api: Router) -> Report {
    let web = Web::new().origin("https://api.example.com", api);
    let app = web.page("https://app.example.com");
    let admin = web.page("https://admin.example.com");
    let stranger = web.page("https://stranger.example");
    let save = || Request::put(ITEMS).header("authorization", "Bearer x");
    cors_conformance([
        must(app.fetch(ITEMS).credentials(Include))
            .status(200)
            .exposing(["x-total"]),
        must(admin.fetch(save()).credentials(Include)),
        must_not(stranger.fetch(ITEMS)),
        must_not(stranger.fetch(save())),
        must_not(app.sandboxed().fetch(ITEMS).credentials(Include)),
    ])
    .await
}

fn faults(report: &Report) -> Vec<String> {
    report
        .rows()
        .filter_map(|row| Some(format!("{}: {}", row.page(), row.fault()?)))
        .collect()
}

#[tokio::test]
async fn a_sound_router_passes() {
    let report = report_on(items().layer(layer())).await;

    report.assert_passed();
    assert_eq!(
        report.to_string(),
        "https://app.example.com              GET https://api.example.com/items, credentials include                   readable, 200   ok\n\
         https://admin.example.com            PUT https://api.example.com/items, credentials include                   readable        ok\n\
         https://stranger.example             GET https://api.example.com/items                                        blocked         ok\n\
         https://stranger.example             PUT https://api.example.com/items                                        blocked         ok\n\
         https://app.example.com (sandboxed)  GET https://api.example.com/items, credentials include                   blocked         ok\n\
         https://app.example.com              GET https://api.example.com/items, credentials include, through a cache  its own answer  ok\n\
         https://stranger.example             GET https://api.example.com/items, through a cache                       its own answer  ok\n\
         https://app.example.com (sandboxed)  GET https://api.example.com/items, credentials include, through a cache  its own answer  ok\n"
    );
}

#[tokio::test]
async fn a_router_without_cors_fails_where_it_should_be_readable() {
    let report = report_on(items()).await;

    assert!(!report.passed());
    let faults = faults(&report);
    assert_eq!(faults.len(), 2, "{report}");
    assert!(
        faults[0].contains("No 'Access-Control-Allow-Origin' header"),
        "{report}"
    );
    assert!(faults[1].contains("preflight"), "{report}");
}

#[tokio::test]
async fn a_router_without_vary_mixes_answers_up() {
    let strip = axum::middleware::map_response(async |mut response: axum::response::Response| {
        response.headers_mut().remove(VARY);
        response
    });
    let report = report_on(items().layer(layer()).layer(strip)).await;

    let faults = faults(&report);
    assert_eq!(faults.len(), 1, "{report}");
    assert!(
        faults[0].starts_with("https://app.example.com: it can get the answer to"),
        "{report}"
    );
    assert!(faults[0].contains("Vary lacks Origin"), "{report}");
}

#[tokio::test]
async fn what_no_cache_keeps_is_not_mixed_up() {
    for (status, headers, mixed) in [
        (200, [("x-a", "1")], true),
        (200, [("cache-control", "private, no-store")], false),
        (200, [("vary", "*")], false),
        (200, [("vary", "accept, origin")], false),
        (403, [("x-a", "1")], false),
        (403, [("cache-control", "max-age=60")], true),
    ] {
        let api = Router::new().fallback(async move |request: axum::extract::Request| {
            let app = request
                .headers()
                .get("origin")
                .is_some_and(|origin| origin == "https://app.example.com");
            let allow = app.then_some([("access-control-allow-origin", "https://app.example.com")]);
            (
                http::StatusCode::from_u16(status).expect("a status"),
                allow.map(axum::response::AppendHeaders),
                headers,
            )
        });
        let web = Web::new().origin("https://api.example.com", api);
        let report =
            cors_conformance([must(web.page("https://app.example.com").fetch(ITEMS))]).await;
        assert_eq!(report.passed(), !mixed, "{status} {headers:?}\n{report}");
    }
}

#[tokio::test]
async fn the_cookies_of_the_browser_are_used() {
    let me = async |headers: http::HeaderMap| match headers.contains_key("cookie") {
        true => http::StatusCode::OK,
        false => http::StatusCode::UNAUTHORIZED,
    };
    let web = Web::new().origin(
        "https://api.example.com",
        Router::new().route("/items", get(me)).layer(layer()),
    );
    web.set_cookie("https://api.example.com", "sid=1")
        .expect("a cookie");
    let fetch = web
        .page("https://app.example.com")
        .fetch(ITEMS)
        .credentials(Include);
    cors_conformance([must(fetch).status(200)])
        .await
        .assert_passed();
}

#[tokio::test]
async fn hidden_headers_and_other_statuses_are_faults() {
    let web = Web::new().origin("https://api.example.com", items().layer(layer()));
    let app = web.page("https://app.example.com");
    let report = cors_conformance([
        must(app.fetch(ITEMS)).exposing(["x-request-id"]),
        must(app.fetch(ITEMS)).status(204),
    ])
    .await;

    let faults = faults(&report);
    assert!(
        faults[0].contains("script does not see `x-request-id`"),
        "{report}"
    );
    assert!(faults[1].contains("the status is 200, not 204"), "{report}");
}

#[tokio::test]
async fn only_cors_counts_as_blocking() {
    let web = Web::new().origin("https://api.example.com", items());
    let stranger = web.page("https://stranger.example");
    let report = cors_conformance([
        must_not(stranger.fetch("https://api.exmaple.com/items")),
        must_not(stranger.fetch("http://api.example.com/items")),
        must_not(stranger.fetch(Request::new("TRACE", ITEMS))),
        must_not(stranger.fetch(Request::get(ITEMS).header("not a name", "x"))),
    ])
    .await;

    assert_eq!(faults(&report).len(), 4, "{report}");
}

#[tokio::test]
#[should_panic(expected = "No 'Access-Control-Allow-Origin' header is present")]
async fn the_assertion_shows_the_table_and_the_traces() {
    report_on(items()).await.assert_passed();
}

/// A status that nobody may read cannot be one that is expected.
#[tokio::test]
async fn what_must_not_be_read_has_no_status_and_no_headers() {
    let web = Web::new().origin("https://api.example.com", items());
    let stranger = web.page("https://stranger.example");
    let report = cors_conformance([
        must_not(stranger.fetch(ITEMS)),
        must_not(stranger.fetch(ITEMS)).status(403),
        must_not(stranger.fetch(ITEMS)).exposing(["x-total"]),
    ])
    .await;
    let passed: Vec<_> = report.rows().take(3).map(|row| row.passed()).collect();
    assert_eq!(passed, [true, false, false], "{report}");
}

#[tokio::test]
#[should_panic(expected = "nothing was tried")]
async fn no_expectation_is_no_proof() {
    cors_conformance([]).await.assert_passed();
}

#[tokio::test]
async fn an_opaque_answer_is_not_readable_and_rows_name_the_mode() {
    let web = Web::new().origin("https://api.example.com", items());
    let app = web.page("https://app.example.com");
    let no_cors = || app.fetch(ITEMS).mode(Mode::NoCors);
    let report = cors_conformance([
        must(no_cors()),
        must(app.image(ITEMS)),
        must(app.fetch(ITEMS).mode(Mode::NoCors).credentials(Include)).status(0),
        must_not(no_cors()),
        must(app.navigate(ITEMS)),
    ])
    .await;

    let faults = faults(&report);
    assert_eq!(faults.len(), 4, "{report}");
    assert!(
        faults[0].contains("the response is opaque: script reads nothing of it"),
        "{report}"
    );
    let asked: Vec<_> = report.rows().map(|row| row.request()).collect();
    assert_eq!(
        asked[..2],
        [
            "GET https://api.example.com/items, mode no-cors",
            "GET https://api.example.com/items, mode no-cors, credentials include",
        ]
    );
    assert!(asked[4].contains("mode navigate"), "{report}");
}
