//! `Expect: 100-continue` and an upstream of HTTP/2, whose word is not waited for.

use std::time::Duration;

use same_origin::proxy::{Client, ReverseProxy, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::frames::{Begun, END, HEADERS, WHOLE, frame, ok, refused, reset, upstream};
use crate::support::{get, serve};

const EXPECTS: &[u8] =
    b"POST /api/x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";

/// `:status: 404` and nothing else (RFC 7541 A).
fn not_found(stream: u32) -> Vec<u8> {
    frame(HEADERS, WHOLE, stream, &[0x8d])
}

/// RFC 9110 10.1.1: a server that ends the connection instead of reading the body should say so.
#[tokio::test]
async fn the_end_of_a_connection_is_announced_where_nothing_of_the_body_was_read() {
    const INTERNAL_ERROR: u32 = 2;
    type Reply = fn(&Begun) -> Vec<u8>;
    let replies: [(&str, Reply, &str); 4] = [
        ("reset", |begun| reset(begun.stream, INTERNAL_ERROR), "502"),
        ("refused", |begun| refused(begun.stream), "502"),
        ("ended", |_| END.to_vec(), "502"),
        ("answered", |begun| not_found(begun.stream), "404"),
    ];
    for (name, reply, status) in replies {
        let up = upstream(&[], reply).await;
        let proxy = ReverseProxy::new("/api", format!("h2c://{up}")).unwrap();
        let mut client = TcpStream::connect(serve(proxy).await).await.unwrap();
        client.write_all(EXPECTS).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let last = answer.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n");
        let last = last.unwrap_or(&answer);
        let is_final = last.starts_with(&format!("HTTP/1.1 {status} "));
        assert!(is_final, "{name}: {answer}");
        let is_announced = last.contains("\r\nconnection: close\r\n");
        assert!(is_announced, "{name}: {answer}");
    }
}

/// The upstream says nothing, and would be late before the client was asked without its word.
#[tokio::test]
async fn it_is_not_waited_for_on_a_client_of_ones_own() {
    let up = upstream(&[], |begun| match begun.stream {
        1 => ok(1),
        _ => Vec::new(),
    });
    let proxy = ReverseProxy::builder("/api", format!("h2c://{}", up.await));
    let proxy = proxy.timeouts(Timeouts::default().response(Duration::from_millis(500)));
    let server = serve(proxy.build_with_client(Client::new().unwrap()).unwrap()).await;
    assert_eq!(get(server, "/api/x", "").await.status, 200);
    let mut client = TcpStream::connect(server).await.unwrap();
    client.write_all(EXPECTS).await.unwrap();
    let mut first = [0; 12];
    client.read_exact(&mut first).await.unwrap();
    assert_eq!(first, *b"HTTP/1.1 100");
}
