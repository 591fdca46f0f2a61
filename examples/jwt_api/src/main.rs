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
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp,
};
use same_origin::cors::{CorsLayer, CorsPolicy};
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::net::TcpListener;

/// The issuer of the tokens, and the service that they are for: a key may sign tokens of other services, too (RFC 8725
/// 3.8, 3.9).
const ISSUER: &str = "https://login.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// RFC 7518 3.2: a key of HS256 is as long as its hash, or longer.
const KEY_LENGTH: usize = 32;

#[derive(Serialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    exp: u64,
}

/// The rules that a token has to keep.
struct Rules {
    key: DecodingKey,
    validation: Validation,
}

impl Rules {
    fn new(secret: &[u8]) -> Self {
        // A token does not choose its algorithm (RFC 8725 3.1).
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        // Off by default; before its `nbf` a token is not good (RFC 7519 4.1.5).
        validation.validate_nbf = true;
        let key = DecodingKey::from_secret(secret);
        Self { key, validation }
    }

    fn judge(&self, token: &str) -> Result<(), String> {
        // The claims are judged whatever they are decoded into. An `aud` may be a list (RFC 7519 4.1.3).
        let token = decode::<IgnoredAny>(token, &self.key, &self.validation);
        let token = token.map_err(|error| error.to_string())?;
        // Extensions that have to be understood (RFC 7515 4.1.11), of which this API knows none.
        match token.header.crit {
            Some(_) => Err("an extension in crit is not known".to_owned()),
            None => Ok(()),
        }
    }
}

async fn guard(State(rules): State<Arc<Rules>>, request: Request, next: Next) -> Response {
    match bearer(request.headers()).map(|token| rules.judge(token)) {
        Some(Ok(())) => next.run(request).await,
        // RFC 6750 3.1: an error only where there was a token.
        Some(Err(error)) => unauthorized(r#"Bearer error="invalid_token""#, &error),
        None => unauthorized("Bearer", "no token"),
    }
}

/// The token of `Bearer <token>`; the name of a scheme is one in any case of letters (RFC 9110 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    // Of two lines a server behind might read the other.
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start())
}

fn unauthorized(how: &'static str, why: &str) -> Response {
    let how = [(WWW_AUTHENTICATE, how)];
    (StatusCode::UNAUTHORIZED, how, format!("{why}\n")).into_response()
}

/// The key of `JWT_SECRET`; without it a new one, so that tokens are good for this run alone.
fn secret() -> Result<Vec<u8>, Box<dyn Error>> {
    let Some(secret) = std::env::var_os("JWT_SECRET") else {
        let mut secret = vec![0; KEY_LENGTH];
        aws_lc_rs::rand::fill(&mut secret)?;
        return Ok(secret);
    };
    if secret.len() < KEY_LENGTH {
        return Err("JWT_SECRET needs 32 bytes or more: `openssl rand -hex 32` makes one".into());
    }
    Ok(secret.into_encoded_bytes())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = secret()?;
    let claims = Claims {
        iss: ISSUER.into(),
        aud: AUDIENCE.into(),
        sub: "visitor".into(),
        exp: get_current_timestamp() + 3600,
    };
    let token = encode(
        &Header::default(),
        &claims,
        &EncodingKey::from_secret(&secret),
    )?;
    let cors: CorsLayer = CorsPolicy::builder()
        .allow_origins(["https://app.example.com"])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([WWW_AUTHENTICATE])
        .build()?
        .into();
    let rules = Arc::new(Rules::new(&secret));
    let app = Router::new()
        .route("/work", post(async || "started\n"))
        .layer(from_fn_with_state(rules, guard))
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
