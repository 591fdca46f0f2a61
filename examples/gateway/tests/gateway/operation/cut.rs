//! The end of an answer in the access log: whole, or cut.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{exchange, upstream};
use crate::gateway;
use crate::http2::{Http2, RST_STREAM, frame};
use crate::process::Process;
use crate::websocket;

/// More than the buffers of a connection hold.
const LARGE: u64 = 64 << 20;

/// Begins to answer, and then answers no more: with a head and some content, or, to `/silent`, with nothing.
async fn endless() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    stream.read_buf(&mut head).await.unwrap();
                }
                let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc";
                if !head.starts_with(b"GET /silent") {
                    stream.write_all(begun).await.unwrap();
                }
                std::future::pending::<()>().await;
            });
        }
    });
    address
}

async fn ask(gateway: &Process, path: &str, until: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(until) {
        answer.push(client.read_u8().await.unwrap());
    }
    client
}

/// Files, one of them large.
fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    let large = std::fs::File::create(site.path().join("large.bin")).unwrap();
    large.set_len(LARGE).unwrap();
    std::fs::write(site.path().join("a.txt"), "abc".repeat(1000)).unwrap();
    std::fs::write(site.path().join("empty.txt"), "").unwrap();
    site
}

#[tokio::test]
async fn an_answer_that_did_not_arrive_as_a_whole_was_cut() {
    for (format, mark) in [("text", "cut="), ("json", "\"cut\":\"")] {
        let (endless, site) = (endless().await, site());
        let dir = site.path();
        let gateway = gateway::with(&format!(
            "drain = '200ms'\n[log]\naccess = 'stderr'\nformat = '{format}'\n\
             [[routes]]\nprefix = '/'\nupstream = 'http://{endless}'\n\
             [[routes]]\nprefix = '/files'\ndir = {dir:?}\n"
        ));
        let left = format!("{mark}connection_terminated");
        drop(ask(&gateway, "/left", b"abc").await);
        gateway.logged(&left, 1).await;
        // A socket that is closed with unread bytes in it is reset.
        drop(ask(&gateway, "/files/large.bin", b"\r\n\r\n").await);
        gateway.logged(&left, 2).await;
        let mut stream = Http2::connect(&gateway).await;
        stream.request(1).await;
        stream.is_ok(1).await;
        stream.write(frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])).await;
        gateway.logged(&left, 3).await;
        // Given up before there was a head: by the client, and at the end of the drain time.
        drop(ask(&gateway, "/silent?1", b"").await);
        gateway
            .logged("GET /silent", usize::from(format == "text"))
            .await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let _cut = ask(&gateway, "/cut", b"abc").await;
        let _unread = ask(&gateway, "/files/large.bin", b"\r\n\r\n").await;
        let _silent = ask(&gateway, "/silent", b"").await;
        stream.request(3).await;
        stream.is_ok(3).await;
        gateway.signal("TERM");
        let log = gateway.ended().1;
        assert_eq!(log.matches(&left).count(), 3, "{log}");
        assert_eq!(log.matches(&format!("{mark}drain")).count(), 4, "{log}");
        assert_eq!(log.matches(mark).count(), 7, "{log}");
    }
}

/// A server asks for no frame behind those that it knows to be the last ones, or behind a head alone.
#[tokio::test]
async fn a_whole_answer_was_not_cut() {
    let (up, socket, site) = (upstream("up").await, websocket::upstream().await, site());
    let chunked = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = chunked.local_addr().unwrap();
    tokio::spawn(async move {
        let body = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                    3\r\nabc\r\n0\r\nx-a: b\r\n\r\n";
        while let Ok((mut stream, _)) = chunked.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut head).await.unwrap();
            }
            stream.write_all(body.as_bytes()).await.unwrap();
        }
    });
    let dir = site.path();
    let gateway = gateway::with(&format!(
        "[log]\naccess = 'stderr'\n\
         [[routes]]\nprefix = '/'\nupstream = 'http://{up}'\n\
         [[routes]]\nprefix = '/ws'\nupstream = 'http://{socket}'\n\
         [[routes]]\nprefix = '/chunked'\nupstream = 'http://{address}'\n\
         [[routes]]\nprefix = '/small'\nupstream = 'http://{address}'\ncompress = true\ncache = true\n\
         [[routes]]\nprefix = '/files'\ndir = {dir:?}\n"
    ));
    let requests = [
        ("GET /x", ""),
        ("HEAD /x", ""),
        ("OPTIONS *", ""),
        ("GET /%2e%2e/x", ""),
        ("GET /chunked", ""),
        ("GET /chunked", "te: trailers\r\n"),
        ("HEAD /chunked", ""),
        ("GET /small", "accept-encoding: gzip\r\n"),
        ("GET /files/a.txt", ""),
        ("GET /files/a.txt", "accept-encoding: gzip\r\n"),
        ("GET /files/a.txt", "range: bytes=1-5\r\n"),
        (
            "GET /files/a.txt",
            "if-modified-since: Fri, 31 Dec 2100 00:00:00 GMT\r\n",
        ),
        ("GET /files/empty.txt", ""),
        ("GET /files/none.txt", ""),
        ("HEAD /files/large.bin", ""),
    ];
    for (request, fields) in requests {
        for version in ["1.1", "1.0"] {
            let request =
                format!("{request} HTTP/{version}\r\nhost: a\r\nconnection: close\r\n{fields}\r\n");
            exchange(&gateway, request).await;
        }
    }
    let mut large = ask(&gateway, "/files/large.bin", b"\r\n\r\n").await;
    let mut bytes = vec![0; 1 << 20];
    for _ in 0..LARGE >> 20 {
        large.read_exact(&mut bytes).await.unwrap();
    }
    let mut stream = Http2::connect(&gateway).await;
    stream.request(1).await;
    stream.is_ok(1).await;
    let mut socket = websocket::open(gateway.address(), "/ws").await;
    websocket::talk(&mut socket).await;
    drop((stream, socket, large));
    gateway.logged(" HTTP/", 2 * requests.len() + 3).await;
    gateway.signal("TERM");
    let log = gateway.ended().1;
    assert!(!log.contains("cut="), "{log}");
}
