//! How does an API that wants a token answer preflights, which have none, and refuse so that the page
//! can read why?
//!
//! ```sh
//! cargo run -p jwt_api                                  # prints a token that is good for an hour
//! curl -i -X OPTIONS http://127.0.0.1:3000/work -H 'Origin: https://app.example.com' \
//!   -H 'Access-Control-Request-Method: POST' -H 'Access-Control-Request-Headers: authorization'
//! curl -i -X POST http://127.0.0.1:3000/work -H 'Origin: https://app.example.com'        # a readable 401
//! curl -i -X POST http://127.0.0.1:3000/work -H 'Origin: https://app.example.com' \
//!   -H "Authorization: Bearer $TOKEN"
//! ```

use std::error::Error;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use jsonwebtoken::{
    DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp,
};
use same_origin::cors::{CorsLayer, CorsPolicy};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
}

async fn guard(State(key): State<DecodingKey>, request: Request, next: Next) -> Response {
    let value = request.headers().get(AUTHORIZATION);
    let token = value.and_then(|value| bearer(value.to_str().ok()?));
    let claims = token.map(|token| decode::<Claims>(token, &key, &Validation::default()));
    match claims {
        Some(Ok(_claims)) => next.run(request).await,
        Some(Err(error)) => unauthorized(&format!("{error}\n")),
        None => unauthorized("no token\n"),
    }
}

/// The token of `Bearer <token>`; the name of a scheme is one in any case of letters (RFC 9110 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start())
}

fn unauthorized(why: &str) -> Response {
    let how = [(WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, how, why.to_owned()).into_response()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = std::env::var("JWT_SECRET").unwrap_or("not a secret: set JWT_SECRET".into());
    let claims = Claims {
        sub: "visitor".into(),
        exp: get_current_timestamp() + 3600,
    };
    let token = encode(
        &Header::default(),
        &claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )?;
    let cors: CorsLayer = CorsPolicy::builder()
        .allow_origins(["https://app.example.com"])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .build()?
        .into();
    let key = DecodingKey::from_secret(secret.as_bytes());
    let app = Router::new()
        .route("/work", post(async || "started\n"))
        .layer(from_fn_with_state(key, guard))
        // Added last, so it is outermost: it answers preflights, and the guard's 401 gets its headers.
        .layer(cors);
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!(
        "listening on http://{}\nTOKEN={token}",
        listener.local_addr()?
    );
    Ok(axum::serve(listener, app).await?)
}
