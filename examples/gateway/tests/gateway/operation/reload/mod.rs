//! The configuration is read again while it is served.

mod caches;
mod many;
mod rates;
mod watch;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Answer, exchange, get, upstream};
use crate::gateway::{self, file};
use crate::http2::Http2;
use crate::process::Process;
use crate::websocket;

const SERVED: &str = "the configuration was read again and is served";
const REFUSED: &str = "the new configuration is not served, and nothing has changed";

/// A gateway whose file is written anew.
struct Changing {
    folder: TempDir,
    path: String,
    gateway: Process,
}

impl Changing {
    fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), config);
        let gateway = gateway::start(&["--config", &path, "--listen", "127.0.0.1:0"]);
        Self {
            folder,
            path,
            gateway,
        }
    }

    fn write(&self, config: &str) {
        file(self.folder.path(), config);
    }

    /// Sends SIGHUP, and waits until it has been obeyed.
    async fn hang_up(&self, outcome: &str) {
        let before = self.gateway.log().matches(outcome).count();
        self.gateway.signal("HUP");
        self.gateway.logged(outcome, before + 1).await;
    }

    async fn serve(&self, config: &str) {
        self.write(config);
        self.hang_up(SERVED).await;
    }

    async fn get(&self, path: &str) -> Answer {
        get(format!("{}{path}", self.gateway.origin)).await
    }
}

fn route(prefix: &str, upstream: SocketAddr, more: &str) -> String {
    format!("[[routes]]\nprefix = '{prefix}'\nupstream = 'http://{upstream}'\n{more}\n")
}

#[tokio::test]
async fn routes_and_policies_are_added_changed_and_removed() {
    let (one, two) = (upstream("one").await, upstream("two").await);
    let gateway = Changing::start(&[route("/a", one, ""), route("/b", one, "")].concat());
    assert_eq!(
        gateway.get("/a/x").await.body.split(' ').next(),
        Some("one")
    );
    assert_eq!(gateway.get("/c/x").await.status, 404);

    let cors = "cors = { allow_origins = ['https://app.example.com'] }";
    gateway
        .serve(&[route("/a", two, cors), route("/c", one, "")].concat())
        .await;
    assert_eq!(
        gateway.get("/a/x").await.body.split(' ').next(),
        Some("two")
    );
    assert_eq!(gateway.get("/b/x").await.status, 404);
    assert_eq!(gateway.get("/c/x").await.status, 200);
    let url = format!("{}/a/x", gateway.gateway.origin);
    let answer = crate::client::send_from("GET", "https://app.example.com", url, &[]).await;
    assert_eq!(
        answer.field("access-control-allow-origin"),
        "https://app.example.com"
    );
}

/// A redirect to an upstream comes back under a prefix only while that is served.
#[tokio::test]
async fn redirects_follow_the_routes_that_are_served() {
    let (api, bucket) = (upstream("api").await, upstream("bucket").await);
    let both = |prefix| [route("/api", api, ""), route(prefix, bucket, "")].concat();
    let gateway = Changing::start(&both("/files"));
    let to = format!("/api/to?http://{bucket}/x");
    let location = async || {
        let answer = gateway.get(&to).await;
        answer.field("location").to_owned()
    };
    assert_eq!(location().await, "/files/x");
    gateway.serve(&both("/assets")).await;
    assert_eq!(location().await, "/assets/x");
    gateway.serve(&route("/api", api, "")).await;
    assert_eq!(location().await, format!("http://{bucket}/x"));
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_is_reported_in_full() {
    let upstream = upstream("one").await;
    let good = route("/a", upstream, "");
    let gateway = Changing::start(&good);
    let bad = "listen = 'nowhere'\n[[routes]]\nprefix = 'a'\nupstream = 'ftp://b'\ntypo = 1\n";
    gateway.write(bad);
    gateway.hang_up(REFUSED).await;
    let check = gateway::run(&["--config", &gateway.path, "--check"]);
    assert_eq!(check.code, Some(2));
    let log = gateway.gateway.log();
    assert!(check.stderr.lines().count() >= 3, "{}", check.stderr);
    for problem in check.stderr.lines() {
        assert!(log.contains(problem), "{problem} in {log}");
    }
    assert_eq!(gateway.get("/a/x").await.status, 200);

    std::fs::remove_file(&gateway.path).unwrap();
    gateway.hang_up(REFUSED).await;
    let log = gateway.gateway.log();
    let words = format!("--config: cannot read {}", gateway.path);
    assert!(log.contains(&words), "{log}");
    assert_eq!(gateway.get("/a/x").await.status, 200);

    // From there on as ever.
    gateway.serve(&route("/b", upstream, "")).await;
    assert_eq!(gateway.get("/b/x").await.status, 200);
}

#[tokio::test]
async fn a_log_that_cannot_be_written_changes_nothing() {
    let upstream = upstream("one").await;
    let log = |name: &str| format!("[log]\naccess = '{name}'\n");
    let gateway = Changing::start(&(log("one.log") + &route("/a", upstream, "")));
    // A file that may be made, and yet not be written to.
    let full = log("/dev/full/x") + &route("/b", upstream, "");
    gateway.write(&full);
    gateway.hang_up(REFUSED).await;
    assert_eq!(gateway.get("/a/x").await.status, 200);

    gateway
        .serve(&(log("two.log") + &route("/b", upstream, "")))
        .await;
    gateway.get("/b/y").await;
    let read = |name: &str| std::fs::read_to_string(gateway.folder.path().join(name)).unwrap();
    for _ in 0..100 {
        if read("two.log").contains("/b/y") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(read("two.log").contains("/b/y") && !read("one.log").contains("/b/y"));
    assert!(read("one.log").contains("/a/x"));
}

#[tokio::test]
async fn what_cannot_change_says_so_and_keeps_its_value() {
    let upstream = upstream("one").await;
    let folder = tempfile::tempdir().unwrap();
    let start = format!("listen = '127.0.0.1:0'\n{}", route("/a", upstream, ""));
    let path = file(folder.path(), &start);
    let gateway = gateway::start(&["--config", &path]);
    let other = "listen = '127.0.0.1:1'\nworkers = 3\nadmin = { listen = '127.0.0.1:2' }\n";
    file(
        folder.path(),
        &format!("{other}{}", route("/b", upstream, "")),
    );
    gateway.signal("HUP");
    gateway.logged(SERVED, 1).await;
    let log = gateway.log();
    for words in [
        "listen: \"127.0.0.1:1\" is not taken over",
        "it stays \"127.0.0.1:0\" until a restart",
        "admin.listen: \"127.0.0.1:2\" is not taken over",
        "workers: 3 is not taken over",
    ] {
        assert!(log.contains(words), "{words} in {log}");
    }
    // All else has changed.
    let answer = get(format!("{}/b/x", gateway.origin)).await;
    assert_eq!(answer.status, 200);
}

/// An upstream that waits before it answers, and says when a request is there.
async fn held() -> (SocketAddr, tokio::sync::mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, requests) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.read_u8().await.unwrap();
            arrived.send(stream).await.unwrap();
        }
    });
    (address, requests)
}

#[tokio::test]
async fn a_request_under_way_ends_as_it_began() {
    let (old, mut requests) = held().await;
    let new = upstream("new").await;
    let gateway = Changing::start(&route("/a", old, ""));
    let address = gateway.gateway.address();
    let client = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut answers = Vec::new();
        for _ in 0..2 {
            let request = Request::get("/a/x").header("host", "a");
            let request = request.body(Empty::<Bytes>::new()).unwrap();
            answers.push(Answer::read(sender.send_request(request).await.unwrap()).await);
        }
        answers
    });
    let mut upstream = requests.recv().await.unwrap();
    gateway.serve(&route("/a", new, "")).await;
    assert!(gateway.get("/a/x").await.body.starts_with("new "));
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nold ";
    upstream.write_all(answer).await.unwrap();
    gateway.serve(&route("/b", new, "")).await;
    gateway.serve(&route("/a", new, "")).await;
    upstream.write_all(b"rest").await.unwrap();
    // The next request of the same connection is one of the new table.
    let answers = client.await.unwrap();
    assert_eq!(answers[0].body, "old rest");
    assert!(answers[1].body.starts_with("new GET /x"), "{answers:?}");
    // The old upstream's connection ends with the last request to it.
    assert_eq!(drained(&mut upstream).await, 0);
}

/// Reads to the end, which has to come.
async fn drained(stream: &mut TcpStream) -> usize {
    let mut bytes = [0; 1024];
    let reading = async {
        while stream.read(&mut bytes).await.unwrap_or(0) > 0 {}
        0
    };
    tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_websocket_lives_on_and_is_told_at_the_stop() {
    let socket = websocket::upstream().await;
    let other = upstream("other").await;
    let gateway = Changing::start(&route("/ws", socket, ""));
    let mut client = websocket::open(gateway.gateway.address(), "/ws").await;
    websocket::talk(&mut client).await;
    gateway.serve(&route("/a", other, "")).await;
    assert_eq!(gateway.get("/ws").await.status, 404);
    websocket::talk(&mut client).await;
    gateway.gateway.signal("TERM");
    websocket::leave(client).await;
    assert_eq!(gateway.gateway.ended().0.code(), Some(0));
}

#[tokio::test]
async fn a_connection_of_http2_goes_on_with_the_new_table() {
    let upstream = upstream("one").await;
    let gateway = Changing::start(&route("/", upstream, ""));
    let mut client = Http2::connect(&gateway.gateway).await;
    client.request(1).await;
    client.is_ok(1).await;
    gateway.serve(&route("/else", upstream, "")).await;
    client.request(3).await;
    assert_eq!(client.status(3).await, 404);
    gateway.serve(&route("/", upstream, "")).await;
    client.request(5).await;
    client.is_ok(5).await;
}

/// Counts its connections, and answers so that it may be kept.
async fn counting() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let service = service_fn(|_| async {
                let response = Response::builder().header("cache-control", "max-age=60");
                Ok::<_, Infallible>(response.body(Full::new(Bytes::from("kept"))).unwrap())
            });
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, count)
}

#[tokio::test]
async fn routes_that_are_the_same_keep_their_connections_and_caches() {
    let ((plain, connections), (cached, _)) = (counting().await, counting().await);
    let config = |more: &str, cors: &str| {
        let routes = [
            route("/plain", plain, ""),
            route("/cached", cached, &format!("cache = true\n{cors}")),
        ];
        // Another worker would have a connection of its own to the upstream.
        format!("workers = 1\n{}{more}", routes.concat())
    };
    let gateway = Changing::start(&config("", ""));
    let is_hit = async || {
        let answer = gateway.get("/cached/x").await;
        answer.field("cache-status").contains("hit")
    };
    gateway.get("/plain/x").await;
    assert!(!is_hit().await && is_hit().await);
    gateway.serve(&config(&route("/new", plain, ""), "")).await;
    gateway.get("/plain/x").await;
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    assert!(is_hit().await);
    // Its own settings have changed, so that what it held may not be right any more.
    let other = config("", "cors = { allow_origins = '*' }");
    gateway.serve(&other).await;
    assert!(!is_hit().await);
    assert!(gateway.gateway.log().contains("unchanged=1"));
}

/// One client's share of the connections is of all that it has, since before the reload too.
#[tokio::test]
async fn limits_hold_for_clients_that_were_there_before() {
    let upstream = upstream("one").await;
    let config = |share: f64| {
        let server = format!("[server]\nconnections = 16\nclient_share = {share}\n");
        server + &route("/", upstream, "")
    };
    let gateway = Changing::start(&config(1.0));
    let address = gateway.gateway.address();
    let mut before = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        stream.read_u8().await.unwrap();
        before.push(stream);
    }
    gateway.serve(&config(0.25)).await;
    assert_eq!(
        exchange(&gateway.gateway, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await,
        b""
    );
    drop(before);
    gateway.serve(&config(1.0)).await;
    assert_eq!(gateway.get("/").await.status, 200);
}
