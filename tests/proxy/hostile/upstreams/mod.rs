//! Upstreams that break the protocol, or keep to its letter and do harm: each exchange ends, the
//! connection is given up, and who asks for something else beside it is served.

mod bodies;
mod heads;
mod tunnels;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use same_origin::proxy::{ReverseProxy, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::{Answer, get, reply, serve};

/// Until when everything has ended by itself; never how long it should take.
const AT_ALL: Duration = Duration::from_secs(30);

/// A proxy of an upstream that answers `/good` as it should, and does with the connection of any other
/// request what it likes.
struct Hostile {
    server: SocketAddr,
    /// The bytes that were written on each connection that the proxy has ended.
    ended: mpsc::UnboundedReceiver<usize>,
}

impl Hostile {
    /// `bad` gives how much it wrote.
    async fn start<F>(bad: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = usize> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, ended) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (bad, tell) = (bad.clone(), tell.clone());
                tokio::spawn(async move {
                    while let Some(head) = head(&mut stream).await {
                        if !head.contains(" /good ") {
                            let _ = tell.send(bad(stream).await);
                            return;
                        }
                        if stream.write_all(&reply("")).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let proxy = ReverseProxy::builder("/api", url)
            .timeouts(Timeouts::default().response(Duration::from_secs(1)))
            .build()
            .unwrap();
        let server = serve(proxy).await;
        Self { server, ended }
    }

    /// Writes `bytes` and waits for the proxy to go.
    async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |mut stream| {
            let bytes = bytes.clone();
            async move {
                let _ = stream.write_all(&bytes).await;
                until_closed(&mut stream).await;
                bytes.len()
            }
        })
        .await
    }

    /// Writes `start` and then `more` as long as anybody takes it.
    async fn repeating(start: &'static str, more: &'static str) -> Self {
        Self::start(move |mut stream| async move {
            let block = more.repeat(16_384 / more.len() + 1);
            let mut written = 0;
            let mut next = start;
            while stream.write_all(next.as_bytes()).await.is_ok() {
                written += next.len();
                next = &block;
            }
            written
        })
        .await
    }

    async fn is_good(&self) {
        let answer = within(get(self.server, "/api/good", "")).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]));
    }

    /// The answer to a request, once the upstream has seen that it is given up, and how much that had
    /// written by then.
    async fn ask(&mut self) -> (Answer, usize) {
        self.is_good().await;
        let asked = tokio::spawn(get(self.server, "/api/bad", ""));
        self.is_good().await;
        let answer = within(asked).await.unwrap();
        let written = within(self.ended.recv()).await.unwrap();
        self.is_good().await;
        (answer, written)
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    let ended = timeout(AT_ALL, future).await;
    ended.unwrap_or_else(|_| panic!("not over after {AT_ALL:?}"))
}

/// The head of the next request.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(bytes).ok()
}

async fn until_closed(stream: &mut TcpStream) {
    while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
}

/// Whether an answer claims to be all there.
fn is_whole(answer: &Answer) -> bool {
    answer.all("content-length") == [answer.body.len().to_string()]
        || answer.body.ends_with(b"0\r\n\r\n")
}

/// Ends the connection with RST instead of FIN.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}
