//! Encoders are bounded, for all clients and for one: above the bound an answer is plain.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::gateway;
use crate::process::Process;

/// The encoders of the process, and those of one client.
const MOST: usize = 64;
const OF_CLIENT: usize = MOST / 2;

/// A client by an address of its own, that reads when it is told to.
struct Reader {
    sender: http2::SendRequest<Empty<Bytes>>,
    origin: String,
    address: &'static str,
}

impl Reader {
    async fn connect(gateway: &Process, address: &'static str, window: u32) -> Self {
        let stream = TcpStream::connect(gateway.address()).await.unwrap();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(window);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self {
            sender,
            origin: gateway.origin.clone(),
            address,
        }
    }

    async fn ask(&mut self, path: &str, tag: &str) -> Response<Incoming> {
        let request = Request::get(format!("{}{path}", self.origin))
            .header("accept-encoding", "zstd")
            .header("x-forwarded-for", self.address)
            .header("if-none-match", tag);
        let request = request.body(Empty::new()).unwrap();
        self.sender.send_request(request).await.unwrap()
    }

    /// Asks so often, and reads nothing.
    async fn hold(&mut self, path: &str, times: usize) -> Vec<Response<Incoming>> {
        let mut held = Vec::new();
        for _ in 0..times {
            held.push(self.ask(path, "\"none\"").await);
        }
        held
    }
}

fn is_coded(answer: &Response<Incoming>) -> bool {
    assert_eq!(answer.status(), StatusCode::OK);
    let vary = answer.headers()["vary"].to_str().unwrap();
    assert_eq!(vary.to_ascii_lowercase(), "accept-encoding");
    let is_coded = answer.headers().contains_key("content-encoding");
    let tag = answer.headers()["etag"].to_str().unwrap();
    assert_eq!(tag.starts_with("W/"), is_coded, "{tag}");
    is_coded
}

fn coded(answers: &[Response<Incoming>]) -> usize {
    answers.iter().filter(|answer| is_coded(answer)).count()
}

/// A gateway with a file, which another route has from a cache.
fn serve(site: &tempfile::TempDir) -> (Process, Process) {
    let dir = site.path();
    let upstream = gateway::with(&format!(
        "[[routes]]\nprefix = '/'\ndir = {dir:?}\ncompress = false\n\
         set_response_headers = {{ 'cache-control' = 'max-age=600' }}\n"
    ));
    let gateway = gateway::with(&format!(
        "trusted_proxies = ['127.0.0.1/32']\n\
         [[routes]]\nprefix = '/files'\ndir = {dir:?}\n\
         [[routes]]\nprefix = '/cached'\nupstream = '{}/'\ncache = true\ncompress = true\n",
        upstream.origin
    ));
    (upstream, gateway)
}

#[tokio::test]
async fn above_the_bound_an_answer_is_plain_and_one_client_has_its_share() {
    let site = tempfile::tempdir().unwrap();
    // Long also when it is compressed: an encoder ends when it has nothing more to send.
    let text: String = (0..50_000_u32)
        .map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9)))
        .collect();
    std::fs::write(site.path().join("big.js"), &text).unwrap();
    let (_upstream, gateway) = serve(&site);
    for path in ["/files/big.js", "/cached/big.js"] {
        let mut first = Reader::connect(&gateway, "192.0.2.1", 1).await;
        let mut second = Reader::connect(&gateway, "192.0.2.2", 1).await;
        let mut third = Reader::connect(&gateway, "192.0.2.3", 1 << 20).await;
        // Stored, where it is.
        let answer = third.ask(path, "\"none\"").await;
        assert!(is_coded(&answer), "{path}");
        let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
        answer.into_body().collect().await.unwrap();
        let held = first.hold(path, OF_CLIENT + 4).await;
        assert_eq!(coded(&held), OF_CLIENT, "{path}");
        let others = second.hold(path, OF_CLIENT + 4).await;
        assert_eq!(coded(&others), OF_CLIENT, "{path}");
        // Whoever has the compressed form already is told so.
        let known = third.ask(path, &tag).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{path}");
        let plain = third.ask(path, "\"none\"").await;
        assert!(!is_coded(&plain), "{path}");
        let plain = plain.into_body().collect().await.unwrap().to_bytes();
        assert!(plain == text, "{path}");
        // The client leaves, and its places are free.
        drop((first, held));
        let begun = Instant::now();
        while !is_coded(&third.ask(path, "\"none\"").await) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{path}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
