//! Connections that a balancer announces by the PROXY protocol.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{exchange, upstream};
use crate::gateway;
use crate::process::Process;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

fn start(upstream: SocketAddr, keys: &str) -> Process {
    gateway::with(&format!(
        "{keys}\n[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n"
    ))
}

/// A header of version 2 for IPv4, with fields behind the addresses.
fn v2(command: u8, fields: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, 0x11]);
    header.extend(u16::try_from(12 + fields.len()).unwrap().to_be_bytes());
    header.extend([203, 0, 113, 9, 10, 0, 0, 1, 0x10, 0x68, 0, 80]);
    header.extend(fields);
    header
}

async fn answer(gateway: &Process, header: &[u8]) -> String {
    let answer = exchange(gateway, [header, REQUEST].concat()).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_client_of_a_listed_peer_is_the_one_that_its_header_names() {
    let upstream = upstream("up").await;
    let gateway = start(upstream, "proxy_protocol = ['127.0.0.0/8']");
    let crc = [3, 0, 4, 1, 2, 3, 4];
    for (header, client) in [
        (
            &b"PROXY TCP4 203.0.113.7 10.0.0.1 4200 80\r\n"[..],
            "203.0.113.7",
        ),
        (
            b"PROXY TCP6 ::ffff:203.0.113.8 ::1 4200 80\r\n",
            "203.0.113.8",
        ),
        (b"PROXY TCP6 2001:db8::7 ::1 4200 80\r\n", "2001:db8::7"),
        (&v2(0x21, &[]), "203.0.113.9"),
        (&v2(0x21, &crc), "203.0.113.9"),
        // Of the balancer itself.
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (&v2(0x20, &[]), "127.0.0.1"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\xff\0\x03abc", "127.0.0.1"),
    ] {
        let answer = answer(&gateway, header).await;
        let said = format!("x-forwarded-for: {client}\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{client}: {answer}");
        assert!(answer.contains(&said), "{client}: {answer}");
    }
    // In pieces, and with HTTP/2 behind it.
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    for piece in v2(0x21, &crc).chunks(7) {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut settings = [0; 9];
    stream.read_exact(&mut settings).await.unwrap();
    assert_eq!(settings[3], 4, "SETTINGS");
}

#[tokio::test]
async fn a_listed_peer_without_a_header_is_closed_and_logged() {
    let upstream = upstream("up").await;
    let gateway = start(
        upstream,
        "proxy_protocol = ['127.0.0.1/32']\nserver = { head_timeout = '400ms' }",
    );
    assert_eq!(answer(&gateway, b"").await, "");
    assert_eq!(answer(&gateway, b"PROXY TCP4 nonsense\r\n").await, "");
    assert_eq!(answer(&gateway, &v2(0x21, &[0; 6000])).await, "");
    let begun = Instant::now();
    for late in [&b""[..], b"PROXY TCP4 203.0.113.7", b"\r\n\r\n\0\r\nQUIT"] {
        assert_eq!(exchange(&gateway, late).await, b"", "{late:?}");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    gateway.signal("TERM");
    let (_, log) = gateway.ended();
    for why in [
        "does not begin with one",
        "is malformed",
        "longer than 4096 bytes",
        "in time",
    ] {
        assert!(log.contains(why), "{why}: {log}");
    }
}

/// It is ours to end such a connection then, and nobody's fault.
#[tokio::test]
async fn a_stop_is_not_a_late_header() {
    let upstream = upstream("up").await;
    let gateway = start(upstream, "proxy_protocol = ['127.0.0.1/32']");
    let mut idle = TcpStream::connect(gateway.address()).await.unwrap();
    // It is accepted before this one.
    assert_eq!(answer(&gateway, b"").await, "");
    gateway.signal("TERM");
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    let (_, log) = gateway.ended();
    assert!(!log.contains("in time"), "{log}");
}

#[tokio::test]
async fn the_header_of_another_peer_is_a_bad_request() {
    let upstream = upstream("up").await;
    let gateway = start(upstream, "proxy_protocol = ['10.0.0.0/8']");
    for header in [
        &b"PROXY TCP4 203.0.113.7 10.0.0.1 4200 80\r\n"[..],
        &v2(0x21, &[]),
    ] {
        let answer = answer(&gateway, header).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
    }
    assert!(answer(&gateway, b"").await.starts_with("HTTP/1.1 200 OK"));
}

/// Of two clients behind one balancer each has its own share of the connections.
#[tokio::test]
async fn each_announced_client_has_a_budget_of_its_own() {
    let upstream = upstream("up").await;
    let gateway = start(
        upstream,
        "proxy_protocol = ['::ffff:127.0.0.1/128']\nserver = { connections = 4, client_share = 0.25 }",
    );
    let held = async |client: &str| {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        let header = format!("PROXY TCP4 {client} 10.0.0.1 4200 80\r\n");
        stream.write_all(header.as_bytes()).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let mut start = [0; 8];
        let read = stream.read(&mut start).await.unwrap_or(0);
        (stream, read > 0)
    };
    let (_first, is_served) = held("203.0.113.1").await;
    assert!(is_served);
    let (_second, is_served) = held("203.0.113.1").await;
    assert!(!is_served, "one client has one connection");
    let (_other, is_served) = held("203.0.113.2").await;
    assert!(is_served, "another has its own");
}
