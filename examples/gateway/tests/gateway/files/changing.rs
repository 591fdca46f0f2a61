//! Files that become shorter or longer while they are sent.

use std::path::Path;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpSocket, TcpStream};

use crate::gateway;
use crate::process::Process;

/// More than the system's buffers hold.
const LENGTH: usize = 16_000_000;

/// Text that a compressor makes little of.
fn write(path: &Path) {
    let mut state = 1_u64;
    let mut digits = || {
        // Xorshift: any digits will do, so long as they look like chance.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    };
    let text: String = (0..LENGTH / 16).map(|_| digits()).collect();
    std::fs::write(path, text).unwrap();
}

/// A connection that takes a little at a time.
async fn connect(gateway: &Process) -> TokioIo<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    TokioIo::new(socket.connect(gateway.address()).await.unwrap())
}

async fn ask(gateway: &Process, is_http2: bool, (name, value): (&str, &str)) -> Response<Incoming> {
    let stream = connect(gateway).await;
    let request = |target: &str| Request::get(target).header(name, value);
    if is_http2 {
        let target = format!("{}/a.json", gateway.origin);
        let client = http2::handshake(TokioExecutor::new(), stream).await;
        let (mut client, connection) = client.unwrap();
        tokio::spawn(connection);
        let request = request(&target).body(Empty::<Bytes>::new());
        client.send_request(request.unwrap()).await.unwrap()
    } else {
        let (mut client, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = request("/a.json").header(header::HOST, "a");
        let request = request.body(Empty::<Bytes>::new());
        client.send_request(request.unwrap()).await.unwrap()
    }
}

/// RFC 9112 8, RFC 9113 8.1.1: the client has to see that it has not got all, also where no length tells.
#[tokio::test]
async fn a_file_that_becomes_shorter_is_cut_and_one_that_grows_is_sent_as_announced() {
    let site = tempfile::tempdir().unwrap();
    let (path, dir) = (site.path().join("a.json"), site.path());
    let gateway = gateway::with(&format!("[[routes]]\nprefix = '/'\ndir = {dir:?}\n"));
    for is_http2 in [false, true] {
        for (field, length) in [
            (("accept", "*/*"), Some(LENGTH)),
            (("range", "bytes=5-"), Some(LENGTH - 5)),
            (("accept-encoding", "gzip"), None),
        ] {
            let what = format!("{field:?}, HTTP/2: {is_http2}");
            for length_then in [100, LENGTH + 100] {
                write(&path);
                let answer = ask(&gateway, is_http2, field).await;
                assert!(answer.status().is_success(), "{what}: {answer:?}");
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                file.set_len(length_then as u64).unwrap();
                let all = answer.into_body().collect().await;
                let got = all.map(|all| all.to_bytes().len());
                assert_eq!(got.is_err(), length_then < LENGTH, "{what}: {got:?}");
                if let (Ok(got), Some(length)) = (got, length) {
                    assert_eq!(got, length, "{what}");
                }
            }
        }
    }
}
