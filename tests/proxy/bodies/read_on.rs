//! An upstream that answers early and reads on: until it has the whole request, that takes what it took before.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use same_origin::proxy::{Limits, ReverseProxy, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Answer, get, serve};

const HEAD: &str = "POST /api/x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n";
/// The number of streams that the upstream takes of one connection.
const STREAMS: u32 = 3;

/// Counts of an upstream's uploads, and of its connections.
#[derive(Default)]
struct Seen {
    uploads: AtomicUsize,
    connections: AtomicUsize,
}

/// An upstream of both protocols that answers each request at once, and reads on.
async fn upstream() -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::<Seen>::default();
    let all = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            all.connections.fetch_add(1, Ordering::Relaxed);
            let all = Arc::clone(&all);
            let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
                let all = Arc::clone(&all);
                all.uploads.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let _ = request.into_body().collect().await;
                    all.uploads.fetch_sub(1, Ordering::Relaxed);
                });
                let body = Full::new(Bytes::from_static(b"ok"));
                std::future::ready(Ok::<_, Infallible>(Response::new(body)))
            });
            tokio::spawn(async move {
                let mut server = auto::Builder::new(TokioExecutor::new());
                server.http2().max_concurrent_streams(STREAMS);
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    (address, seen)
}

/// A proxy whose requests wait for a moment.
async fn proxy_of(url: String, limits: Limits) -> SocketAddr {
    let timeouts = Timeouts::default()
        .connect(Duration::from_millis(300))
        .response(Duration::from_secs(3));
    let proxy = ReverseProxy::builder("/api", url).limits(limits.connection_share(1.0));
    serve(proxy.timeouts(timeouts).build().unwrap()).await
}

/// An upload that is answered and not over.
async fn upload(server: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(server).await.unwrap();
    client.write_all(HEAD.as_bytes()).await.unwrap();
    client.write_all(b"1").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok") {
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
    }
    assert_eq!(Answer::parse(&answer).status, 200);
    client
}

/// How an upload ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Whole,
    ClientGoes,
}

#[tokio::test]
async fn an_upload_has_its_place_until_it_is_over() {
    let whole = Limits::default().in_flight(1).client_share(1.0);
    let share = Limits::default().in_flight(2).client_share(0.5);
    for scheme in ["http", "h2c"] {
        for (limits, refused) in [(&whole, 503), (&share, 429)] {
            for end in [End::Whole, End::ClientGoes] {
                let (address, seen) = upstream().await;
                let server = proxy_of(format!("{scheme}://{address}"), limits.clone()).await;
                let mut client = upload(server).await;
                let name = format!("{scheme}, {refused}, {end:?}");
                let status = get(server, "/api/x", "").await.status;
                assert_eq!(status, refused, "{name}");
                match end {
                    End::Whole => client.write_all(b"2345").await.unwrap(),
                    End::ClientGoes => drop(client),
                }
                for _ in 0..3 {
                    assert_eq!(get(server, "/api/x", "").await.status, 200, "{name}");
                }
                while seen.uploads.load(Ordering::Relaxed) > 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    }
}

/// RFC 9113 5.1.2: a stream counts until both of its sides have ended.
#[tokio::test]
async fn no_request_waits_for_a_stream_that_an_upload_has() {
    let (address, seen) = upstream().await;
    let limits = Limits::default().client_share(1.0);
    let server = proxy_of(format!("h2c://{address}"), limits).await;
    // The settings are known.
    assert_eq!(get(server, "/api/x", "").await.status, 200);
    let mut clients = Vec::new();
    for count in 1..=2 * STREAMS as usize {
        clients.push(upload(server).await);
        assert_eq!(get(server, "/api/x", "").await.status, 200, "{count}");
    }
    assert_eq!(seen.connections.load(Ordering::Relaxed), 3);
    for mut client in clients {
        client.write_all(b"2345").await.unwrap();
    }
    while seen.uploads.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    upload(server).await;
    assert_eq!(seen.connections.load(Ordering::Relaxed), 3);
}
