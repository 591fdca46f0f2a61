//! Addresses, cookies and fields on their way there and back, as the settings of a proxy have them.

use same_origin::guard::{Guard, GuardLayer};
use same_origin::proxy::{CookieRewrite, ForwardingField, Mounts, ReverseProxy};
use tokio::net::TcpStream;
use tower::Layer;

use crate::support::{Upstream, exchange, get, proxy_of, reply, serve};

/// Answers with addresses and cookies below the prefix that it is told of, or below its own root.
async fn application() -> Upstream {
    Upstream::start(|seen| {
        let prefix = seen.all("x-forwarded-prefix").join("|");
        reply(&format!(
            "location: {prefix}/login\r\ncontent-location: {prefix}/x\r\nrefresh: 0; url={prefix}/\r\n\
             set-cookie: sid=1; Path={prefix}/a\r\nset-cookie: csrf=1; Path=/\r\n"
        ))
    })
    .await
}

const ADDRESSES: [&str; 4] = ["location", "content-location", "refresh", "set-cookie"];

#[tokio::test]
async fn an_application_says_its_public_prefix_once() {
    let upstream = application().await;
    let builder = ReverseProxy::builder("/api", upstream.url(""))
        .trusted_proxies(["127.0.0.0/8".parse().unwrap()]);
    let told = builder
        .clone()
        .forwarding([ForwardingField::XForwardedPrefix]);
    let outer = "x-forwarded-prefix: /outer\r\n";
    for (name, builder, fields, prefix) in [
        ("not told", &builder, "", "/api"),
        ("not told, behind another", &builder, outer, "/outer/api"),
        ("told", &told, "", "/api"),
        ("told, behind another", &told, outer, "/outer/api"),
    ] {
        let server = serve(builder.build().unwrap()).await;
        let answer = get(server, "/api/x", fields).await;
        let found = ADDRESSES.map(|field| answer.all(field).join("|"));
        let want = [
            format!("{prefix}/login"),
            format!("{prefix}/x"),
            format!("0; url={prefix}/"),
            format!("sid=1; Path={prefix}/a|csrf=1; Path=/"),
        ];
        assert_eq!(found, want, "{name}");
    }
}

#[tokio::test]
async fn a_directory_behind_a_trusted_prefix_is_below_it() {
    let upstream = Upstream::start(|seen| {
        let host = seen.field("host").to_owned();
        reply(&format!("location: http://{host}/docs/\r\n"))
    })
    .await;
    let builder = ReverseProxy::builder("/api", upstream.url(""));
    let trusting = builder
        .clone()
        .trusted_proxies(["::ffff:127.0.0.0/104".parse().unwrap()]);
    for (builder, want) in [(trusting, "/outer/api/docs/"), (builder, "/api/docs/")] {
        let server = serve(builder.build().unwrap()).await;
        let answer = get(server, "/api/docs", "x-forwarded-prefix: /outer/\r\n").await;
        assert_eq!(answer.all("location"), [want]);
    }
}

#[tokio::test]
async fn cookies_are_confined_if_that_is_wanted() {
    let upstream = application().await;
    for (rewrite, want) in [
        (CookieRewrite::On, "/"),
        (CookieRewrite::Confine, "/api"),
        (false.into(), "/"),
    ] {
        let builder = ReverseProxy::builder("/api", upstream.url("")).rewrite_cookies(rewrite);
        let server = serve(builder.build().unwrap()).await;
        let answer = get(server, "/api/x", "").await;
        let want = format!("csrf=1; Path={want}");
        assert_eq!(answer.all("set-cookie")[1], want, "{rewrite:?}");
    }
}

#[tokio::test]
async fn a_cookie_without_a_path_is_confined_too() {
    let upstream = Upstream::start(|_| {
        reply("set-cookie: sid=1\r\nset-cookie: b=1; Path=; Secure\r\nset-cookie: __Host-c=1; Secure\r\n")
    })
    .await;
    let host_only = "__Host-c=1; Secure";
    let as_it_is = ["sid=1", "b=1; Path=; Secure", host_only];
    let confined = [
        "sid=1; Path=/api",
        "b=1; Path=; Secure; Path=/api",
        host_only,
    ];
    // The path of the upstream may have a base, which is not what the browser goes by.
    for base in ["", "/prod"] {
        let builder = ReverseProxy::builder("/api", upstream.url(base));
        for (rewrite, target, want) in [
            (CookieRewrite::Confine, "/api", confined),
            (CookieRewrite::Confine, "/api?x=/y", confined),
            (CookieRewrite::Confine, "/api/", as_it_is),
            (CookieRewrite::Confine, "/api/x/y", as_it_is),
            (CookieRewrite::On, "/api", as_it_is),
        ] {
            let builder = builder.clone().rewrite_cookies(rewrite);
            let server = serve(builder.build().unwrap()).await;
            let answer = get(server, target, "").await;
            assert_eq!(
                answer.all("set-cookie"),
                want,
                "{base} {rewrite:?} {target}"
            );
        }
    }
}

#[tokio::test]
async fn a_cookie_for_another_route_of_the_upstream_comes_back_there() {
    let upstream = Upstream::start(|_| {
        reply("location: /prod/y\r\nset-cookie: sid=1; Path=/prod\r\nset-cookie: b=1; Path=/c\r\n")
    })
    .await;
    let mounts = Mounts::new();
    let proxy = |prefix, base| {
        let builder = ReverseProxy::builder(prefix, upstream.url(base)).mounts(&mounts);
        builder.build().unwrap()
    };
    let _api = proxy("/api", "/prod");
    let server = serve(proxy("/cached", "/c")).await;
    let answer = get(server, "/cached/l", "").await;
    assert_eq!(answer.all("location"), ["/api/y"]);
    assert_eq!(
        answer.all("set-cookie"),
        ["sid=1; Path=/api", "b=1; Path=/cached"]
    );
}

#[tokio::test]
async fn a_cookie_of_the_parent_domain_can_be_deleted() {
    let upstream = Upstream::start(|_| {
        reply("set-cookie: sid=; Domain=example.com; Max-Age=0\r\nset-cookie: b=1; Domain=up.example\r\n")
    })
    .await;
    let server = proxy_of(&upstream, "").await;
    for (host, want) in [
        (
            "app.example.com:8443",
            "sid=; Domain=example.com; Max-Age=0|b=1",
        ),
        ("app.other.example", "sid=; Max-Age=0|b=1"),
        ("127.0.0.1", "sid=; Max-Age=0|b=1"),
    ] {
        let request = format!("GET /api/x HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = exchange(server, request).await;
        assert_eq!(answer.all("set-cookie").join("|"), want, "{host}");
    }
}

#[tokio::test]
async fn a_move_is_within_what_is_mounted() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "/files").await;
    let moved = async |destination: &str| {
        let request = format!(
            "MOVE /api/a HTTP/1.1\r\nhost: app.example\r\nconnection: close\r\ndestination: {destination}\r\n\
             if: <http://app.example/api/a> (<opaquelocktoken:1>)\r\n\r\n"
        );
        exchange(server, request).await.status
    };
    assert_eq!(moved("http://app.example/api/b%20c").await, 200);
    let seen = upstream.one();
    assert_eq!(seen.target(), "/files/a");
    assert_eq!(seen.field("destination"), "/files/b%20c");
    assert_eq!(seen.field("if"), "</files/a> (<opaquelocktoken:1>)");
    assert_eq!(moved("/secret").await, 502);
    assert_eq!(moved("http://other.example/api/b").await, 502);
    assert_eq!(moved("/api/../secret").await, 400);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_move_behind_the_root_names_a_path_of_the_upstream() {
    let upstream = Upstream::ok().await;
    for preserve_host in [false, true] {
        let proxy = ReverseProxy::builder("/", upstream.url(""))
            .preserve_host(preserve_host)
            .trusted_proxies(["127.0.0.0/8".parse().unwrap()]);
        let server = serve(proxy.build().unwrap()).await;
        for (fields, destination, status) in [
            ("", "http://app.example/b", 200),
            (
                "x-forwarded-host: pub.example\r\nx-forwarded-proto: https\r\nx-forwarded-prefix: /outer\r\n",
                "https://pub.example/outer/b",
                200,
            ),
            ("", "http://other.example/b", 502),
            ("", "http://app.example/x/../../b", 400),
        ] {
            let before = upstream.seen().len();
            let request = format!(
                "MOVE /a HTTP/1.1\r\nhost: app.example\r\nconnection: close\r\n{fields}\
                 destination: {destination}\r\nif: <http://app.example/a> (<opaquelocktoken:1>)\r\n\r\n"
            );
            assert_eq!(
                exchange(server, request).await.status,
                status,
                "{destination}"
            );
            let seen = upstream.seen();
            assert_eq!(seen.len() - before, usize::from(status == 200));
            if status == 200 {
                let seen = seen.last().unwrap();
                assert_eq!(seen.field("destination"), "/b", "{destination}");
                let condition = match fields {
                    "" => "</a> (<opaquelocktoken:1>)",
                    // It names a host that is not the public one.
                    _ => "<http://app.example/a> (<opaquelocktoken:1>)",
                };
                assert_eq!(seen.field("if"), condition);
            }
        }
    }
}

#[tokio::test]
async fn fields_are_removed_and_set_both_ways() {
    let upstream = Upstream::start(|_| {
        reply(
            "server: up/1.0\r\nalt-svc: h3=\":443\"\r\nvary: accept\r\ncache-control: no-store\r\n\
             cache-control: private\r\n",
        )
    })
    .await;
    let proxy = ReverseProxy::builder("/api", upstream.url(""))
        .remove_request_headers(["Cookie", "X-Internal-User"])
        .set_request_headers([("X-Api-Key", "k")])
        .remove_response_headers(["Server"])
        .set_response_headers([("Cache-Control", "max-age=60"), ("vary", "Accept, cookie")])
        .build()
        .unwrap();
    let server = serve(proxy).await;
    let fields = "cookie: a=1\r\nx-api-key: mine\r\nx_api-key: mine\r\nX_Internal_User: root\r\n";
    let answer = get(server, "/api/x", fields).await;
    let seen = upstream.one();
    assert_eq!(seen.all("x-api-key"), ["k"]);
    for gone in ["cookie", "x_api-key", "x_internal_user"] {
        assert!(seen.all(gone).is_empty(), "{gone}: {seen:?}");
    }
    assert!(answer.all("server").is_empty() && answer.all("alt-svc").is_empty());
    assert_eq!(answer.all("cache-control"), ["max-age=60"]);
    assert_eq!(answer.all("vary").join(", "), "accept, cookie");
}

#[tokio::test]
async fn what_is_removed_from_heads_is_removed_from_trailers() {
    let upstream = Upstream::start(|_| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-secret, x-kept, x-set\r\n\r\n";
        let trailers = "x-secret: 1\r\nx-kept: 1\r\nx-set: up\r\n";
        format!("{head}2\r\nok\r\n0\r\n{trailers}\r\n").into_bytes()
    })
    .await;
    let proxy = ReverseProxy::builder("/api", upstream.url(""))
        .remove_response_headers(["X-Secret"])
        .set_response_headers([("x-set", "ours")])
        .build()
        .unwrap();
    let server = serve(proxy).await;
    let (mut client, connection) = h2::client::handshake(TcpStream::connect(server).await.unwrap())
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://a/api/x").body(()).unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    while body.data().await.transpose().unwrap().is_some() {}
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(trailers["x-kept"], "1");
    assert_eq!(trailers.len(), 1, "{trailers:?}");
}

#[tokio::test]
async fn a_loop_ends() {
    let upstream = Upstream::ok().await;
    let server = proxy_of(&upstream, "").await;
    for (passes, status) in [(8, 200), (9, 508)] {
        let via = vec!["1.1 same-origin"; passes].join(", ");
        let answer = get(server, "/api/x", &format!("via: {via}\r\n")).await;
        assert_eq!(answer.status, status, "{passes}");
    }
}

#[tokio::test]
async fn crumbs_are_one_cookie_before_they_are_counted() {
    let upstream = Upstream::ok().await;
    let stream = TcpStream::connect(proxy_of(&upstream, "").await);
    let (mut client, connection) = h2::client::handshake(stream.await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::get("http://a/api/x").body(()).unwrap();
    for index in 0..300 {
        let crumb = format!("c{index}=1").parse().unwrap();
        request.headers_mut().append("cookie", crumb);
    }
    let (response, _) = client.send_request(request, true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    let seen = upstream.one();
    assert_eq!(seen.field("cookie").split("; ").count(), 300);
}

#[tokio::test]
async fn the_origin_of_our_own_pages_is_the_upstreams_behind_a_guard() {
    let upstream = Upstream::ok().await;
    let own = format!("http://{}", upstream.address);
    let one = ReverseProxy::builder("/api", upstream.url("")).rewrite_origin(true);
    let hooked = one.clone().map_request(|parts| {
        let origin = "https://hook.example".parse().unwrap();
        parts.headers.insert("origin", origin);
    });
    let several = one.clone().upstreams([upstream.url("")]);
    let guard = Guard::builder()
        .trust(["https://partner.example"])
        .build()
        .unwrap();
    for (name, builder, guarded, origin, want) in [
        ("own", &one, true, "http://app.example", &*own),
        ("trusted", &one, true, "https://partner.example", &own),
        ("of a list", &several, true, "http://app.example", &own),
        (
            "the hook's",
            &hooked,
            true,
            "http://app.example",
            "https://hook.example",
        ),
        (
            "foreign",
            &one,
            true,
            "https://evil.example",
            "https://evil.example",
        ),
        (
            "no guard",
            &one,
            false,
            "http://app.example",
            "http://app.example",
        ),
    ] {
        let proxy = builder.build().unwrap();
        let server = if guarded {
            serve(GuardLayer::new(guard.clone()).layer(proxy)).await
        } else {
            serve(proxy).await
        };
        // A safe method passes any guard.
        let answer = get(server, "/api/x", &format!("origin: {origin}\r\n")).await;
        assert_eq!(answer.status, 200, "{name}");
        let seen = upstream.seen().pop().unwrap();
        assert_eq!(seen.field("origin"), want, "{name}");
    }
    let server = serve(one.build().unwrap()).await;
    get(server, "/api/x", "").await;
    assert!(upstream.seen().pop().unwrap().all("origin").is_empty());
    let mixed = one.upstreams(["http://a.example", "https://b.example"]);
    let errors = mixed.build_with_client(()).unwrap_err();
    assert_eq!(errors.iter().next().unwrap().key(), "rewrite_origin");
}

#[tokio::test]
async fn an_application_in_nests_says_its_public_prefix_once() {
    let upstream = application().await;
    let proxy = ReverseProxy::builder("/v1/api", upstream.url("/base"))
        .forwarding([ForwardingField::XForwardedPrefix])
        .build()
        .unwrap();
    let inner = axum::Router::new().nest_service("/api", proxy);
    let app = axum::Router::new().nest("/v1", inner);
    let request = http::Request::get("/v1/api/x")
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = tower::ServiceExt::oneshot(app, request).await.unwrap();
    assert_eq!(upstream.one().target(), "/base/x");
    assert_eq!(answer.headers()["location"], "/v1/api/login");
    assert_eq!(answer.headers()["set-cookie"], "sid=1; Path=/v1/api/a");
}
