//! Requests to the client whose URI names no server that it speaks to.

use std::error::Error;

use http::{Request, Uri};
use same_origin::proxy::{Body, Client, ProxyError, ProxyErrorKind, ReverseProxy};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::support::{Upstream, get, serve};

/// `wss` in plain text would show what is meant to be secret.
#[tokio::test]
async fn a_client_speaks_http_and_nothing_else() {
    let upstream = Upstream::ok().await;
    let mut client = Client::new().unwrap();
    for (scheme, is_spoken) in [
        ("wss", false),
        ("http", true),
        // Now there is a connection.
        ("ws", false),
        ("wss", false),
        ("ftp", false),
        ("HTTP", true),
    ] {
        let uri = format!("{scheme}://{}/x", upstream.address);
        let request = Request::get(uri).header("authorization", "Bearer secret");
        let answer = client.call(request.body(Body::empty()).unwrap()).await;
        let kind = answer.err().map(|error| (error.kind(), error.was_sent()));
        let refused = (!is_spoken).then_some((ProxyErrorKind::UnsendableRequest, false));
        assert_eq!(kind, refused, "{scheme}");
    }
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn a_uri_that_names_no_server_is_told_without_its_secrets() {
    let mut client = Client::new().unwrap();
    let long = "x".repeat(300);
    let cut = format!("/{}…", &long[..199]);
    for (uri, shown) in [
        ("/x?secret", "/x"),
        ("ftp://me:secret@a.example/x?secret", "ftp://a.example/x"),
        ("http://a.example:0/x?secret", "http://a.example:0/x"),
        ("http://a.example:65536/x", "http://a.example:65536/x"),
        ("a.example:80", "a.example:80"),
        ("*", "*"),
        ("/é", "/\\xc3\\xa9"),
        (&format!("/{long}"), &cut),
    ] {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse().unwrap();
        let refused = client.call(request).await.unwrap_err();
        let (error, request) = refused.into_parts();
        assert_eq!(*request.unwrap().uri(), uri);
        let cause = error.source().unwrap().to_string();
        let told = format!(
            "the client takes absolute http and https URIs, of a port above 0; this one is {shown}"
        );
        assert_eq!(cause, told);
        assert_eq!(
            error.to_string(),
            "the request that the program has made cannot be sent"
        );
    }
}

/// No browser is to blame for a layer.
#[tokio::test]
async fn a_layer_that_makes_a_uri_relative_is_at_fault() {
    let upstream = Upstream::ok().await;
    let relative = |mut request: Request<Body>| {
        let target = request.uri().path_and_query().cloned().unwrap();
        *request.uri_mut() = Uri::from(target);
        request
    };
    let layer = ServiceBuilder::new().map_request(relative).into_inner();
    let proxy = ReverseProxy::builder("/api", upstream.url(""));
    let proxy = proxy.build_with_layer(&layer).unwrap();
    let answer = get(serve(proxy.clone()).await, "/api/x", "").await;
    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.all("proxy-status"),
        ["same-origin; error=proxy_internal_error"]
    );
    let request = Request::get("/api/x").body(Body::empty()).unwrap();
    let answer = proxy.oneshot(request).await.unwrap();
    let error = answer.extensions().get::<ProxyError>().unwrap();
    assert_eq!(error.kind(), ProxyErrorKind::UnsendableRequest);
    assert!(!error.was_sent());
    assert!(upstream.seen().is_empty());
}
