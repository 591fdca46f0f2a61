//! One process follows another on a socket that is passed to both.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::client::{get, upstream};
use crate::gateway::{BINARY, file};
use crate::process::Process;

/// A gateway with sockets as a service manager passes them: the first one is handed over as standard input, the
/// second one as standard error, which it then does not have.
fn command(config: &str, sockets: Vec<OwnedFd>, names: &str) -> Command {
    let count = sockets.len();
    let mut command = Command::new("sh");
    let script = match count {
        1 => "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\" 3<&0 </dev/null",
        2 => "LISTEN_FDS=2 LISTEN_PID=$$ exec \"$@\" 3<&0 4<&2 </dev/null 2>/dev/null",
        _ => panic!("{count} sockets"),
    };
    command
        .args(["-c", script, "sh", BINARY, "--config", config])
        .env("LISTEN_FDNAMES", names)
        .stderr(Stdio::piped());
    let mut sockets = sockets.into_iter();
    command.stdin(sockets.next().unwrap());
    if let Some(second) = sockets.next() {
        command.stderr(second);
    }
    command
}

fn start(config: &str, sockets: Vec<OwnedFd>, names: &str) -> Process {
    Process::spawn(&mut command(config, sockets, names), &["passed"])
}

fn socket() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn config(upstream: SocketAddr, more: &str) -> String {
    // An address that cannot be listened on, as nobody is to try.
    format!(
        "listen = '192.0.2.1:80'\n{more}\n[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n"
    )
}

#[tokio::test]
async fn a_socket_is_for_the_key_that_its_name_or_its_place_says() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let admin = "admin = { listen = '192.0.2.1:81' }";
    let path = file(folder.path(), &config(upstream, admin));
    for (names, swapped) in [
        ("listen:admin", false),
        ("admin:listen", true),
        ("x.socket:x.socket", false),
        ("admin:x.socket", true),
    ] {
        let ((one, one_address), (two, two_address)) = (socket(), socket());
        let gateway = start(&path, vec![one.into(), two.into()], names);
        let (listen, admin) = if swapped {
            (two_address, one_address)
        } else {
            (one_address, two_address)
        };
        assert_eq!(gateway.address(), listen, "{names}");
        let answer = get(format!("http://{admin}/readyz")).await;
        assert_eq!(answer.body, "ok\n", "{names}");
        let answer = get(format!("http://{listen}/x")).await;
        assert!(answer.body.starts_with("up GET /x"), "{names}");
    }
}

#[tokio::test]
async fn a_socket_that_is_not_expected_is_an_error_in_words() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &config(upstream, ""));
    let datagrams = || UdpSocket::bind("127.0.0.1:0").unwrap().into();
    // A connection, which takes no others.
    let (listener, address) = socket();
    let connection = std::net::TcpStream::connect(address).unwrap();
    drop(listener);
    for (socket, names, words) in [
        (
            datagrams(),
            "",
            "LISTEN_FDS: socket 1 is not one to take connections from",
        ),
        (
            connection.into(),
            "listen",
            "it does not listen); pass a TCP socket that listens",
        ),
        (
            socket().0.into(),
            "admin",
            "a socket was passed for `admin`, which the configuration does not have",
        ),
    ] {
        let output = command(&path, vec![socket], names).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}

#[tokio::test]
async fn an_admin_socket_that_strangers_reach_is_warned_of() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let admin = config(upstream, "admin = { listen = '127.0.0.1:81' }");
    let path = file(folder.path(), &admin.replace("192.0.2.1:80", "127.0.0.1:0"));
    for (address, is_told) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
        let socket = TcpListener::bind(address).unwrap();
        let gateway = start(&path, vec![socket.into()], "admin");
        gateway.logged("admin listening", 1).await;
        let told = gateway.log().contains("LISTEN_FDS: the socket for `admin`");
        assert_eq!(told, is_told, "{}", gateway.log());
    }
}

/// Somebody else's sockets are left alone.
#[tokio::test]
async fn sockets_of_another_process_are_not_taken() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &config(upstream, ""));
    let args = ["--config", &path, "--listen", "127.0.0.1:0"];
    let variables = [("LISTEN_FDS", "1"), ("LISTEN_PID", "1")];
    let gateway = Process::start_with(std::path::Path::new(BINARY), &args, &variables);
    assert_eq!(get(format!("{}/x", gateway.origin)).await.status, 200);
}

/// Asks by connections of many requests, or of one; each request has to be answered.
async fn load(address: SocketAddr, each: usize, end: Arc<AtomicBool>) -> usize {
    let mut answered = 0;
    while !end.load(Ordering::Relaxed) {
        let stream = TcpStream::connect(address).await.expect("refused");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        for _ in 0..each {
            let request = Request::get("/x").header("host", "a");
            let request = request.body(Empty::<Bytes>::new()).unwrap();
            let answer = sender.send_request(request).await.expect("lost");
            assert_eq!(answer.status(), 200);
            let is_last = answer.headers().contains_key("connection");
            answer.into_body().collect().await.expect("cut");
            answered += 1;
            if is_last {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(sender);
        connection.await.unwrap().unwrap();
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_refuses_no_connection_and_loses_no_request() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &config(upstream, "drain = '20s'"));
    let (socket, address) = socket();
    let passed = || vec![socket.try_clone().unwrap().into()];
    let end = Arc::new(AtomicBool::new(false));
    let mut gateway = start(&path, passed(), "listen");
    let clients: Vec<_> = (0..12)
        .map(|number| {
            let each = if number % 3 == 0 { 1 } else { 1000 };
            tokio::spawn(load(address, each, Arc::clone(&end)))
        })
        .collect();
    for round in 0..6 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // The new one comes before the old one goes, or after it: the socket holds who comes between.
        let old = if round % 2 == 0 {
            let old = std::mem::replace(&mut gateway, start(&path, passed(), "listen"));
            old.signal("TERM");
            old
        } else {
            gateway.signal("TERM");
            gateway.logged("requests in flight finish", 1).await;
            std::mem::replace(&mut gateway, start(&path, passed(), "listen"))
        };
        let ended = tokio::task::spawn_blocking(|| old.ended()).await.unwrap();
        assert_eq!(ended.0.code(), Some(0), "{}", ended.1);
    }
    end.store(true, Ordering::Relaxed);
    for client in clients {
        let answered = client.await.unwrap();
        assert!(answered > 20, "{answered}");
    }
}
