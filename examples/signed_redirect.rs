//! How does an API redirect a page to a signed URL, when page, API and bucket are three origins?
//!
//! After a redirect from one cross-origin URL to a third origin the request has `Origin: null`, and with credentials
//! the bucket has to allow just that. One origin (`proxy_axum`) needs none of it.
//!
//!     cargo run --example signed_redirect
//!     curl -i http://127.0.0.1:3000/report -H 'Origin: https://app.example.com'      # 303, readable
//!     curl -i "$(curl -s -o /dev/null -w '%{redirect_url}' http://127.0.0.1:3000/report)" -H 'Origin: null'
//!
//! Elsewhere it needs `axum`, `base64`, `hmac`, `serde` (`derive`), `sha2` and `tokio` (`macros`, `net`,
//! `rt-multi-thread`).

use std::error::Error;
use std::time::SystemTime;

use axum::{Router, extract::Query, http::StatusCode, response::Redirect, routing::get};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac};
use same_origin::cors::CorsPolicy;
use serde::Deserialize;
use sha2::Sha256;
use tokio::net::TcpListener;

const SECRET: &[u8] = b"not a secret: yours comes from the environment";

/// The signed parts of a URL: method, path, expiry.
fn mac(expires: u64) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("HMAC takes a key of any length");
    mac.chain_update(format!("GET\n/report\n{expires}"))
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |time| time.as_secs())
}

async fn redirect(bucket: String) -> Redirect {
    let expires = now() + 60;
    let signature = BASE64.encode(mac(expires).finalize().into_bytes());
    // 303: what follows is a GET, whatever came here.
    Redirect::to(&format!(
        "{bucket}/report?expires={expires}&signature={signature}"
    ))
}

#[derive(Deserialize)]
struct Signed {
    expires: u64,
    signature: String,
}

async fn object(Query(signed): Query<Signed>) -> Result<&'static str, StatusCode> {
    let signature = BASE64.decode(signed.signature).unwrap_or_default();
    let genuine = mac(signed.expires).verify_slice(&signature).is_ok();
    let in_time = now() <= signed.expires;
    (genuine && in_time)
        .then_some("the report\n")
        .ok_or(StatusCode::FORBIDDEN)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cors = CorsPolicy::builder()
        .allow_null_origin(true)
        .allow_credentials(true)
        // Everybody can send `Origin: null`. That is safe here, as the signature is all that the bucket asks for.
        .dangerously_allow_credentialed_null_origin(true)
        .layer()?;
    let object = Router::new().route("/report", get(object)).layer(cors);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let bucket = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, object).await });

    let cors = CorsPolicy::builder()
        .allow_origins(["https://app.example.com"])
        .allow_credentials(true)
        .layer()?;
    let app = Router::new()
        .route("/report", get(move || redirect(bucket)))
        .layer(cors);
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
