//! Heads as the upstream is sent them, and as they come back.

mod framing;
mod responses;
mod rewriting;

use std::sync::{Arc, Mutex};

use http::HeaderValue;
use same_origin::proxy::{Mounts, ReverseProxy};

use crate::support::{Upstream, exchange, get, proxy_of, reply, serve};

#[tokio::test]
async fn the_path_and_query_arrive_byte_for_byte_under_the_base() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "/base").await;
    for (target, want) in [
        ("/api/x", "/base/x"),
        ("/api", "/base"),
        ("/api?x=1", "/base?x=1"),
        ("/api//x/", "/base//x/"),
        ("/api/api/x", "/base/api/x"),
        (
            "/api/a%2Fb%20c|d?u=/../x&&=%zz+",
            "/base/a%2Fb%20c|d?u=/../x&&=%zz+",
        ),
        ("http://other.example/api/x?y", "/base/x?y"),
    ] {
        assert_eq!(get(server, target, "").await.status, 200, "{target}");
        assert_eq!(upstream.seen().last().unwrap().target(), want);
    }
}

/// RFC 9110 4.2.3.
#[tokio::test]
async fn an_empty_path_is_a_slash() {
    let upstream = Upstream::ok().await;
    let server = serve(ReverseProxy::new("/", upstream.url("/base")).unwrap()).await;
    for (target, want) in [
        ("http://a.example", "/base/"),
        ("http://a.example?x=1", "/base/?x=1"),
    ] {
        assert_eq!(get(server, target, "").await.status, 200, "{target}");
        assert_eq!(upstream.seen().last().unwrap().target(), want);
    }
}

#[tokio::test]
async fn what_is_not_the_proxys_to_forward_is_not_forwarded() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "/base").await;
    for (request, status) in [
        ("GET /apix HTTP/1.1\r\nhost: a", 404),
        ("GET /API/x HTTP/1.1\r\nhost: a", 404),
        ("GET /api/%2e%2e/x HTTP/1.1\r\nhost: a", 400),
        ("GET /api/..%2fx HTTP/1.1\r\nhost: a", 400),
        ("GET /api/x HTTP/1.1", 400),
        ("GET /api/x HTTP/1.1\r\nhost: a\r\nhost: b", 400),
        ("GET /api/x HTTP/1.1\r\nhost: a,b", 400),
        ("TRACE /api/x HTTP/1.1\r\nhost: a", 501),
        ("CONNECT a.example:80 HTTP/1.1\r\nhost: a", 501),
        ("OPTIONS * HTTP/1.1\r\nhost: a", 204),
        ("OPTIONS /api/x HTTP/1.1\r\nhost: a\r\nmax-forwards: 0", 204),
    ] {
        let answer = exchange(server, format!("{request}\r\nconnection: close\r\n\r\n")).await;
        assert_eq!(answer.status, status, "{request}");
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn the_head_is_rewritten_in_order() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "").await;
    let fields = "connection: host, x-forwarded-for, x-secret, keep-alive\r\n\
        x-secret: 1\r\nx-kept: 1\r\nx-kept: 2\r\nx-forwarded-for: 6.6.6.6\r\nx-forwarded-proto: https\r\n\
        x_forwarded_host: evil\r\nforwarded: for=6.6.6.6\r\nte: trailers, gzip\r\nproxy-authorization: Basic x\r\n\
        authorization: Bearer t\r\nvia: 1.0 first\r\n";
    get(server, "/api/x", fields).await;
    let seen = upstream.one();
    assert_eq!(seen.field("host"), upstream.address.to_string());
    assert_eq!(seen.field("x-forwarded-for"), "127.0.0.1");
    assert_eq!(seen.field("x-forwarded-proto"), "http");
    assert_eq!(seen.field("x-forwarded-host"), "app.example");
    assert_eq!(seen.field("authorization"), "Bearer t");
    assert_eq!(seen.all("x-kept"), ["1", "2"]);
    assert_eq!(seen.field("te"), "trailers");
    assert_eq!(seen.field("connection"), "te");
    assert_eq!(seen.all("via"), ["1.0 first", "1.1 same-origin"]);
    for gone in [
        "x-secret",
        "x_forwarded_host",
        "forwarded",
        "proxy-authorization",
    ] {
        assert!(seen.all(gone).is_empty(), "{gone} in\n{}", seen.head);
    }
}

#[tokio::test]
async fn settings_change_what_is_sent() {
    let upstream = Upstream::ok().await;
    let proxy = ReverseProxy::builder("/api", upstream.url("/prod"))
        .keep_prefix(true)
        .preserve_host(true)
        .remove_request_headers(["Authorization", "cookie"])
        .trusted_proxies(["127.0.0.0/8".parse().unwrap()])
        .map_request(|parts| {
            parts
                .headers
                .insert("x-hook", HeaderValue::from_static("1"));
        })
        .build()
        .unwrap();
    let server = serve(proxy).await;
    let fields = "authorization: x\r\ncookie: a=1\r\nx-forwarded-for: 203.0.113.7\r\nx-forwarded-proto: https\r\n";
    get(server, "/api/x", fields).await;
    let seen = upstream.one();
    assert_eq!(seen.target(), "/prod/api/x");
    assert_eq!(seen.field("host"), "app.example");
    assert_eq!(seen.field("x-hook"), "1");
    assert_eq!(seen.all("x-forwarded-for"), ["203.0.113.7, 127.0.0.1"]);
    assert_eq!(seen.field("x-forwarded-proto"), "https");
    assert!(seen.all("authorization").is_empty() && seen.all("cookie").is_empty());
}

#[tokio::test]
async fn an_http_10_client_is_served_by_http_11() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "").await;
    let answer = exchange(server, "GET /api/x HTTP/1.0\r\n\r\n").await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
    assert!(upstream.one().head.starts_with("GET /x HTTP/1.1\r\nhost: "));
    assert_eq!(upstream.one().field("via"), "1.0 same-origin");
}

#[tokio::test]
async fn the_way_back_is_the_inverse() {
    let bucket = Upstream::ok().await;
    let signed = format!("http://{}/a%2Fb?X-Amz-Signature=%2B0a&e=", bucket.address);
    let api = Upstream::start(move |seen| match seen.target() {
        "/prod/login" => reply("location: /prod/home?a=%2F\r\n"),
        "/prod/file" => reply(&format!("location: {signed}\r\n")),
        "/prod/foreign" => reply("location: https://other.example/prod/x\r\n"),
        _ => reply(
            "set-cookie: a=1; Domain=up.example; Path=/prod\r\nset-cookie: __Host-b=2; Secure; Path=/\r\n\
             connection: x-gone\r\nx-gone: 1\r\nlink: </prod/x>\r\n",
        ),
    })
    .await;
    let mounts = Mounts::new();
    let proxy = ReverseProxy::builder("/api", api.url("/prod"))
        .mounts(&mounts)
        .build()
        .unwrap();
    let _files = ReverseProxy::builder("/files", bucket.url(""))
        .mounts(&mounts)
        .build()
        .unwrap();
    let server = serve(proxy).await;

    let location = async |path| {
        let answer = get(server, path, "").await;
        answer.all("location").join("|")
    };
    assert_eq!(location("/api/login").await, "/api/home?a=%2F");
    assert_eq!(
        location("/api/file").await,
        "/files/a%2Fb?X-Amz-Signature=%2B0a&e="
    );
    assert_eq!(
        location("/api/foreign").await,
        "https://other.example/prod/x"
    );

    let answer = get(server, "/api/other", "").await;
    assert_eq!(
        answer.all("set-cookie"),
        ["a=1; Path=/api", "__Host-b=2; Secure; Path=/"]
    );
    assert_eq!(answer.all("link"), ["</prod/x>"]);
    assert_eq!(answer.all("via"), ["1.1 same-origin"]);
    assert!(answer.all("x-gone").is_empty());
}

#[tokio::test]
async fn the_hook_has_the_last_word() {
    let upstream = Upstream::ok().await;
    let address = upstream.address.to_string();
    let nowhere = "http://does-not-exist.invalid";
    let seen_by_hook = Arc::new(Mutex::new(None));
    let hook = {
        let seen = Arc::clone(&seen_by_hook);
        move |head: &mut http::request::Parts| {
            *seen.lock().unwrap() = head.headers.get("host").cloned();
            if head.uri.path() == "/named" {
                let name = HeaderValue::from_static("named.example");
                head.headers.insert("host", name);
            }
        }
    };
    let one = ReverseProxy::builder("/api", upstream.url("")).map_request(hook.clone());
    let several = ReverseProxy::builder("/api", "").upstreams([upstream.url("")]);
    for (builder, host) in [
        (one.clone(), Some(address.as_str())),
        (several.clone().map_request(hook.clone()), Some(&*address)),
        (one.preserve_host(true), Some("app.example")),
        (
            several
                .upstreams([upstream.url(""), nowhere.into()])
                .map_request(hook),
            None,
        ),
    ] {
        let server = serve(builder.build().unwrap()).await;
        for (target, want) in [
            ("/api/x", host.unwrap_or(&address)),
            ("/api/named", "named.example"),
        ] {
            let answer = get(server, target, "").await;
            assert_eq!(answer.status, 200, "{target} {host:?} {}", answer.head);
            let seen = upstream.seen().pop();
            assert_eq!(seen.unwrap().field("host"), want);
            let by_hook = seen_by_hook.lock().unwrap().take();
            assert_eq!(by_hook, host.map(|host| host.parse().unwrap()));
        }
    }
}

#[tokio::test]
async fn hops_are_counted_however_many_are_left() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "").await;
    for (sent, want) in [
        ("1", "0"),
        ("99999999999", "99999999998"),
        ("99999999999999999999999", "18446744073709551614"),
        ("many", "many"),
    ] {
        let request = format!(
            "OPTIONS /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\nmax-forwards: {sent}\r\n\r\n"
        );
        assert_eq!(exchange(server, request).await.status, 200);
        assert_eq!(upstream.seen().pop().unwrap().field("max-forwards"), want);
    }
}

#[tokio::test]
async fn a_relative_redirect_leads_where_the_upstream_means() {
    let upstream = Upstream::start(|_| reply("location: login\r\n")).await;
    let server = proxy_of(&upstream, "").await;
    for (target, want) in [
        ("/api", "/api/login"),
        ("/api?x", "/api/login"),
        ("/api/", "login"),
        ("/api/x", "login"),
    ] {
        let answer = get(server, target, "").await;
        assert_eq!(answer.all("location"), [want], "{target}");
    }
}

#[tokio::test]
async fn a_request_that_no_connection_brought_needs_no_host() {
    use same_origin::proxy::{Body, Peer};
    use tower::ServiceExt;
    let upstream = Upstream::ok().await;
    let proxy = ReverseProxy::new("/api", upstream.url("")).unwrap();
    let peer = Peer::new("192.0.2.1:4711".parse().unwrap());
    for (peer, status) in [(None, 200), (Some(peer), 400)] {
        let mut request = http::Request::get("/api/items")
            .body(Body::empty())
            .unwrap();
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let answer = proxy.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!(upstream.one().field("x-forwarded-proto"), "http");
}

/// RFC 9931: what follows a rejected `CONNECT` is not a request.
#[tokio::test]
async fn a_connect_that_is_rejected_ends_its_connection() {
    use http::{Method, Request, Version};
    use tower::ServiceExt;
    let proxy = ReverseProxy::new("/api", "http://127.0.0.1:9").unwrap();
    for (method, version, closes) in [
        (Method::CONNECT, Version::HTTP_11, true),
        (Method::CONNECT, Version::HTTP_10, true),
        (Method::CONNECT, Version::HTTP_2, false),
        (Method::TRACE, Version::HTTP_11, false),
    ] {
        let request = Request::builder().method(&method).version(version);
        let request = request.uri("/api/x").body(axum::body::Body::empty());
        let response = proxy.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 501, "{method} {version:?}");
        let close = response.headers().get("connection");
        assert_eq!(
            close.is_some_and(|value| value == "close"),
            closes,
            "{method} {version:?}"
        );
    }
}
