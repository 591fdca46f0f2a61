//! Clients that read slowly, and steadily.

use crate::gateway;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep};

const LENGTH: usize = 80_000_000;

/// An upstream that answers its only request with a large body.
async fn large() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut head).await.unwrap();
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // Until the test is over.
        let _ended = stream.write_all(&vec![0; LENGTH]).await;
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
