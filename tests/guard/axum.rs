//! Under axum the public path counts, wherever the layer is put.

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{Request, StatusCode};
use same_origin::guard::{Guard, GuardLayer};
use tower::ServiceExt as _;

fn layer() -> GuardLayer {
    let guard = Guard::builder().dangerously_exempt(["/api/hook"]).build();
    GuardLayer::new(guard.expect("a guard"))
}

async fn status(app: Router, path: &str) -> StatusCode {
    let request = Request::post(path)
        .header("host", "app.example.com")
        .header("origin", "https://evil.example")
        .body(Body::empty())
        .expect("a request");
    let Ok(response) = app.oneshot(request).await;
    response.status()
}

#[tokio::test]
async fn an_exempt_path_is_that_of_the_browser() {
    let api = || {
        Router::new()
            .route("/hook", any(async || "hook"))
            .route("/api/hook", any(async || ""))
            .route("/other", any(async || ""))
    };
    let outside = Router::new().nest("/api", api()).layer(layer());
    let inside = Router::new().nest("/api", api().layer(layer()));
    let deeper = Router::new().nest("/api", Router::new().nest("/v1", api().layer(layer())));
    for app in [outside, inside] {
        assert_eq!(status(app.clone(), "/api/hook").await, StatusCode::OK);
        // Below the nest its path is `/api/hook`.
        assert_eq!(
            status(app.clone(), "/api/api/hook").await,
            StatusCode::FORBIDDEN
        );
        assert_eq!(status(app, "/api/other").await, StatusCode::FORBIDDEN);
    }
    assert_eq!(status(deeper, "/api/v1/hook").await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_layer_goes_around_a_whole_router_and_around_a_route() {
    let whole = Router::new()
        .route("/x", any(async || "x"))
        .fallback(async || "other")
        .layer(layer());
    assert_eq!(status(whole.clone(), "/x").await, StatusCode::FORBIDDEN);
    assert_eq!(status(whole, "/y").await, StatusCode::FORBIDDEN);
    let one = Router::new()
        .route("/x", any(async || "x").layer(layer()))
        .fallback(async || "other");
    assert_eq!(status(one.clone(), "/x").await, StatusCode::FORBIDDEN);
    assert_eq!(status(one, "/y").await, StatusCode::OK);
}
