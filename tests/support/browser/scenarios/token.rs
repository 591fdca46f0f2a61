//! A page with a JSON Web Token and its API, behind our layer and behind one that reflects `Origin`.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac};
use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CONTENT_TYPE, ORIGIN, VARY,
};
use http::{HeaderMap, StatusCode};
use same_origin::cors::{CorsLayer, CorsPolicy};
use sha2::Sha256;

use super::super::scenario::{Scenario, scenario};
use super::super::step::{Step, fetch_url};
use super::super::world::World;

const PRIVATE: &str = "https://private.gofaas.test";
const PRIVATE_PAGE: &str = "https://private.gofaas.test/";
const OTHER: &str = "https://other.test";
const OTHER_PAGE: &str = "https://other.test/";
const API: &str = "https://api.gofaas.test";
/// The same API where every response repeats `Origin`, and only preflights look at a list.
const REFLECTING: &str = "https://reflecting.gofaas.test";

const KEY: &[u8] = b"a key that nobody else has";

pub fn world(page: &'static str) -> World {
    let page = Router::new().route("/", get(Html(page)));
    World::default()
        .site(PRIVATE, page.clone())
        .site(OTHER, page)
        .site(API, work().layer(layer()))
        .site(
            REFLECTING,
            work()
                .layer(from_fn(reflect))
                .layer(from_fn(list_on_preflights)),
        )
}

fn layer() -> CorsLayer {
    let policy = CorsPolicy::builder()
        .allow_origins([PRIVATE])
        .allow_headers([ACCEPT, AUTHORIZATION, CONTENT_TYPE]);
    policy.build().expect("a sound policy").into()
}

/// Work is done for those who have a token.
fn work() -> Router {
    Router::new().route("/work", post(authorized).get(authorized))
}

async fn authorized(headers: HeaderMap) -> Response {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match token {
        Some(token) if is_signed(token) => "done".into_response(),
        _ => (StatusCode::UNAUTHORIZED, "Invalid token").into_response(),
    }
}

async fn reflect(request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = next.run(request).await;
    response.headers_mut().remove(VARY);
    origin.map(|origin| {
        response
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin)
    });
    response
}

async fn list_on_preflights(request: Request, next: Next) -> Response {
    match request.method() == http::Method::OPTIONS {
        true => [
            ("access-control-allow-origin", PRIVATE),
            (
                "access-control-allow-headers",
                "Accept, Authorization, Content-Type",
            ),
        ]
        .into_response(),
        false => next.run(request).await,
    }
}

fn token(key: &[u8]) -> String {
    let parts = [r#"{"typ":"JWT","alg":"HS256"}"#, r#"{"sub":"1"}"#];
    let signed = parts.map(|part| BASE64.encode(part)).join(".");
    let signature = mac(key, &signed).finalize().into_bytes();
    format!("Bearer {signed}.{}", BASE64.encode(signature))
}

fn is_signed(token: &str) -> bool {
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    let signature = BASE64.decode(signature).unwrap_or_default();
    mac(KEY, signed).verify_slice(&signature).is_ok()
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(text)
}

fn work_with(origin: &str, token: &str) -> Step {
    let step = fetch_url("POST", &format!("{origin}/work"));
    step.header("accept", "application/json")
        .header("authorization", token)
        .json_body()
}

pub fn scenarios() -> Vec<Scenario> {
    let right = token(KEY);
    let forged = token(b"a guess");
    let simple = |origin: &str| fetch_url("GET", &format!("{origin}/work"));
    vec![
        scenario("a token, from the page that may", PRIVATE_PAGE).does([work_with(API, &right)]),
        scenario("a forged token: the refusal is readable", PRIVATE_PAGE)
            .does([work_with(API, &forged)]),
        scenario("a token, from another page", OTHER_PAGE).does([work_with(API, &right)]),
        scenario(
            "no token, from another page: the request arrives all the same",
            OTHER_PAGE,
        )
        .does([simple(API)]),
        scenario("where Origin is reflected: the page that may", PRIVATE_PAGE)
            .does([work_with(REFLECTING, &right)]),
        scenario(
            "where Origin is reflected: a preflight keeps another page out",
            OTHER_PAGE,
        )
        .does([work_with(REFLECTING, &right)]),
        scenario(
            "where Origin is reflected: another page reads what needs no preflight",
            OTHER_PAGE,
        )
        .does([simple(REFLECTING)]),
    ]
}
