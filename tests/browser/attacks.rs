//! `attacks`: what a user learns of a router that foreign pages can reach.

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::extract::ws::WebSocketUpgrade;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use http::{HeaderMap, Method, StatusCode};
use same_origin::browser::{AttackReport, AttackVerdict, Attacks, Engine, Request, Web, attacks};
use same_origin::cors::CorsPolicy;

const BANK: &str = "https://bank.example";

fn is_logged_in(headers: &HeaderMap) -> bool {
    headers.contains_key("cookie")
}

/// Takes whatever comes, from whoever is logged in.
fn bank() -> Router {
    let guarded = async |request: AxumRequest, next: Next| match is_logged_in(request.headers()) {
        true => next.run(request).await,
        false => StatusCode::UNAUTHORIZED.into_response(),
    };
    Router::new()
        .route("/transfer", post("done").put("done").delete("done"))
        .route("/me", get("secret"))
        .route(
            "/ws",
            any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(async |_| {})),
        )
        .layer(from_fn(guarded))
}

/// Refuses what does not come from its own origin, by `Origin` where there is one.
fn checked(router: Router) -> Router {
    router.layer(from_fn(
        async |request: AxumRequest, next: Next| match is_foreign(&request) {
            true => StatusCode::FORBIDDEN.into_response(),
            false => next.run(request).await,
        },
    ))
}

fn is_foreign(request: &AxumRequest) -> bool {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let changes = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let guarded = changes || header("upgrade").is_some();
    guarded && header("sec-fetch-site") != Some("same-origin") && header("origin") != Some(BANK)
}

async fn report(router: Router, cookie: &str) -> AttackReport {
    attempts(router, cookie).run().await
}

fn attempts(router: Router, cookie: &str) -> Attacks {
    let web = Web::new().origin(BANK, router);
    if !cookie.is_empty() {
        web.set_cookie(BANK, cookie).expect("a cookie");
    }
    attacks(&web, BANK)
        .change(Request::delete("/transfer"))
        .socket("/ws")
        .secret("/me")
}

/// The means that got through from one attacker.
fn through(report: &AttackReport, attacker: &str) -> Vec<String> {
    let attempts = report
        .got_through()
        .filter(|attempt| attempt.attacker() == attacker);
    attempts.map(|attempt| attempt.means().to_owned()).collect()
}

const STRANGER: &str = "https://attacker.example";

#[tokio::test]
async fn a_server_that_checks_nothing_is_open() {
    let report = report(bank(), "sid=1; SameSite=None; Secure").await;
    assert_eq!(
        through(&report, STRANGER),
        [
            "form, POST /transfer",
            "form, multipart, POST /transfer",
            "form, text/plain, POST /transfer",
            "form in a frame, POST /transfer",
            "form, redirected by 307, POST /transfer",
            "fetch, no-cors, POST /transfer",
            "fetch, POST /transfer",
            "beacon, POST /transfer",
            "WebSocket /ws",
        ],
        "{report}"
    );
    // The preflight of a DELETE is not answered, and no answer can be read.
    let verdict = |means: &str| {
        let mut attempts = report.attempts();
        let found = attempts.find(|attempt| attempt.means() == means);
        found.expect("an attempt").verdict()
    };
    assert_eq!(
        verdict("fetch as the own page, DELETE /transfer"),
        AttackVerdict::NotSent
    );
    assert_eq!(verdict("fetch, GET /me"), AttackVerdict::Unreadable(200));
}

#[tokio::test]
async fn same_site_cookies_leave_the_neighbours_and_two_minutes() {
    let lax = report(bank(), "sid=1; SameSite=Lax").await;
    assert_eq!(through(&lax, STRANGER), Vec::<String>::new(), "{lax}");
    let sibling = through(&lax, "https://sibling-attacker.bank.example");
    assert_eq!(sibling.len(), 9, "{lax}");

    // Without SameSite, Chromium sends a young cookie with a POST of a window, others all cookies with all.
    let silent = attempts(bank(), "sid=1").run().await;
    assert_eq!(through(&silent, STRANGER).len(), 9, "{silent}");
    let silent = attempts(bank(), "sid=1").engine(Engine::Chromium);
    let silent = silent.run().await;
    assert_eq!(
        through(&silent, STRANGER),
        [
            "form, POST /transfer",
            "form, multipart, POST /transfer",
            "form, text/plain, POST /transfer",
            "form, redirected by 307, POST /transfer",
        ],
        "{silent}"
    );
}

#[tokio::test]
async fn a_server_that_checks_is_not() {
    for cookie in [
        "sid=1; SameSite=None; Secure",
        "sid=1; SameSite=Lax",
        "sid=1",
    ] {
        let report = report(checked(bank()), cookie).await;
        report.assert_none_got_through();
        assert!(
            report
                .attempts()
                .any(|attempt| attempt.verdict() == AttackVerdict::Refused(403)),
            "{report}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_everybody_may_read_is_no_secret() {
    let open = CorsPolicy::builder()
        .allow_origins([STRANGER])
        .allow_credentials(true)
        .build()
        .expect("a policy");
    let cors = same_origin::cors::CorsLayer::from(open);
    let report = report(checked(bank()).layer(cors), "sid=1; SameSite=None; Secure").await;
    assert_eq!(through(&report, STRANGER), ["fetch, GET /me"], "{report}");
}

#[tokio::test]
async fn where_reaching_is_enough_no_cookie_is_needed() {
    const TOOL: &str = "http://localhost:3000";
    let tool = || Router::new().route("/run", post("done"));
    let web = Web::new().origin(TOOL, tool());
    let report = attacks(&web, TOOL)
        .change(Request::post("/run"))
        .run()
        .await;
    assert!(
        through(&report, "http://rebound.attacker.example:3000, rebound").len() > 5,
        "{report}"
    );
    let lenient = attacks(&web, TOOL)
        .strict(false)
        .change(Request::post("/run"));
    let lenient = lenient.run().await;
    assert_eq!(lenient.got_through().count(), 0, "{lenient}");
}

#[tokio::test]
#[should_panic(expected = "nothing was tried")]
async fn no_attack_is_no_proof() {
    attacks(&Web::new(), BANK)
        .run()
        .await
        .assert_none_got_through();
}

/// A server that wants a subprotocol says so before it tells friend from foe.
#[tokio::test]
async fn a_server_that_wants_a_subprotocol_is_asked_for_it() {
    let guarded = |checks: bool| {
        Router::new().fallback(async move |headers: HeaderMap| {
            let has = |name, value| headers.get(name).is_some_and(|found| found == value);
            match has("sec-websocket-protocol", "graphql-transport-ws") {
                false => StatusCode::BAD_REQUEST,
                true if checks && !has("origin", BANK) => StatusCode::FORBIDDEN,
                true => StatusCode::SWITCHING_PROTOCOLS,
            }
        })
    };
    for checks in [true, false] {
        let web = Web::new().origin(BANK, guarded(checks));
        web.set_cookie(BANK, "sid=1; SameSite=None; Secure")
            .expect("a cookie");
        let report = attacks(&web, BANK)
            .socket("/graphql")
            .protocols(["graphql-transport-ws"])
            .run()
            .await;
        let through = through(&report, STRANGER);
        assert_eq!(through.is_empty(), checks, "{report}");
    }
}
