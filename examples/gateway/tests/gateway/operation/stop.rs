//! The stop, as those see it who have a connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::client::upstream;
use crate::gateway;
use crate::http2::{GOAWAY, Http2};
use crate::process::Process;
use crate::websocket;

const REQUEST: &[u8] = b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n";

async fn start(more: &str) -> Process {
    let upstream = upstream("up").await;
    let socket = websocket::upstream().await;
    gateway::with(&format!(
        "{more}\n[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n\
         [[routes]]\nprefix = '/ws'\nupstream = 'http://{socket}'\n"
    ))
}

/// One answer of a connection that stays open, without its body.
async fn ask(client: &mut TcpStream) -> String {
    client.write_all(REQUEST).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    client.read_exact(&mut vec![0; length]).await.unwrap();
    head
}

#[tokio::test]
async fn the_last_answer_of_a_connection_says_so() {
    let gateway = start("drain = { delay = '1s', timeout = '30s' }").await;
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    assert!(!ask(&mut client).await.contains("connection: close"));
    gateway.signal("TERM");
    gateway.logged("serving on for the delay", 1).await;
    assert!(!ask(&mut client).await.contains("connection: close"));
    gateway.logged("requests in flight finish", 1).await;
    // It lay idle when the stop began, and is not closed under the request.
    assert!(ask(&mut client).await.contains("connection: close"));
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(gateway.ended().0.code(), Some(0));
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_a_stop() {
    let gateway = start("drain = '30s'").await;
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    ask(&mut client).await;
    gateway.signal("TERM");
    let ended = tokio::task::spawn_blocking(|| gateway.ended().0.code());
    let ended = timeout(Duration::from_secs(10), ended).await.unwrap();
    assert_eq!(ended.unwrap(), Some(0));
}

#[tokio::test]
async fn http2_is_told_by_goaway() {
    let gateway = start("drain = '30s'").await;
    let mut client = Http2::connect(&gateway).await;
    client.request(1).await;
    client.is_ok(1).await;
    gateway.signal("TERM");
    // RFC 9113 6.8: first that there is to be no new stream, then which one was the last.
    let goaway = client.next(GOAWAY, 0).await;
    assert_eq!(goaway.payload[..8], [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]);
    drop(client);
    assert_eq!(gateway.ended().0.code(), Some(0));
}

/// RFC 6455 7.4.1: 1001 is for a server that goes down. Each worker has one.
#[tokio::test]
async fn websockets_are_told_and_end_by_themselves() {
    let gateway = start("drain = '30s'\nworkers = 2").await;
    let mut idle = TcpStream::connect(gateway.address()).await.unwrap();
    ask(&mut idle).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut socket = websocket::open(gateway.address(), "/ws").await;
        websocket::talk(&mut socket).await;
        sockets.push(socket);
    }
    gateway.signal("TERM");
    for socket in &mut sockets {
        websocket::is_told(socket).await;
    }
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    for socket in &mut sockets {
        let mut byte = [0];
        let read = timeout(Duration::from_millis(300), socket.read(&mut byte));
        assert!(read.await.is_err(), "it has the time of the drain");
    }
    for socket in sockets {
        websocket::close(socket).await;
    }
    let ended = tokio::task::spawn_blocking(|| gateway.ended().0.code());
    let ended = timeout(Duration::from_secs(10), ended).await.unwrap();
    assert_eq!(ended.unwrap(), Some(0));
}

/// A connection that the system has taken before the stop is answered: closing the port would reset it.
#[tokio::test]
async fn connections_that_wait_to_be_accepted_are_answered() {
    let gateway = start("drain = '30s'").await;
    gateway.signal("STOP");
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = TcpStream::connect(gateway.address()).await.unwrap();
        client.write_all(REQUEST).await.unwrap();
        clients.push(client);
    }
    gateway.signal("TERM");
    gateway.signal("CONT");
    for mut client in clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    assert_eq!(gateway.ended().0.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (drain, words) in [
        (
            "{ delay = '60s', timeout = '60s' }",
            "serving on for the delay",
        ),
        ("'60s'", "requests in flight finish"),
    ] {
        let gateway = start(&format!("drain = {drain}")).await;
        let _socket = websocket::open(gateway.address(), "/ws").await;
        gateway.signal("TERM");
        gateway.logged(words, 1).await;
        // A second signal that comes at once is the same wish.
        tokio::time::sleep(Duration::from_millis(400)).await;
        gateway.signal("INT");
        let ended = tokio::task::spawn_blocking(|| gateway.ended());
        let ended = timeout(Duration::from_secs(10), ended).await.unwrap();
        let (status, log) = ended.unwrap();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("a second signal"), "{log}");
    }
}

/// `timeout` sends its signal to the process and to its group, and scripts hand on what they were sent together.
#[tokio::test]
async fn a_signal_that_comes_twice_at_once_is_one() {
    let gateway = start("drain = '1s'").await;
    let _socket = websocket::open(gateway.address(), "/ws").await;
    gateway.signals(["TERM", "INT"]);
    let ended = tokio::task::spawn_blocking(|| gateway.ended());
    let ended = timeout(Duration::from_secs(10), ended).await.unwrap();
    let (status, log) = ended.unwrap();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("a second signal"), "{log}");
}

#[tokio::test]
async fn a_drain_under_way_is_made_shorter_by_a_reload() {
    let upstream = upstream("up").await;
    let socket = websocket::upstream().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (silent.local_addr().unwrap(), silent);
    for has_request in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let config = |drain| {
            format!(
                "listen = '127.0.0.1:0'\ndrain = '{drain}'\n\
                 [[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n\
                 [[routes]]\nprefix = '/ws'\nupstream = 'http://{socket}'\n\
                 [[routes]]\nprefix = '/silent'\nupstream = 'http://{}'\n",
                silent.0
            )
        };
        let path = gateway::file(folder.path(), &config("10m"));
        let gateway = gateway::start(&["--config", &path]);
        let _socket = websocket::open(gateway.address(), "/ws").await;
        let mut client = TcpStream::connect(gateway.address()).await.unwrap();
        ask(&mut client).await;
        if has_request {
            let begun = b"GET /silent HTTP/1.1\r\nhost: a\r\n\r\n";
            client.write_all(begun).await.unwrap();
        }
        gateway.signal("TERM");
        gateway.logged("requests in flight finish", 1).await;
        // Longer than idle connections have, so that the tunnel is all that is left.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        gateway::file(folder.path(), &config("2s"));
        gateway.signal("HUP");
        let ended = tokio::task::spawn_blocking(|| gateway.ended());
        let ended = timeout(Duration::from_secs(10), ended).await;
        let (status, log) = ended.expect("the drain goes on").unwrap();
        assert_eq!(status.code(), Some(0), "{log}");
        assert_eq!(log.contains("connections were cut"), has_request, "{log}");
    }
}

/// A route whose upstream takes its time, and the times of a stop.
fn slowly(upstream: SocketAddr, drain: &str) -> String {
    format!(
        "listen = '127.0.0.1:0'\ndrain = {drain}\n[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n"
    )
}

#[tokio::test]
async fn a_drain_under_way_is_made_longer_by_a_reload() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = gateway::file(folder.path(), &slowly(address, "'3s'"));
    let gateway = gateway::start(&["--config", &path]);
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    let (mut stream, _) = upstream.accept().await.unwrap();
    gateway.signal("TERM");
    gateway.logged("requests in flight finish", 1).await;
    gateway::file(folder.path(), &slowly(address, "'10m'"));
    gateway.signal("HUP");
    gateway.logged("is served", 1).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate";
    stream.write_all(answer).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("late"), "{answer}");
    let (status, log) = gateway.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("connections were cut"), "{log}");
}

#[tokio::test]
async fn a_delay_under_way_is_made_shorter_or_longer_by_a_reload() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    for (before, after, ends) in [("10m", "1s", true), ("2s", "10m", false)] {
        let config = |delay| slowly(upstream, &format!("{{ delay = '{delay}' }}"));
        let path = gateway::file(folder.path(), &config(before));
        let gateway = gateway::start(&["--config", &path]);
        gateway.signal("TERM");
        gateway.logged("serving on for the delay", 1).await;
        gateway::file(folder.path(), &config(after));
        gateway.signal("HUP");
        gateway.logged("is served", 1).await;
        if ends {
            gateway.logged("requests in flight finish", 1).await;
            assert_eq!(gateway.ended().0.code(), Some(0));
        } else {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let mut client = TcpStream::connect(gateway.address()).await.unwrap();
            assert!(!ask(&mut client).await.contains("connection: close"));
        }
    }
}
