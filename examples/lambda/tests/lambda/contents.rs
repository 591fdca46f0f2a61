//! Queries and bodies through the front doors: those of a socket, as far as the event tells them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::runtime_api::Function;
use crate::shapes::{Asked, SHAPES, Shape};

const BINARY: &str = env!("CARGO_BIN_EXE_vectors_app");

async fn seen(function: &Function, shape: Shape, query: &str) -> String {
    seen_at(function, shape, "/q", query).await
}

async fn seen_at(function: &Function, shape: Shape, path: &str, query: &str) -> String {
    let asked = Asked {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        ..Asked::default()
    };
    let answer = function.invoke(shape.event(&asked)).await.unwrap();
    String::from_utf8(shape.response(&answer).into_body()).unwrap()
}

#[tokio::test]
async fn a_query_reaches_the_router_as_it_came() {
    let function = Function::start(BINARY, &[("CORS", r#"{"allow_origins": "*"}"#)]).await;
    for shape in SHAPES {
        // In the order of JSON's maps in these tests.
        for query in ["", "a=x%20y", "a=2&a=3&b%26=1%2B1&c=%C3%BC&z=1"] {
            let mark = if query.is_empty() { "" } else { "?" };
            let wanted = format!("GET /q{mark}{query}\n");
            assert_eq!(seen(&function, shape, query).await, wanted, "{shape:?}");
        }
    }
    // Of these the event of a REST API does not tell.
    for shape in [Shape::Http, Shape::Alb, Shape::FunctionUrl] {
        let query = "a=1+1&b=%zz&c=%7e";
        let wanted = format!("GET /q?{query}\n");
        assert_eq!(seen(&function, shape, query).await, wanted, "{shape:?}");
        let wanted = "GET /q?a=%22%3C%3E%20x%23\n";
        assert_eq!(
            seen(&function, shape, "a=\"<> x#").await,
            wanted,
            "{shape:?}"
        );
    }
}

#[tokio::test]
async fn a_path_reaches_the_router_as_it_came() {
    let function = Function::start(BINARY, &[("CORS", r#"{"allow_origins": "*"}"#)]).await;
    for shape in SHAPES {
        for path in [
            "/100%25",
            "/a%2541",
            "/a%252Fb",
            "/%25",
            "/a%20b%3Cc%23d%3Fe",
            "/%C3%BC",
            "/%5Cevil.example",
            "/%22%5B%5D%5E%7B%7C%7D",
            "/a+b;c=1",
        ] {
            let wanted = format!("GET {path}?x=%25\n");
            let seen = seen_at(&function, shape, path, "x=%25").await;
            assert_eq!(seen, wanted, "{shape:?}");
        }
    }
    // Of this the event of an HTTP API does not tell.
    for (shape, wanted) in [
        (Shape::Rest, "GET /a%2Fb%40\n"),
        (Shape::Http, "GET /a/b@\n"),
        (Shape::Alb, "GET /a%2Fb%40\n"),
        (Shape::FunctionUrl, "GET /a%2Fb%40\n"),
    ] {
        let seen = seen_at(&function, shape, "/a%2Fb%40", "").await;
        assert_eq!(seen, wanted, "{shape:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_is_said_to_be_is_a_bad_request() {
    let function = Function::start(BINARY, &[("CORS", r#"{"allow_origins": "*"}"#)]).await;
    for shape in SHAPES {
        let asked = Asked {
            method: "POST".to_owned(),
            path: "/q".to_owned(),
            body: "%%%".to_owned(),
            ..Asked::default()
        };
        let mut event = shape.event(&asked);
        event["isBase64Encoded"] = json!(true);
        let answer = function.invoke(event).await.unwrap();
        assert_eq!(answer["statusCode"], 400, "{shape:?}");
    }
}

#[tokio::test]
async fn the_bytes_of_a_body_are_those_of_the_router() {
    let function = Function::start(BINARY, &[("CORS", r#"{"allow_origins": "*"}"#)]).await;
    let bytes = b"\x00\xff\x01\x02";
    for kind in ["text/plain", "text/html; charset=iso-8859-1", "image/png"] {
        let headers = [["content-type", kind]];
        let inner = json!({"bytes": URL_SAFE_NO_PAD.encode(bytes), "headers": headers});
        let asked = Asked {
            method: "GET".to_owned(),
            path: "/q".to_owned(),
            query: format!("inner={}", URL_SAFE_NO_PAD.encode(inner.to_string())),
            ..Asked::default()
        };
        for shape in SHAPES {
            let answer = function.invoke(shape.event(&asked)).await.unwrap();
            assert_eq!(shape.response(&answer).body(), bytes, "{shape:?} {kind}");
        }
    }
}
