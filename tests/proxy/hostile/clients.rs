//! Clients that take what others share with them: a connection to an upstream, a worker, memory.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use same_origin::proxy::{Limits, ReverseProxy, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use crate::support::{get, serve};

/// Until when everything has ended by itself; never how long it should take.
const AT_ALL: Duration = Duration::from_secs(30);

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The number of blocks that were asked for, of all answers without end.
static BLOCKS: AtomicUsize = AtomicUsize::new(0);

/// An upstream of HTTP/2 whose answers have no end, but for `/good`. Tells when one is given up.
async fn endless() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    struct Tell(mpsc::UnboundedSender<()>);
    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    let answer = move |request: Request<Incoming>| {
        let tell = tell.clone();
        async move {
            if request.uri().path() == "/wait" {
                let _ = request.into_body().collect().await;
                return Ok::<Reply, Infallible>(Response::new(Full::from("ok").boxed_unsync()));
            }
            if request.uri().path() == "/good" {
                return Ok::<Reply, Infallible>(Response::new(Full::from("ok").boxed_unsync()));
            }
            let tell = Tell(tell);
            let blocks = futures_util::stream::repeat_with(move || {
                let _ = &tell;
                BLOCKS.fetch_add(1, Ordering::Relaxed);
                Ok(Frame::data(Bytes::from_static(&[0; 16_384])))
            });
            Ok(Response::new(StreamBody::new(blocks).boxed_unsync()))
        }
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper::service::service_fn(answer.clone());
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, told)
}

/// A client that asks and never reads.
async fn asks_and_never_reads(server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server).await.unwrap();
    let request = b"GET /api/endless HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    // There is an answer, which has begun.
    stream.read_u8().await.unwrap();
    stream
}

#[tokio::test]
async fn who_does_not_read_keeps_nobody_from_a_shared_connection() {
    let (upstream, mut given_up) = endless().await;
    let proxy = ReverseProxy::new("/api", format!("h2c://{upstream}")).unwrap();
    let server = serve(proxy).await;
    let mut clients = Vec::new();
    for _ in 0..150 {
        clients.push(asks_and_never_reads(server).await);
    }
    // Until what they do not take has filled every buffer on the way.
    let mut before = 0;
    while BLOCKS.load(Ordering::Relaxed) > before {
        before = BLOCKS.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for _ in 0..20 {
        let good = tokio::time::timeout(AT_ALL, get(server, "/api/good", "")).await;
        assert_eq!(good.expect("it waits behind the others").status, 200);
    }
    let count = clients.len();
    drop(clients);
    for _ in 0..count {
        let told = tokio::time::timeout(AT_ALL, given_up.recv()).await;
        told.expect("an answer is sent to nobody");
    }
}

/// A connection of HTTP/2 from an address of the loopback network.
async fn http2_from(
    address: &str,
    server: SocketAddr,
) -> hyper::client::conn::http2::SendRequest<Channel<Bytes, Infallible>> {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    let stream = TokioIo::new(socket.connect(server).await.unwrap());
    // No window for answers beyond what every client has.
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// An upstream that answers when a body is here as a whole, with so many bytes.
async fn patient(answer: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service =
                hyper::service::service_fn(move |request: Request<Incoming>| async move {
                    let _ = request.into_body().collect().await;
                    let body = Full::new(Bytes::from(vec![b'x'; answer]));
                    Ok::<_, Infallible>(Response::new(body))
                });
            let http1 = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http1.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

const PLACES: usize = 64;

async fn limited(upstream: SocketAddr, limits: Limits, timeouts: Timeouts) -> SocketAddr {
    let proxy = ReverseProxy::builder("/api", format!("http://{upstream}"));
    let timeouts = timeouts.connect(Duration::from_millis(500));
    let proxy = proxy.limits(limits.in_flight(PLACES)).timeouts(timeouts);
    serve(proxy.build().unwrap()).await
}

/// Status of the answers to a client at an address of its own.
async fn good(server: SocketAddr, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(get(server, "/api/good", "").await.status);
    }
    statuses
}

/// Uploads that go on with a byte now and then, from six connections of one address, take what they can.
async fn drip(server: SocketAddr) -> Vec<Sender<Bytes, Infallible>> {
    let mut uploads = Vec::new();
    for _ in 0..6 {
        let mut connection = http2_from("127.0.0.2", server).await;
        for _ in 0..25 {
            let (mut bytes, body) = Channel::new(4);
            bytes.send_data(Bytes::from_static(b"x")).await.unwrap();
            let request = Request::post("http://app.example/api/upload").body(body);
            connection.ready().await.unwrap();
            tokio::spawn(connection.send_request(request.unwrap()));
            uploads.push(bytes);
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    uploads
}

#[tokio::test]
async fn one_client_does_not_take_an_upstream_from_the_others() {
    let upstream = patient(2).await;
    let server = limited(upstream, Limits::default(), Timeouts::default()).await;
    let _uploads = drip(server).await;
    assert_eq!(good(server, 30).await, [200; 30]);
    // It is the share that does it.
    let whole = Limits::default().client_share(1.0).connection_share(1.0);
    let server = limited(upstream, whole, Timeouts::default()).await;
    let _uploads = drip(server).await;
    assert_eq!(good(server, 1).await, [503]);
}

/// More than a client of HTTP/2 has room for by default.
const ANSWER: usize = 3_000_000;

#[tokio::test]
async fn answers_that_nobody_takes_give_their_places_back() {
    let whole = Limits::default().client_share(1.0).connection_share(1.0);
    let timeouts = Timeouts::default().client(Duration::from_secs(2));
    let server = limited(patient(ANSWER).await, whole, timeouts).await;
    let mut taken = Vec::new();
    for _ in 0..2 {
        let mut connection = http2_from("127.0.0.2", server).await;
        for _ in 0..PLACES / 2 {
            let (_, body) = Channel::new(1);
            let request = Request::post("http://app.example/api/x")
                .body(body)
                .unwrap();
            connection.ready().await.unwrap();
            taken.push(connection.send_request(request).await.unwrap());
        }
    }
    assert_eq!(good(server, 1).await, [503]);
    let begun = std::time::Instant::now();
    while good(server, 1).await != [200] {
        assert!(begun.elapsed() < AT_ALL);
    }
    let read = taken.into_iter().map(|answer| answer.into_body().collect());
    let read = tokio::time::timeout(AT_ALL, futures_util::future::join_all(read)).await;
    let mut cut = 0;
    for answer in read.unwrap() {
        match answer {
            Ok(answer) => assert_eq!(answer.to_bytes().len(), ANSWER),
            Err(_) => cut += 1,
        }
    }
    // A client has room for a few. What it did not take is cut, and not taken for complete.
    assert!(cut > 0);
}

/// An upload that stops is ended with 408, whatever the upstream speaks; one whose upstream is slow is not.
#[tokio::test]
async fn an_upload_that_stops_is_ended() {
    let upstream = patient(2).await;
    let (h2c, _given_up) = endless().await;
    let timeouts = || Timeouts::default().client(Duration::from_millis(500));
    for upstream in [format!("http://{upstream}"), format!("h2c://{h2c}")] {
        let proxy = ReverseProxy::builder("/api", &upstream).timeouts(timeouts());
        let server = serve(proxy.build().unwrap()).await;
        let mut stream = TcpStream::connect(server).await.unwrap();
        let head = "POST /api/wait HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 9\r\n\r\nbegun";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(AT_ALL, stream.read_to_end(&mut answer)).await;
        read.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{upstream}: {answer}");
    }
}
