//! Between a proxy and its upstream: real connections, and bytes as upstreams send them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Request;
use same_origin::cache::{Cache, Cached, Outcome};
use same_origin::proxy::{Client, ProxyBuilder, ReverseProxy, ServiceTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::support::{Got, get, request};

/// An upstream that answers with given bytes, the last ones again and again, and closes if they end a connection.
struct Upstream {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    listening: tokio::task::AbortHandle,
}

/// Nobody listens there any more.
impl Drop for Upstream {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Upstream {
    async fn start(answer: &'static str) -> Self {
        Self::of(vec![answer]).await
    }

    async fn of(answers: Vec<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heads);
        let answers = Arc::new(answers);
        let listening = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while stream.read_buf(&mut head).await.unwrap_or(0) > 0 {
                        if head.ends_with(b"\r\n\r\n") {
                            let text = String::from_utf8_lossy(&head).into_owned();
                            let number = {
                                let mut log = log.lock().unwrap();
                                log.push(text);
                                log.len().min(answers.len()) - 1
                            };
                            let answer = answers[number];
                            head.clear();
                            stream.write_all(answer.as_bytes()).await.unwrap();
                            if answer.contains("x-closes") {
                                return;
                            }
                        }
                    }
                });
            }
        });
        let listening = listening.abort_handle();
        Self {
            address,
            heads,
            listening,
        }
    }

    fn builder(&self) -> ProxyBuilder {
        ReverseProxy::builder("/api", format!("http://{}/base", self.address))
    }

    fn asked(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

fn cached(builder: &ProxyBuilder) -> (Cache, ReverseProxy<ServiceTransport<Cached<Client>>>) {
    let cache = Cache::builder().build().unwrap();
    let proxy = builder.build_with_layer(&cache.layer()).unwrap();
    (cache, proxy)
}

async fn ask(
    proxy: &ReverseProxy<ServiceTransport<Cached<Client>>>,
    request: Request<Body>,
) -> Got {
    let response = proxy.clone().oneshot(request).await.unwrap();
    Got::of(response).await
}

const HOST: (&str, &str) = ("host", "app.example");

#[tokio::test]
async fn a_proxied_answer_comes_from_memory_as_it_came_from_the_upstream() {
    let upstream = Upstream::start(
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\
         location: /base/x\r\nconnection: x-hop\r\nx-hop: 1\r\nx-two: 1\r\nx-two: 2\r\n\r\n\
         4\r\nbody\r\n0\r\nx-sum: 7\r\n\r\n",
    )
    .await;
    let (cache, proxy) = cached(&upstream.builder());
    let first = ask(&proxy, get("/api/x?y=1", &[HOST])).await;
    let second = ask(&proxy, get("/api/x?y=1", &[HOST])).await;
    assert_eq!(
        (first.outcome, second.outcome),
        (Some(Outcome::Miss), Some(Outcome::Hit))
    );
    for got in [&first, &second] {
        assert_eq!(got.text(), "body");
        assert_eq!(got.trailers.as_ref().unwrap()["x-sum"], "7");
        assert_eq!(got.field("location"), Some("/api/x"));
        assert_eq!(got.headers.get_all("x-two").iter().count(), 2);
        assert_eq!(got.field("x-hop"), None);
        assert_eq!(got.field("via"), Some("1.1 same-origin"));
    }
    assert_eq!(upstream.asked(), 1);
    assert_eq!(cache.purge("/base/x"), 1);
    ask(&proxy, get("/api/x?y=1", &[HOST])).await;
    assert_eq!(upstream.asked(), 2);
}

/// A layer outside may have put something around it that does not say so.
#[tokio::test]
async fn a_body_that_turns_out_to_be_empty_is_none() {
    let upstream = Upstream::start(
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 4\r\n\r\nbody",
    );
    let upstream = upstream.await;
    let (_, proxy) = cached(&upstream.builder());
    for (content, outcome) in [
        (None, Outcome::Miss),
        (None, Outcome::Hit),
        (Some(Ok::<_, std::io::Error>("x")), Outcome::Bypass),
    ] {
        let body = Body::from_stream(futures_util::stream::iter(content));
        let got = ask(&proxy, get("/api/x", &[HOST]).map(|_| body)).await;
        assert_eq!(got.outcome, Some(outcome));
    }
}

/// The conditions that a cache sends one upstream are its own, and not for the next upstream.
#[tokio::test]
async fn a_request_that_goes_to_another_upstream_goes_as_its_client_sent_it() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\ncache-control: max-age=0\r\netag: \"a\"\r\ncontent-length: 4\r\nx-closes: 1\r\n\r\ngood";
    let (a, b) = (Upstream::start(ANSWER).await, Upstream::start(ANSWER).await);
    let urls = [&a, &b].map(|upstream| format!("http://{}", upstream.address));
    let builder = ReverseProxy::builder("/api", "").upstreams(urls);
    let (cache, proxy) = cached(&builder);
    let mut of_a = Vec::new();
    for number in 0..40 {
        let (target, asked) = (format!("/api/{number}"), a.asked());
        ask(&proxy, get(&target, &[HOST])).await;
        if a.asked() > asked {
            of_a.push(target);
        }
    }
    drop(a);
    let asked = b.asked();
    for target in &of_a {
        // Each knows nothing of the failures before, and tries the first one half of the time.
        let proxy = builder.build_with_layer(&cache.layer()).unwrap();
        let got = ask(&proxy, get(target, &[HOST])).await;
        assert_eq!((got.status.as_u16(), got.text()), (200, "good"));
    }
    let heads = b.heads.lock().unwrap();
    let of_cache = heads[asked..]
        .iter()
        .filter(|head| head.contains("if-none-match"));
    assert_eq!(of_cache.count(), 0, "of {}", of_a.len());
}

#[tokio::test]
async fn a_body_whose_end_nobody_can_tell_from_a_cut_is_not_stored() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nx-closes: 1\r\n\r\nbody",
        "HTTP/1.0 200 OK\r\ncache-control: max-age=60\r\nx-closes: 1\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: close\r\nx-closes: 1\r\n\r\nbody",
    ] {
        let upstream = Upstream::start(answer).await;
        let (_, proxy) = cached(&upstream.builder());
        for _ in 0..2 {
            let got = ask(&proxy, get("/api/x", &[HOST])).await;
            assert_eq!(
                (got.text(), got.outcome),
                ("body", Some(Outcome::Miss)),
                "{answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_cut_body_is_an_error_and_is_not_stored() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 9\r\nx-closes: 1\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\nx-closes: 1\r\n\r\n4\r\nbody\r\n",
    ] {
        let upstream = Upstream::start(answer).await;
        let (cache, proxy) = cached(&upstream.builder());
        let response = proxy.clone().oneshot(get("/api/x", &[HOST])).await.unwrap();
        let read = http_body_util::BodyExt::collect(response.into_body()).await;
        assert!(read.is_err());
        assert_eq!(cache.stats().stored, 0);
    }
}

#[tokio::test]
async fn a_stored_answer_stands_in_for_one_that_is_cut_at_its_beginning() {
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nx-closes: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-closes: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-closes: 1\r\n\r\nzz\r\n",
    ] {
        let good = "HTTP/1.1 200 OK\r\ncache-control: max-age=0, stale-if-error=60\r\ncontent-length: 4\r\n\r\ngood";
        let upstream = Upstream::of(vec![good, cut]).await;
        let (_, proxy) = cached(&upstream.builder());
        for outcome in [Outcome::Miss, Outcome::Stale, Outcome::Stale] {
            let got = ask(&proxy, get("/api/x", &[HOST])).await;
            assert_eq!((got.text(), got.outcome), ("good", Some(outcome)), "{cut}");
        }
        assert_eq!(upstream.asked(), 3);
    }
}

#[tokio::test]
async fn what_the_proxy_answers_itself_is_neither_looked_up_nor_stored() {
    let upstream = Upstream::start("nonsense").await;
    let (cache, proxy) = cached(&upstream.builder());
    for (target, status) in [
        ("/other", 404),
        ("/api/%2e%2e/secret", 400),
        ("/api/x", 502),
        ("/api/x", 502),
    ] {
        let got = ask(&proxy, get(target, &[HOST])).await;
        assert_eq!(got.status, status, "{target}");
        assert_eq!(got.outcome, None, "{target}");
    }
    let stats = cache.stats();
    assert_eq!((stats.stored, stats.hits), (0, 0));
}

#[tokio::test]
async fn the_public_host_is_in_the_key_by_what_the_upstream_is_told_of_it() {
    let upstream = Upstream::start(
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let (_, proxy) = cached(&upstream.builder());
    for (host, outcome) in [
        ("a.example", Outcome::Miss),
        ("b.example", Outcome::Miss),
        ("a.example", Outcome::Hit),
    ] {
        let got = ask(&proxy, get("/api/x", &[("host", host)])).await;
        assert_eq!(got.outcome, Some(outcome), "{host}");
    }
    // A claim that the proxy replaces is nobody's.
    let fields = [
        ("host", "a.example"),
        ("x-forwarded-host", "evil"),
        ("forwarded", "host=evil"),
    ];
    assert_eq!(
        ask(&proxy, get("/api/x", &fields)).await.outcome,
        Some(Outcome::Hit)
    );
}

#[tokio::test]
async fn an_unsafe_request_changes_what_all_upstreams_of_a_list_have_said() {
    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\nok";
    let (one, two) = (Upstream::start(ANSWER).await, Upstream::start(ANSWER).await);
    let urls = [&one, &two].map(|upstream| format!("http://{}", upstream.address));
    let (cache, proxy) = cached(&ReverseProxy::builder("/api", "http://unused").upstreams(urls));
    for _ in 0..50 {
        ask(&proxy, get("/api/x", &[HOST])).await;
    }
    assert_eq!(cache.stats().stored, 2);
    ask(&proxy, request("POST", "/api/x", &[HOST])).await;
    for _ in 0..50 {
        ask(&proxy, get("/api/x", &[HOST])).await;
    }
    assert_eq!(cache.stats().stored, 4);
}
