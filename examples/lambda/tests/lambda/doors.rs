//! The example behind its front doors: paths, cookies, redirects, preflights, and whose pages it knows.

use http::Response;
use serde_json::{Value, json};

use crate::runtime_api::Function;
use crate::shapes::{Asked, SHAPES, STAGE, Shape};

const BINARY: &str = env!("CARGO_BIN_EXE_lambda");
const APP: &str = "https://app.example.com";

fn ask(method: &str, path: &str, fields: &[(&str, &str)]) -> Asked {
    let fields = fields
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        fields: fields.collect(),
        ..Asked::default()
    }
}

async fn answer(function: &Function, shape: Shape, asked: &Asked) -> Response<Vec<u8>> {
    shape.response(&function.invoke(shape.event(asked)).await.unwrap())
}

fn lines(response: &Response<Vec<u8>>, name: &str) -> Vec<String> {
    let lines = response.headers().get_all(name).iter();
    lines
        .map(|line| line.to_str().unwrap().to_owned())
        .collect()
}

/// The part of the client's path before the router's paths.
fn before(shape: Shape) -> String {
    match shape {
        Shape::Rest | Shape::Http => format!("/{STAGE}"),
        Shape::Alb | Shape::FunctionUrl => String::new(),
    }
}

#[tokio::test]
async fn the_router_has_its_paths_and_the_client_the_public_ones() {
    let function = Function::start(BINARY, &[]).await;
    for shape in SHAPES {
        let text = async |path: &str| {
            let response = answer(&function, shape, &ask("GET", path, &[])).await;
            (
                response.status().as_u16(),
                String::from_utf8(response.into_body()).unwrap(),
            )
        };
        assert_eq!(
            text("/items").await,
            (200, "item 7\n".to_owned()),
            "{shape:?}"
        );
        assert_eq!(text("/").await, (200, "the root\n".to_owned()), "{shape:?}");
        // Not the stage again, and nothing that only begins like it.
        assert_eq!(text(&format!("/{STAGE}/items")).await.0, 404, "{shape:?}");
        for path in ["/x/../items", "/x/%2e%2e/items", "/items/..;/x"] {
            assert_eq!(text(path).await.0, 400, "{shape:?} {path}");
        }
        let moved = answer(&function, shape, &ask("GET", "/old", &[])).await;
        assert_eq!(
            lines(&moved, "location"),
            [format!("{}/items", before(shape))],
            "{shape:?}"
        );
    }
}

#[tokio::test]
async fn cookies_are_all_there_and_below_the_stage() {
    let function = Function::start(BINARY, &[]).await;
    for shape in SHAPES {
        let login = ask("POST", "/login", &[("origin", APP)]);
        let response = answer(&function, shape, &login).await;
        let below = format!("item=7; Path={}/items; Secure", before(shape));
        assert_eq!(
            lines(&response, "set-cookie"),
            ["seen=1".to_owned(), below],
            "{shape:?}"
        );
        assert_eq!(
            lines(&response, "access-control-allow-origin"),
            [APP],
            "{shape:?}"
        );
        assert_eq!(lines(&response, "vary"), ["Origin"], "{shape:?}");
    }
}

#[tokio::test]
async fn the_function_answers_preflights_and_keeps_foreign_pages_out() {
    let function = Function::start(BINARY, &[]).await;
    for shape in SHAPES {
        let asks = [("origin", APP), ("access-control-request-method", "PUT")];
        let response = answer(&function, shape, &ask("OPTIONS", "/items/7", &asks)).await;
        assert!(response.status().is_success(), "{shape:?} {response:?}");
        assert_eq!(
            lines(&response, "access-control-allow-methods"),
            ["PUT"],
            "{shape:?}"
        );
        assert_eq!(
            lines(&response, "access-control-max-age"),
            ["600"],
            "{shape:?}"
        );

        let own = format!("https://{}", shape.host());
        let pages = [
            (own.as_str(), 200),
            (APP, 200),
            ("https://evil.example", 403),
        ];
        for (origin, status) in pages {
            let fields = [("origin", origin), ("cookie", "seen=1; item=7")];
            let response = answer(&function, shape, &ask("POST", "/login", &fields)).await;
            assert_eq!(response.status(), status, "{shape:?} {origin}");
        }
        // Of two lines none counts, and not the last one.
        let two = [
            ("origin", "https://evil.example"),
            ("origin", APP),
            ("cookie", "seen=1"),
        ];
        let response = answer(&function, shape, &ask("POST", "/login", &two)).await;
        assert_eq!(response.status(), 403, "{shape:?}");
        assert!(
            lines(&response, "access-control-allow-origin").is_empty(),
            "{shape:?}"
        );
    }
}

/// A refusal that the router did not make, too.
#[tokio::test]
async fn an_allowed_page_can_read_a_refusal() {
    let function = Function::start(BINARY, &[("BASE_PATH", "shop")]).await;
    let ask = |path, origin| ask("GET", path, &[("origin", origin)]);
    for (shape, path, status) in [
        (Shape::Rest, "/nothing", 404),
        (Shape::Rest, "/x/%2e%2e/items", 400),
        (Shape::Http, "/x/../items", 400),
        (Shape::Alb, "/items", 404),
        (Shape::Alb, "/shop/x/../items", 400),
        (Shape::FunctionUrl, "/items", 404),
    ] {
        for (origin, allowed) in [(APP, &[APP][..]), ("https://evil.example", &[])] {
            let response = answer(&function, shape, &ask(path, origin)).await;
            assert_eq!(response.status(), status, "{shape:?} {path}");
            let told = lines(&response, "access-control-allow-origin");
            assert_eq!(told, allowed, "{shape:?} {path}");
            assert_eq!(lines(&response, "vary"), ["Origin"], "{shape:?} {path}");
        }
    }
    for shape in SHAPES {
        let mut event = shape.event(&ask("/shop/items", APP));
        event["body"] = json!("%%%");
        event["isBase64Encoded"] = json!(true);
        let response = shape.response(&function.invoke(event).await.unwrap());
        assert_eq!(response.status(), 400, "{shape:?}");
        assert_eq!(
            lines(&response, "access-control-allow-origin"),
            [APP],
            "{shape:?}"
        );
    }
}

#[tokio::test]
async fn a_base_path_is_mapped_where_there_is_no_stage() {
    let function = Function::start(BINARY, &[("BASE_PATH", "shop")]).await;
    for (shape, path, status) in [
        (Shape::Alb, "/shop/items", 200),
        (Shape::Alb, "/shop", 200),
        (Shape::Alb, "/shopping/items", 404),
        (Shape::Alb, "/items", 404),
        (Shape::FunctionUrl, "/shop/items", 200),
        (Shape::Rest, "/items", 200),
    ] {
        let response = answer(&function, shape, &ask("GET", path, &[])).await;
        assert_eq!(response.status(), status, "{shape:?} {path}");
    }
    // A custom domain: both paths of the event have the base path.
    let mut event = Shape::Rest.event(&ask("GET", "/shop/old", &[]));
    event["requestContext"]["path"] = json!("/shop/old");
    event["requestContext"]["domainName"] = json!("shop.example");
    let response = Shape::Rest.response(&function.invoke(event).await.unwrap());
    assert_eq!(lines(&response, "location"), ["/shop/items"]);
    // That of an HTTP API hands over the stage in place of it, or nothing for `$default`.
    for (stage, path) in [("prod", "/prod/old"), ("$default", "/old")] {
        let mut event = Shape::Http.event(&ask("GET", "/old", &[]));
        event["rawPath"] = json!(path);
        event["requestContext"]["stage"] = json!(stage);
        event["requestContext"]["domainName"] = json!("shop.example");
        let response = Shape::Http.response(&function.invoke(event).await.unwrap());
        assert_eq!(lines(&response, "location"), ["/shop/items"], "{stage}");
    }
}

/// Payload format 1.0 of an HTTP API has the form of a REST API's events, and the stage in both paths.
#[tokio::test]
async fn an_http_api_with_the_older_format_has_its_stage_too() {
    let function = Function::start(BINARY, &[]).await;
    let mut event = Shape::Rest.event(&ask("GET", "/old", &[]));
    event["version"] = json!("1.0");
    event["path"] = event["requestContext"]["path"].clone();
    let response = Shape::Rest.response(&function.invoke(event).await.unwrap());
    assert_eq!(lines(&response, "location"), ["/prod/items"]);
}

/// The health checks of an ALB name no host, nor do tests of an API from a console (aws-lambda-rust-runtime#488, #495).
#[tokio::test]
async fn a_request_that_names_no_host_is_answered() {
    let headers = json!({"user-agent": "ELB-HealthChecker/2.0"});
    let lines = json!({"user-agent": ["ELB-HealthChecker/2.0"]});
    let mut single = json!({
        "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": "/items",
        "queryStringParameters": {}, "headers": headers, "isBase64Encoded": false, "body": "",
    });
    let mut multi = single.clone();
    multi["headers"].take();
    multi["multiValueHeaders"] = lines;
    let mut nothing = single.clone();
    nothing["headers"] = json!({});
    let mut rest = Shape::Rest.event(&ask("GET", "/items", &[]));
    rest["headers"].take();
    rest["multiValueHeaders"].take();
    let mut http = Shape::Http.event(&ask("GET", "/items", &[]));
    http["headers"] = json!({});
    for event in [&mut rest, &mut http] {
        event["requestContext"]["domainName"].take();
    }
    let function = Function::start(BINARY, &[]).await;
    for event in [&single, &multi, &nothing, &rest] {
        let answered = function.invoke(event.clone()).await.unwrap();
        assert_eq!(answered["statusCode"], 200, "{event}");
        assert_eq!(answered["body"], "item 7\n", "{event}");
    }
    // Below a prefix, where a proxy stands before the router; the rules of paths hold.
    let function = Function::start(BINARY, &[("BASE_PATH", "shop")]).await;
    for (path, status) in [
        ("/shop/items", 200),
        ("/items", 404),
        ("/shop/x/../items", 400),
    ] {
        single["path"] = json!(path);
        let answered = function.invoke(single.clone()).await.unwrap();
        assert_eq!(answered["statusCode"], status, "{path}");
    }
    // An event that does not name the API does not have the stage in its path.
    http["rawPath"] = json!("/shop/items");
    assert_eq!(function.invoke(http).await.unwrap()["statusCode"], 200);
}

/// An ALB without multi-value headers, and events that no client of ours makes.
#[tokio::test]
async fn odd_events_are_answered() {
    let function = Function::start(BINARY, &[]).await;
    let single = json!({
        "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": "/items",
        "headers": {"host": "[", "origin": APP, "x-forwarded-proto": "https"}, "isBase64Encoded": false, "body": "",
    });
    // No host is left to answer for.
    assert_eq!(
        function.invoke(single.clone()).await.unwrap()["statusCode"],
        400
    );
    let mut named = single;
    named["headers"]["host"] = json!("lb.example");
    let answered: Value = function.invoke(named).await.unwrap();
    assert_eq!(answered["statusCode"], 200);
    assert_eq!(answered["headers"]["access-control-allow-origin"], APP);
    let spaced = Shape::Http.event(&ask("GET", "/a b?<\u{fc}", &[]));
    assert_eq!(function.invoke(spaced).await.unwrap()["statusCode"], 404);
    // An event that is not a request is an error of the function, which then goes on.
    function.invoke(json!({"hello": 1})).await.unwrap_err();
    let response = answer(&function, Shape::Rest, &ask("GET", "/items", &[])).await;
    assert_eq!(response.status(), 200);
}
