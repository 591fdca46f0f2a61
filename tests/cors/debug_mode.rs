//! The debug mode, which lets a browser's console explain.

use http::request::Builder;
use http::{Request, Response, StatusCode};
use same_origin::cors::{Any, CorsBuilder, CorsLayer, CorsPolicy, Refusal, Verdict};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::explain::{preflight, settings};

/// The answer to a preflight.
async fn answer(settings: &CorsBuilder, request: Builder) -> Response<()> {
    let never = service_fn(|_: Request<()>| async { Err::<Response<()>, _>("reached") });
    let layer = CorsLayer::from(settings.build().unwrap());
    let response: Result<_, &str> = layer.layer(never).oneshot(request.body(()).unwrap()).await;
    response.unwrap()
}

#[tokio::test]
async fn debug_mode_lets_the_browser_come_to_the_failing_step() {
    for (request, missing) in [
        (preflight("DELETE", ""), "DELETE"),
        (preflight("PUT", "x-other"), "x-other"),
    ] {
        let response = answer(&settings().debug(true), request).await;
        // Status and origin pass, so that the console names the list, which lacks what was asked for.
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            "https://app.example.com"
        );
        assert_eq!(
            response.headers()["access-control-allow-methods"],
            "PATCH,PUT"
        );
        assert_eq!(
            response.headers()["access-control-allow-headers"],
            "content-type,x-known"
        );
        let lists = format!("{:?}", response.headers());
        assert!(!lists.contains(missing), "{lists}");
    }
}

#[tokio::test]
async fn debug_mode_does_not_trust_chromium_with_a_star() {
    let any = CorsPolicy::builder()
        .allow_origins(Any)
        .allow_headers(Any)
        .debug(true);
    let response = answer(&any, preflight("GET", "authorization")).await;
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-headers")
    );
}

#[tokio::test]
async fn strangers_learn_nothing_even_in_debug_mode() {
    let mut request = preflight("PUT", "x-known").body(()).unwrap();
    request
        .headers_mut()
        .insert("origin", "https://evil.example".parse().unwrap());
    let (parts, ()) = request.into_parts();
    let policy = settings().debug(true).build().unwrap();
    assert_eq!(
        policy.judge(&parts),
        Verdict::Preflight(Err(Refusal::Origin))
    );
    let request = Request::options("/")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "PUT");
    let response = answer(&settings().debug(true), request).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers().keys().collect::<Vec<_>>(), ["vary"]);
}

#[tokio::test]
async fn without_debug_mode_a_refused_preflight_is_bare() {
    let response = answer(&settings(), preflight("DELETE", "")).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers().keys().collect::<Vec<_>>(), ["vary"]);
}
