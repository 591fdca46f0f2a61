//! The edge of a route: rate limits, ids of requests, security fields, attributes of cookies.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use crate::client::{Answer, get, send, upstream};
use crate::gateway;

/// A GET with these fields.
async fn get_with(url: &str, fields: &[(&str, &str)]) -> Answer {
    let request = fields
        .iter()
        .fold(Request::get(url), |request, (name, value)| {
            request.header(*name, *value)
        });
    send(request.body(Full::default()).unwrap()).await
}

/// Answers with these fields.
async fn answering(fields: &'static [(&'static str, &'static str)]) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |_| async move {
                let response = fields
                    .iter()
                    .fold(Response::builder(), |response, (name, value)| {
                        response.header(*name, *value)
                    });
                response.body(Full::new(Bytes::from("ok")))
            });
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test]
async fn a_client_above_its_rate_limit_can_read_when_to_come_back() {
    let upstream = upstream("up").await;
    let gateway = gateway::with(&format!(
        "rate_limit = {{ per_second = 1, burst = 3 }}\ntrusted_proxies = ['::ffff:127.0.0.0/104']\n\
         [cors]\nallow_origins = ['https://a.example']\n\
         [[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n\
         [[routes]]\nprefix = '/own'\nupstream = 'http://{upstream}'\nrate_limit = {{ per_second = 1 }}\n\
         [[routes]]\nprefix = '/free'\nupstream = 'http://{upstream}'\nrate_limit = false\n"
    ));
    let url = |path: &str| format!("{}{path}", gateway.origin);
    let of = |client: &'static str| [("x-forwarded-for", client), ("origin", "https://a.example")];
    let mut refused = get_with(&url("/x"), &of("203.0.113.1")).await;
    assert_eq!(refused.status, StatusCode::OK);
    // On a slow machine the bucket fills meanwhile.
    for _ in 0..50 {
        if refused.status != StatusCode::OK {
            break;
        }
        refused = get_with(&url("/x"), &of("203.0.113.1")).await;
    }
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.field("retry-after"), "1");
    assert_eq!(
        refused.field("access-control-allow-origin"),
        "https://a.example"
    );
    assert_eq!(refused.field("vary"), "Origin");
    // A preflight is not counted, another client has a bucket of its own, and so has another route.
    let preflight = Request::options(url("/x"))
        .header("x-forwarded-for", "203.0.113.1")
        .header("origin", "https://a.example")
        .header("access-control-request-method", "GET");
    let preflight = send(preflight.body(Full::default()).unwrap()).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(get_with(&url("/x"), &of("203.0.113.2")).await.status, 200);
    assert_eq!(get_with(&url("/own"), &of("203.0.113.1")).await.status, 200);
    for _ in 0..5 {
        assert_eq!(
            get_with(&url("/free"), &of("203.0.113.1")).await.status,
            200
        );
    }
    gateway.signal("TERM");
    let (_, log) = gateway.ended();
    assert!(
        log.contains("status=429") && log.contains("rate limit"),
        "{log}"
    );
}

#[tokio::test]
async fn a_request_has_an_id_which_all_hear_of() {
    let upstream = upstream("up").await;
    let route = format!("[[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n");
    let own = [("x-request-id", "from-outside-1")];
    // Off, nothing is done to it.
    let gateway = gateway::with(&route);
    let answer = get_with(&format!("{}/api", gateway.origin), &own).await;
    assert!(
        answer.body.contains("x-request-id: from-outside-1\n"),
        "{}",
        answer.body
    );
    assert_eq!(answer.field("x-request-id"), "");
    // Of anybody it is not taken.
    let gateway = gateway::with(&format!("request_id = true\n{route}"));
    let answer = get_with(&format!("{}/api", gateway.origin), &own).await;
    let id = answer.field("x-request-id");
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    assert!(
        answer.body.contains(&format!("x-request-id: {id}\n")),
        "{}",
        answer.body
    );
    assert_eq!(answer.body.matches("x-request-id").count(), 1);
    let missing = get(format!("{}/none", gateway.origin)).await;
    assert_eq!(missing.field("x-request-id").len(), 32);
    assert_ne!(missing.field("x-request-id"), id);
    // Of a trusted peer it is, if it is harmless in a log.
    let trusted = format!("request_id = true\ntrusted_proxies = ['127.0.0.1/32']\n{route}");
    let gateway = gateway::with(&trusted);
    let answer = get_with(&format!("{}/api", gateway.origin), &own).await;
    assert_eq!(answer.field("x-request-id"), "from-outside-1");
    let odd = [("x-request-id", "a \"b\"")];
    let answer = get_with(&format!("{}/api", gateway.origin), &odd).await;
    assert_eq!(answer.field("x-request-id").len(), 32);
}

#[tokio::test]
async fn the_line_about_a_failed_request_has_its_id() {
    let gateway = gateway::with(
        "request_id = true\n[[routes]]\nprefix = '/api'\nupstream = 'http://127.0.0.1:9'\n",
    );
    let mut ids = Vec::new();
    for (path, status) in [("/api/x", 502), ("/api/%2e%2e/x", 400)] {
        let answer = get(format!("{}{path}", gateway.origin)).await;
        assert_eq!(answer.status, status, "{path}");
        ids.push(answer.field("x-request-id").to_owned());
    }
    gateway.signal("TERM");
    let (_, log) = gateway.ended();
    for id in ids {
        let lines = log
            .lines()
            .filter(|line| line.contains(&format!("id=\"{id}\"")));
        assert_eq!(lines.count(), 1, "{id} in {log}");
    }
}

#[tokio::test]
async fn the_context_of_a_trace_goes_on_unchanged() {
    let upstream = upstream("up").await;
    let gateway = gateway::with(&format!(
        "request_id = true\n[[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n"
    ));
    let fields = [
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("tracestate", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        ("baggage", "user=7"),
    ];
    let answer = get_with(&format!("{}/api", gateway.origin), &fields).await;
    for (name, value) in fields {
        assert!(
            answer.body.contains(&format!("{name}: {value}\n")),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn security_fields_are_set_where_they_are_missing() {
    let bare = answering(&[]).await;
    let with_own = answering(&[
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ])
    .await;
    let gateway = gateway::with(&format!(
        "trusted_proxies = ['127.0.0.1/32']\n\
         [[routes]]\nprefix = '/usual'\nupstream = 'http://{bare}'\nsecurity_headers = true\n\
         [[routes]]\nprefix = '/own'\nupstream = 'http://{with_own}'\nsecurity_headers = true\n\
         [[routes]]\nprefix = '/some'\nupstream = 'http://{bare}'\n\
         security_headers = {{ hsts = 'max-age=60; includeSubDomains', frame_options = false, \
         content_security_policy = \"default-src 'self'\", opener_policy = 'same-origin' }}\n\
         [[routes]]\nprefix = '/'\nupstream = 'http://{bare}'\n"
    ));
    let https = [("x-forwarded-proto", "https")];
    let usual = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("x-frame-options", "SAMEORIGIN"),
        ("content-security-policy", ""),
    ];
    let answer = get(format!("{}/usual", gateway.origin)).await;
    for (name, value) in usual {
        assert_eq!(answer.field(name), value, "{name}");
    }
    assert_eq!(
        answer.field("strict-transport-security"),
        "",
        "not without TLS"
    );
    let answer = get_with(&format!("{}/usual", gateway.origin), &https).await;
    assert_eq!(
        answer.field("strict-transport-security"),
        "max-age=31536000"
    );
    let answer = get(format!("{}/own", gateway.origin)).await;
    assert_eq!(answer.field("x-frame-options"), "DENY");
    assert_eq!(answer.field("referrer-policy"), "no-referrer");
    let answer = get_with(&format!("{}/some", gateway.origin), &https).await;
    for (name, value) in [
        ("strict-transport-security", "max-age=60; includeSubDomains"),
        ("x-frame-options", ""),
        ("content-security-policy", "default-src 'self'"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.field(name), value, "{name}");
    }
    let answer = get_with(&format!("{}/", gateway.origin), &https).await;
    assert_eq!(answer.field("x-content-type-options"), "");
}

#[tokio::test]
async fn cookies_get_the_attributes_that_they_lack() {
    let upstream = answering(&[
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "b=2; SameSite=None; Secure"),
    ])
    .await;
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n\
         cookies = {{ secure = true, same_site = 'lax', partitioned = true }}\n"
    ));
    let answer = get(format!("{}/api", gateway.origin)).await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(
        cookies,
        [
            "a=1; Path=/; Secure; SameSite=Lax; Partitioned",
            "b=2; SameSite=None; Secure; Partitioned"
        ]
    );
}
