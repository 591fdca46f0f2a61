//! The example does what its first lines say.

#[path = "../../gateway/tests/gateway/support/process.rs"]
mod process;

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey, get_current_timestamp};
use process::Process;
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_jwt_api");

const SECRET: &str = "a secret of tests, which has 32 bytes and more";

fn start() -> Process {
    let variables = [("JWT_SECRET", SECRET)];
    Process::start_with(Path::new(BINARY), &["127.0.0.1:0"], &variables)
}

/// A token with these claims and this header, signed by the API's key.
fn signed(header: serde_json::Value, claims: serde_json::Value) -> String {
    let encoded = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("Bearer {message}.{signature}")
}

const APP: (&str, &str) = ("origin", "https://app.example.com");

async fn send(method: &str, url: String, fields: &[(&str, &str)]) -> Response<String> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
}

fn field<'a>(response: &'a Response<String>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_refusal_is_readable_and_a_preflight_needs_no_token() {
    let mut example = start();
    let token = example.line().replace("TOKEN=", "Bearer ");
    let url = || format!("{}/work", example.origin);
    let readable =
        |answer: &Response<String>| field(answer, "access-control-allow-origin") == APP.1;

    let asks = [
        APP,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let answer = send("OPTIONS", url(), &asks).await;
    assert!(
        answer.status().is_success() && readable(&answer),
        "{answer:?}"
    );
    for (authorization, status) in [
        ("", StatusCode::UNAUTHORIZED),
        ("Bearer x.y.z", StatusCode::UNAUTHORIZED),
        (&token, StatusCode::OK),
        (&token.replace("Bearer", "bearer"), StatusCode::OK),
    ] {
        let answer = send("POST", url(), &[APP, ("authorization", authorization)]).await;
        assert_eq!(answer.status(), status, "{authorization}");
        assert!(readable(&answer), "{authorization}");
    }
}

#[tokio::test]
async fn a_token_is_believed_only_if_all_of_it_is_right() {
    let example = start();
    let url = || format!("{}/work", example.origin);
    let now = get_current_timestamp();
    let good = json!({
        "iss": "https://login.example.com", "aud": "https://api.example.com", "sub": "visitor", "exp": now + 600,
    });
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let plain = json!({"alg": "HS256"});
    for (name, token, is_good) in [
        ("good", signed(plain.clone(), good.clone()), true),
        (
            "for several",
            signed(
                plain.clone(),
                with(
                    "aud",
                    json!(["https://other.example", "https://api.example.com"]),
                ),
            ),
            true,
        ),
        (
            "expired",
            signed(plain.clone(), with("exp", json!(now - 600))),
            false,
        ),
        (
            "not yet",
            signed(plain.clone(), with("nbf", json!(now + 600))),
            false,
        ),
        (
            "for another",
            signed(plain.clone(), with("aud", json!("https://other.example"))),
            false,
        ),
        (
            "for nobody",
            signed(plain.clone(), with("aud", json!(null))),
            false,
        ),
        (
            "by another",
            signed(plain.clone(), with("iss", json!("https://other.example"))),
            false,
        ),
        (
            "another algorithm",
            signed(json!({"alg": "HS384"}), good.clone()),
            false,
        ),
        ("none", signed(json!({"alg": "none"}), good.clone()), false),
        (
            "an extension",
            signed(
                json!({"alg": "HS256", "crit": ["b64"], "b64": false}),
                good.clone(),
            ),
            false,
        ),
    ] {
        let answer = send("POST", url(), &[APP, ("authorization", &token)]).await;
        assert_eq!(
            answer.status() == StatusCode::OK,
            is_good,
            "{name} {answer:?}"
        );
        if !is_good {
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{name}");
            assert_eq!(
                field(&answer, "www-authenticate"),
                "Bearer error=\"invalid_token\"",
                "{name}"
            );
            assert_eq!(
                field(&answer, "access-control-expose-headers"),
                "www-authenticate",
                "{name}"
            );
        }
    }
    let good = signed(plain, good);
    let answer = send(
        "POST",
        url(),
        &[APP, ("authorization", &good), ("authorization", "Bearer x")],
    )
    .await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

/// A key that stands in a file is everybody's: without one each run makes its own.
#[tokio::test]
async fn a_run_without_a_key_has_its_own() {
    let start = || Process::start(Path::new(BINARY), &["127.0.0.1:0"]);
    let (mut one, other) = (start(), start());
    let token = one.line().replace("TOKEN=", "Bearer ");
    for (example, status) in [(&one, StatusCode::OK), (&other, StatusCode::UNAUTHORIZED)] {
        let url = format!("{}/work", example.origin);
        let answer = send("POST", url, &[("authorization", &token)]).await;
        assert_eq!(answer.status(), status);
    }
}

#[test]
fn it_does_not_start_with_a_key_that_can_be_guessed() {
    for secret in ["", "short"] {
        let mut command = Command::new(BINARY);
        let output = command
            .env("JWT_SECRET", secret)
            .arg("127.0.0.1:0")
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && told.contains("JWT_SECRET needs 32 bytes"),
            "{told}"
        );
    }
}
