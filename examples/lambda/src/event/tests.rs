//! Events as the front doors write them, and what no front door would.

use lambda_http::Request;
use serde_json::json;

use super::*;

fn request(event: &Value) -> Request {
    let event: Event = serde_json::from_str(&event.to_string()).unwrap();
    event.request.into()
}

fn lines(request: &Request, name: &str) -> Vec<String> {
    let lines = request.headers().get_all(name).iter();
    lines
        .map(|line| line.to_str().unwrap().to_owned())
        .collect()
}

fn alb(single: &Value, multi: &Value) -> Value {
    json!({
        "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": "/x",
        "headers": single, "multiValueHeaders": multi, "isBase64Encoded": false, "body": "",
    })
}

#[test]
fn all_lines_of_a_header_are_there_once() {
    let both = alb(
        &json!({"Origin": "https://b.example", "x-one": "1", "only": "here"}),
        &json!({"origin": ["https://a.example", "https://b.example"], "X-One": ["1"]}),
    );
    let request = request(&both);
    assert_eq!(
        lines(&request, "origin"),
        ["https://a.example", "https://b.example"]
    );
    assert_eq!(lines(&request, "x-one"), ["1"]);
    assert_eq!(lines(&request, "only"), ["here"]);
}

#[test]
fn no_host_or_scheme_panics() {
    for host in [
        "",
        "a b",
        "[",
        "a:99999",
        "user@",
        "a/b",
        "<",
        "xn--",
        "%zz",
        "a.example:80",
    ] {
        for proto in ["https", "ht tp", "", "javascript"] {
            let fields = json!({"host": host, "x-forwarded-proto": proto});
            let single = alb(&fields, &json!({}));
            let event: Event = serde_json::from_str(&single.to_string()).unwrap();
            assert_eq!(event.rest.is_some(), host == "a.example:80", "{host:?}");
            let good = request(&single);
            assert_eq!(
                good.headers().contains_key(HOST),
                host == "a.example:80",
                "{host:?}"
            );
            request(&alb(
                &json!({}),
                &json!({"host": [host], "x-forwarded-proto": [proto]}),
            ));
            request(&json!({
                "version": "2.0", "rawPath": "/x", "rawQueryString": "", "headers": fields,
                "requestContext": {"timeEpoch": 0, "http": {"method": "GET", "path": "/x"}},
            }));
        }
    }
}

/// The three events of one request.
fn events(host: &str, path: &str, query: &str) -> [Value; 3] {
    let headers = json!({"host": host, "x-forwarded-proto": "https", "cookie": "a=\u{fc}"});
    let headers = match host {
        "" => json!({}),
        _ => headers,
    };
    let pairs = json!({"a": query});
    [
        json!({
            "httpMethod": "GET", "path": path, "headers": headers, "queryStringParameters": pairs,
            "requestContext": {
                "stage": "prod", "path": path, "httpMethod": "GET", "requestTimeEpoch": 0, "identity": {},
            },
        }),
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers,
            "cookies": ["a=1", format!("b={query}")],
            "requestContext": {"timeEpoch": 0, "http": {"method": "GET", "path": path}},
        }),
        json!({
            "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": path,
            "headers": headers, "queryStringParameters": pairs, "isBase64Encoded": false, "body": "",
        }),
    ]
}

#[test]
fn no_byte_of_a_target_or_host_panics() {
    for byte in (0..=0x7f_u8).map(char::from).chain(['\u{fc}', '\u{ffff}']) {
        let text = format!("x{byte}y");
        for event in events("a.example", &format!("/{text}"), &text) {
            request(&event);
        }
        let short = byte.to_string();
        for event in events("a.example", &short, &short) {
            request(&event);
        }
        let is_field = byte.is_ascii_graphic();
        let hosts = [
            format!("a{byte}b"),
            short,
            format!("{byte}:80"),
            format!("a:{byte}"),
        ];
        for host in hosts.iter().filter(|_| is_field) {
            events(host, "/x", "")
                .iter()
                .for_each(|event| drop(request(event)));
        }
    }
    for (path, query) in [(":99999", ""), ("*", ""), ("@", "@"), ("//", "?"), ("", "")] {
        events("", path, query)
            .iter()
            .for_each(|event| drop(request(event)));
    }
}

#[test]
fn what_cannot_be_a_request_is_a_bad_one() {
    let parsed = |event: &Value| -> Event { serde_json::from_str(&event.to_string()).unwrap() };
    let long = "\u{fc}".repeat(LONGEST);
    for (path, query) in [("/x", long.as_str()), (long.as_str(), "")] {
        for event in events("a.example", path, query) {
            let event = parsed(&event);
            assert!(event.rest.is_none());
            let _made: Request = event.request.into();
        }
    }
    for mut event in events("a.example", "/x", "a") {
        event["isBase64Encoded"] = json!(true);
        event["body"] = json!("%%%");
        let bad = parsed(&event);
        assert!(bad.rest.is_none());
        let _made: Request = bad.request.into();
        event["body"] = json!("AP8=");
        assert_eq!(parsed(&event).rest.unwrap().body, b"\0\xff");
    }
    type Spoil = fn(&mut Value);
    let spoilt: [Spoil; 5] = [
        |event| event["headers"]["a b"] = json!("x"),
        |event| event["headers"]["x-a"] = json!("a\u{1}b"),
        |event| event["multiValueHeaders"] = json!({"": ["x"]}),
        |event| event["httpMethod"] = json!("G ET"),
        |event| event["requestContext"]["http"]["method"] = json!("G ET"),
    ];
    let forms = ["REST", "HTTP", "ALB"];
    for (form, good) in forms.into_iter().zip(events("a.example", "/x", "a")) {
        let told = spoilt.map(|spoil| {
            let mut event = good.clone();
            spoil(&mut event);
            let event = parsed(&event);
            let is_bad = event.rest.is_none();
            let kept = match event.request {
                LambdaRequest::ApiGatewayV1(_) => "REST",
                LambdaRequest::ApiGatewayV2(_) => "HTTP",
                LambdaRequest::Alb(_) => "ALB",
                _ => "",
            };
            assert_eq!(kept, form);
            let _made: Request = event.request.into();
            is_bad
        });
        // The event of an HTTP API has no fields of several values; the others have their method in one place.
        let wanted = match form {
            "HTTP" => [true, true, false, true, true],
            _ => [true, true, true, true, false],
        };
        assert_eq!(told, wanted, "{form}");
    }
    for mut event in events("a.example", "/x", "a") {
        event["multiValueQueryStringParameters"] = json!({"a": []});
        let bad = parsed(&event);
        assert!(bad.rest.is_none());
        let _made: Request = bad.request.into();
    }
}
