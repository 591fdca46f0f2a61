//! Clients that read slowly, and steadily.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

use crate::client::get;
use crate::gateway;
use crate::process::Process;

const LENGTH: usize = 80_000_000;

/// An upstream that answers its only request with a large body.
async fn large() -> SocketAddr {
    large_with(LENGTH, "").await
}

async fn large_with(length: usize, fields: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut head).await.unwrap();
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // Until the test is over.
        let _ended = stream.write_all(&vec![0; length]).await;
    });
    address
}

/// The system holds megabytes of an answer, and has room for more when a third of them is gone. A client that takes
/// that long for it takes something all the time.
#[tokio::test]
async fn who_reads_slowly_is_not_taken_for_one_who_reads_nothing() {
    const BYTES_IN_A_SECOND: f64 = 400_000.0;
    let upstream = large().await;
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\ntimeouts = {{ client = '2s' }}\n"
    ));
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(65_536).unwrap();
    let mut stream = socket.connect(gateway.address()).await.unwrap();
    let request = b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let (begun, mut taken) = (Instant::now(), 0.0);
    let mut buffer = [0; 20_000];
    while begun.elapsed() < Duration::from_secs(8) {
        if taken / BYTES_IN_A_SECOND > begun.elapsed().as_secs_f64() {
            sleep(Duration::from_millis(20)).await;
            continue;
        }
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "cut after {:?}", begun.elapsed());
        taken += read as f64;
    }
    gateway.signal("KILL");
    let (_, log) = gateway.ended();
    assert!(!log.contains("ClientTimeout"), "{log}");
}

/// A gateway whose patience is a second, with an answer in its cache and a small file that it remembers.
struct Remembering {
    gateway: Process,
    _folder: tempfile::TempDir,
}

const STORED: usize = 3_000_000;
const REMEMBERED: usize = 128 * 1024;

impl Remembering {
    async fn start() -> Self {
        let upstream = large_with(STORED, "cache-control: max-age=600\r\n").await;
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("small.bin")).unwrap();
        file.set_len(REMEMBERED as u64).unwrap();
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(100);
        file.set_modified(long_ago).unwrap();
        let gateway = gateway::with(&format!(
            "drain = '30s'\n[server]\nhead_timeout = '1s'\n\
             [[routes]]\nprefix = '/stored'\nupstream = 'http://{upstream}'\ncache = {{ object = '4MB' }}\n\
             [[routes]]\nprefix = '/files'\ndir = '{}'\n",
            folder.path().display()
        ));
        let stored = get(format!("{}/stored", gateway.origin)).await;
        assert_eq!(stored.body.len(), STORED);
        let _folder = folder;
        Self { gateway, _folder }
    }

    /// Reads an answer over HTTP/1.1, with a pause after so many bytes.
    async fn http1(&self, path: &str, step: usize, pause: Duration) -> usize {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16_384).unwrap();
        let mut stream = socket.connect(self.gateway.address()).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n",
            self.gateway.address()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let (mut taken, mut paused_at, mut buffer) = (0, 0, [0; 8192]);
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return taken,
                Ok(read) => taken += read,
            }
            if taken >= paused_at + step {
                paused_at = taken;
                sleep(pause).await;
            }
        }
    }

    /// The same over HTTP/2, where a window holds back what is not read.
    async fn http2(&self, path: &str, step: usize, pause: Duration) -> usize {
        let stream = TcpStream::connect(self.gateway.address()).await.unwrap();
        let (mut client, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(u32::try_from(step).unwrap())
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::get(format!("{}{path}", self.gateway.origin));
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let mut body = client.send_request(request).await.unwrap().into_body();
        let (mut taken, mut paused_at) = (0, 0);
        while let Some(Ok(frame)) = body.frame().await {
            taken += frame.data_ref().map_or(0, Bytes::len);
            if taken >= paused_at + step {
                paused_at = taken;
                sleep(pause).await;
            }
        }
        taken
    }
}

/// For hyper an answer from memory is over long before its client has it: that client is not one without a request.
#[tokio::test]
async fn an_answer_from_memory_is_not_cut_while_it_is_read() {
    let remembering = Remembering::start().await;
    let pause = Duration::from_millis(400);
    let (http1, http2, small) = tokio::join!(
        remembering.http1("/stored", 300_000, pause),
        remembering.http2("/stored", 300_000, pause),
        // The last piece alone takes longer than the patience.
        remembering.http2("/files/small.bin", 8192, pause),
    );
    assert_eq!([http1, http2, small], [STORED, STORED, REMEMBERED]);
}

/// Twice the patience, as for any other answer.
#[tokio::test]
async fn who_reads_nothing_of_an_answer_from_memory_is_cut() {
    let remembering = Remembering::start().await;
    let within = Duration::from_millis(1500);
    let after = Duration::from_millis(3500);
    let (http1, http2, late1, late2) = tokio::join!(
        remembering.http1("/stored", STORED / 2, within),
        remembering.http2("/stored", STORED / 2, within),
        remembering.http1("/stored", 300_000, after),
        remembering.http2("/stored", 300_000, after),
    );
    assert_eq!([http1, http2], [STORED, STORED]);
    assert!(late1 < STORED && late2 < STORED, "{late1} {late2}");
}
