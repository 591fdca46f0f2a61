//! Clients that take what others share with them: a connection to an upstream, a worker, memory.

use crate::support::{get, serve};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use same_origin::proxy::ReverseProxy;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

/// Until when everything has ended by itself; never how long it should take.
const AT_ALL: Duration = Duration::from_secs(30);

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// How many blocks were asked for, of all answers without end.
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
