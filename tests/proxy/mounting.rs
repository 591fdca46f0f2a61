//! Places of the proxy: in axum under a nest, a route or the fallback; in bare hyper.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use http::{Request, Response, Uri};
use same_origin::proxy::{Body, Peer, ReverseProxy};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Upstream, exchange, get};

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

#[tokio::test]
async fn a_nest_strips_nothing_twice() {
    let upstream = Upstream::ok().await;
    let api = ReverseProxy::new("/api", upstream.url("/base")).unwrap();
    let router = Router::new().nest_service("/api", api);
    let server = serve(router).await;
    for (target, want) in [
        ("/api/x?y", "/base/x?y"),
        ("/api/api/x", "/base/api/x"),
        ("/api", "/base"),
        ("/api/", "/base/"),
        ("/api//x", "/base//x"),
    ] {
        assert_eq!(get(server, target, "").await.status, 200, "{target}");
        let seen = upstream.seen();
        let seen = seen.last().unwrap();
        assert_eq!(seen.target(), want);
        assert_eq!(seen.field("x-forwarded-for"), "127.0.0.1");
    }
    assert_eq!(get(server, "/apix", "").await.status, 404);
}

/// Below every kind of nest a path is what it is without one: byte for byte, or outside of the prefix.
#[tokio::test]
async fn a_nest_leaves_the_slashes_alone() {
    let told = service_fn(async |request: Request<Body>| {
        let told = Body::from(request.uri().to_string());
        Ok::<_, Infallible>(Response::new(told))
    });
    let proxy = |prefix: &str| {
        let builder = ReverseProxy::builder(prefix, "http://up.example/base");
        builder.build_with_client(told).unwrap()
    };
    let (api, v1, whole) = (proxy("/api"), proxy("/v1/api"), proxy("/"));
    let nest = |path: &str, inner: Router| Router::new().nest(path, inner);
    let service = |path: &str, inner: Router| Router::new().nest_service(path, inner);
    let routes = Router::new().route_service("/{*rest}", api.clone());
    let routes = routes.route_service("/", api.clone());
    let below = |path: &str| Router::new().nest_service(path, v1.clone());
    let all = |path: &str| Router::new().nest_service(path, whole.clone());
    let routers = [
        (&api, Router::new().nest_service("/api", api.clone())),
        (&api, Router::new().nest_service("/api/", api.clone())),
        (&api, nest("/api", routes.clone())),
        (&api, nest("/api/", routes)),
        (&v1, nest("/v1", below("/api"))),
        (&v1, nest("/v1/", below("/api/"))),
        (&v1, nest("/{v}", below("/api/"))),
        (&v1, service("/v1", below("/api"))),
        (&v1, service("/v1/", below("/api"))),
        (&v1, service("/v1/", below("/api/"))),
        (&whole, all("/v1")),
        (&whole, all("/v1/")),
        (&whole, service("/v1", all("/api"))),
        (&whole, service("/v1/", all("/api/"))),
    ];
    let ask = async |router: Router, uri: &str| {
        let request = Request::get(uri).body(axum::body::Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let told = axum::body::to_bytes(answer.into_body(), 1000).await;
        (status, String::from_utf8(told.unwrap().to_vec()).unwrap())
    };
    let mut answered = 0;
    for prefix in ["/api", "/v1/api", "/v1//api", "/v1///api", "/v1////api"] {
        for rest in [
            "", "/", "//", "///", "////", "/a", "//a", "///a", "////a", "/a//b/", "//a///",
            "/api//a", "//?x=/", "//%2f/a",
        ] {
            let uri = format!("{prefix}{rest}");
            for (number, (bare, nested)) in routers.iter().enumerate() {
                let bare = Router::new().fallback_service((*bare).clone());
                let (bare, nested) = (ask(bare, &uri).await, ask(nested.clone(), &uri).await);
                let is_answered = nested.0 == 200;
                assert!(!is_answered || nested == bare, "{uri} {number}: {nested:?}");
                answered += u32::from(is_answered);
            }
        }
    }
    assert_eq!(answered, 313);
}

// RFC 9110 8.6: not 0, which axum takes from a body that is known to be empty.
#[tokio::test]
async fn in_a_handler_a_head_or_a_304_without_a_length_gets_none() {
    let upstream = Upstream::start(|seen| match seen.target() {
        "/known" => b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n".to_vec(),
        "/length" => b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
    });
    let upstream = upstream.await;
    let api = ReverseProxy::new("/api", upstream.url("")).unwrap();
    let handler = move |request: axum::extract::Request| api.oneshot(request);
    let server = serve(Router::new().fallback(handler)).await;
    let ask = |method: &str, path: &str| {
        let head =
            format!("{method} /api{path} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n");
        exchange(server, head)
    };
    for (method, path, want) in [
        ("HEAD", "/chunked", &[][..]),
        ("HEAD", "/length", &["9"]),
        ("GET", "/known", &[]),
    ] {
        let answer = ask(method, path).await;
        assert_eq!(answer.all("content-length"), want, "{method} {path}");
    }
}

#[tokio::test]
async fn what_a_layer_inside_a_nest_changes_is_changed() {
    let upstream = Upstream::ok().await;
    let api = ReverseProxy::new("/api", upstream.url("/base")).unwrap();
    // Takes a secret out of the query, and renames a path.
    let layer = tower::util::MapRequestLayer::new(|mut request: axum::extract::Request| {
        *request.uri_mut() = match request.uri().path() {
            "/old" => Uri::from_static("/new?kept"),
            "/v1/y" => Uri::from_static("/y"),
            "/admin" => Uri::from_static("/"),
            path => path.parse().unwrap(),
        };
        request
    });
    let router = Router::new().nest_service("/api", layer.layer(api));
    let server = serve(router).await;
    for (target, want) in [
        ("/api/x?token=secret", "/base/x"),
        ("/api/x", "/base/x"),
        ("/api?token=secret", "/base"),
        ("/api/old", "/base/new?kept"),
        ("/api/v1/y", "/base/y"),
        ("/api/admin", "/base/"),
        ("/api/", "/base/"),
        ("/api", "/base"),
    ] {
        assert_eq!(get(server, target, "").await.status, 200, "{target}");
        assert_eq!(upstream.seen().last().unwrap().target(), want, "{target}");
    }
}

#[tokio::test]
async fn what_a_layer_around_or_between_nests_changes_is_changed() {
    let upstream = Upstream::ok().await;
    let renamed = |from: &'static str, to: &'static str| {
        tower::util::MapRequestLayer::new(move |mut request: axum::extract::Request| {
            let uri = request.uri().to_string().replace(from, to);
            *request.uri_mut() = uri.parse().unwrap();
            request
        })
    };
    let proxy = |prefix| ReverseProxy::new(prefix, upstream.url("/base")).unwrap();
    let around = Router::new().nest_service("/api", proxy("/api"));
    let inner = Router::new().nest_service("/api", proxy("/v1/api"));
    let between = Router::new().nest("/v1", inner.layer(renamed("old", "new")));
    let tenant = Router::new().nest_service("/t/{tenant}", proxy("/t"));
    let router = around
        .layer(renamed("x/", "x"))
        .merge(between)
        .merge(tenant.layer(renamed("secret", "open")));
    let server = serve(router).await;
    for (target, want) in [
        ("/api/x/", "/base/x"),
        ("/v1/api/old/x", "/base/new/x"),
        ("/t/one/x?secret", "/base/one/x?open"),
        ("/t/one", "/base/one"),
    ] {
        assert_eq!(get(server, target, "").await.status, 200, "{target}");
        assert_eq!(upstream.seen().last().unwrap().target(), want, "{target}");
    }
}

#[tokio::test]
async fn a_nest_in_a_nest_has_the_whole_public_prefix() {
    let upstream = Upstream::ok().await;
    let api = ReverseProxy::new("/v1/api", upstream.url("")).unwrap();
    let router = Router::new().nest("/v1", Router::new().nest_service("/api", api));
    let server = serve(router).await;
    assert_eq!(get(server, "/v1/api/x", "").await.status, 200);
    assert_eq!(upstream.one().target(), "/x");
}

/// As the documentation of `trusted_proxies` has it.
#[tokio::test]
async fn a_peer_is_trusted_if_the_server_says_who_it_is() {
    let upstream = Upstream::ok().await;
    let api = ReverseProxy::builder("/", upstream.url(""))
        .trusted_proxies(["127.0.0.0/8".parse().unwrap()])
        .build()
        .unwrap();
    let app = Router::new().fallback_service(api);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let unknown = listener.local_addr().unwrap();
    let known = serve(app.clone()).await;
    tokio::spawn(async move { axum::serve(listener, app).await });
    let claim = "x-forwarded-proto: https\r\n";
    for (server, proto, address) in [(unknown, "http", &[][..]), (known, "https", &["127.0.0.1"])] {
        get(server, "/", claim).await;
        let seen = upstream.seen();
        let seen = seen.last().unwrap();
        assert_eq!(seen.field("x-forwarded-proto"), proto);
        assert_eq!(seen.all("x-forwarded-for"), address);
    }
}

#[tokio::test]
async fn a_route_and_the_fallback_keep_the_path() {
    let (api, rest) = (Upstream::ok().await, Upstream::ok().await);
    let router = Router::new()
        .route_service(
            "/api/{*rest}",
            ReverseProxy::new("/api", api.url("/base")).unwrap(),
        )
        .fallback_service(ReverseProxy::new("/", rest.url("")).unwrap());
    let server = serve(router).await;
    get(server, "/api/x", "").await;
    get(server, "/else?where", "").await;
    assert_eq!(api.one().target(), "/base/x");
    assert_eq!(rest.one().target(), "/else?where");
}

/// RFC 9112 3.2 demands a host of a client. A request that no client has sent, as axum's own tests write it,
/// may do without.
#[tokio::test]
async fn a_request_of_the_program_itself_needs_no_host() {
    let upstream = Upstream::ok().await;
    let api = ReverseProxy::new("/api", upstream.url("/base")).unwrap();
    let app = Router::new().nest_service("/api", api);
    let ask = async |peer: Option<Peer>, uri: &str, host: Option<&str>| {
        let mut request = Request::get(uri).body(axum::body::Body::empty()).unwrap();
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        if let Some(host) = host {
            request.headers_mut().insert("host", host.parse().unwrap());
        }
        app.clone()
            .oneshot(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(ask(None, "/api/items", None).await, 200);
    let seen = upstream.one();
    assert_eq!(seen.field("host"), upstream.address.to_string());
    assert!(seen.all("x-forwarded-host").is_empty());
    // What is there has to be a host, and a client has to name one.
    assert_eq!(ask(None, "/api/items", Some("a b")).await, 400);
    let peer = || Some(Peer::new(([192, 0, 2, 1], 4711).into()));
    assert_eq!(ask(peer(), "/api/items", None).await, 400);
    assert_eq!(ask(peer(), "http://a.example/api/items", None).await, 200);
}
