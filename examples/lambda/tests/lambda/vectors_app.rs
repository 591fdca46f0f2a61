//! The application behind the CORS vectors: answers any request with `x-app: 1`, and with the status and
//! the headers that the query asks for, and the bytes if it has some. The policy is in `CORS`.

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use same_origin::cors::{CorsBuilder, CorsLayer};
use serde_json::Value;

async fn answer(request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let inner = query.strip_prefix("inner=").unwrap_or_default();
    let inner = URL_SAFE_NO_PAD.decode(inner).unwrap_or_default();
    let inner: Value = serde_json::from_slice(&inner).unwrap_or_default();
    let status = inner["status"].as_u64().unwrap_or(200);
    let mut response = Response::builder().status(u16::try_from(status).unwrap_or(500));
    for field in inner["headers"].as_array().into_iter().flatten() {
        let (name, value) = (field[0].as_str().unwrap(), field[1].as_str().unwrap());
        response = response.header(name, value);
    }
    // The request that the router sees is part of the answer.
    let seen = match inner["bytes"].as_str() {
        Some(bytes) => URL_SAFE_NO_PAD.decode(bytes).unwrap(),
        None => format!("{} {}\n", request.method(), request.uri()).into_bytes(),
    };
    response
        .header("x-app", "1")
        .body(Body::from(seen))
        .unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let settings: CorsBuilder = serde_json::from_str(&std::env::var("CORS")?)?;
    let cors = CorsLayer::from(settings.build()?);
    lambda::serve(Router::new().fallback(answer), cors).await
}
