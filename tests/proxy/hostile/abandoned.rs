//! Requests whose clients go before they are answered leave no connections behind.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::PrivateKeyDer;
use same_origin::proxy::{Body, ReverseProxy, UpstreamTls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{get, serve};

/// An upstream of HTTP/1.1 that counts its connections.
#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
    /// Connections that were closed in due form before they bore a request.
    closed_unused: AtomicUsize,
}

async fn upstream() -> (SocketAddr, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let noted = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counts = Arc::clone(&noted);
            counts.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut unused = true;
                let mut bytes = Vec::new();
                loop {
                    match stream.read_buf(&mut bytes).await {
                        Ok(0) if unused => counts.closed_unused.fetch_add(1, Ordering::Relaxed),
                        Ok(0) | Err(_) => return,
                        Ok(_) => 0,
                    };
                    if bytes.is_empty() {
                        return;
                    }
                    if bytes.ends_with(b"\r\n\r\n") {
                        bytes.clear();
                        unused = false;
                        counts.requests.fetch_add(1, Ordering::Relaxed);
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        let _ = stream.write_all(answer).await;
                    }
                }
            });
        }
    });
    (address, counts)
}

/// Ports that are kept because this side closed a connection to the upstream first.
fn time_wait(upstream: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let to = format!("0100007F:{:04X}", upstream.port());
    let rows = table
        .lines()
        .map(|row| row.split_ascii_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(2) == Some(&&*to) && row.get(3) == Some(&"06"))
        .count()
}

/// Streams that are reset while their requests are on the way, in one of several moments.
async fn reset_streams(server: SocketAddr) {
    for connection in 0..12 {
        let stream = TcpStream::connect(server).await.unwrap();
        let (client, connected) = h2::client::handshake(stream).await.unwrap();
        let connected = tokio::spawn(connected);
        for _ in 0..10 {
            let mut streams = Vec::new();
            for _ in 0..10 {
                let request = Request::get("http://a/api/x").body(()).unwrap();
                // The server ends a connection with too many of these.
                let Ok(mut client) = client.clone().ready().await else {
                    break;
                };
                let Ok(stream) = client.send_request(request, true) else {
                    break;
                };
                streams.push(stream);
            }
            if connection % 3 > 0 {
                tokio::time::sleep(Duration::from_millis(connection % 3)).await;
            } else {
                tokio::task::yield_now().await;
            }
            for (_response, mut body) in streams {
                body.send_reset(h2::Reason::CANCEL);
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        connected.abort();
    }
}

/// Connections of HTTP/1.1 that are closed after their request.
async fn close_connections(server: SocketAddr) {
    for _ in 0..60 {
        let mut clients = Vec::new();
        for _ in 0..10 {
            let mut client = TcpStream::connect(server).await.unwrap();
            let request = b"GET /api/x HTTP/1.1\r\nhost: a\r\n\r\n";
            client.write_all(request).await.unwrap();
            clients.push(client);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_given_up_use_up_no_ports() {
    for of_http2 in [true, false] {
        let (address, counts) = upstream().await;
        let proxy = ReverseProxy::new("/api", format!("http://{address}")).unwrap();
        let server = serve(proxy).await;
        if of_http2 {
            reset_streams(server).await;
        } else {
            close_connections(server).await;
        }
        assert_eq!(get(server, "/api/x", "").await.status, 200);
        tokio::time::sleep(Duration::from_millis(400)).await;
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        assert_eq!(count(&counts.closed_unused), 0);
        assert!(count(&counts.requests) > 100);
        let (kept, connections) = (time_wait(address), count(&counts.connections));
        assert!(
            kept < 10,
            "of {connections} connections {kept} keep their port"
        );
    }
}

/// An upstream over TLS that speaks these protocols; its authority is in the file.
async fn tls_upstream(protocols: &[&str]) -> (SocketAddr, tempfile::NamedTempFile) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), signed.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth();
    let chain = vec![signed.cert.der().clone()];
    let mut config = config.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let answer =
                    service_fn(|_| async { Ok::<_, Infallible>(Response::new(Body::from("ok"))) });
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    (address, file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_they_over_tls() {
    for protocols in [&["http/1.1"][..], &["h2", "http/1.1"]] {
        let (address, ca) = tls_upstream(protocols).await;
        let url = format!("https://localhost:{}", address.port());
        let tls = UpstreamTls::default().ca(ca.path());
        let proxy = ReverseProxy::builder("/api", url).upstream_tls(tls);
        let server = serve(proxy.build().unwrap()).await;
        reset_streams(server).await;
        assert_eq!(get(server, "/api/x", "").await.status, 200);
        tokio::time::sleep(Duration::from_millis(400)).await;
        let kept = time_wait(address);
        assert!(
            kept < 10,
            "{protocols:?}: {kept} connections keep their port"
        );
    }
}

/// An upstream that reads heads and nothing else, and says the same to all; it keeps every connection.
async fn deaf(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).await.unwrap();
                head.push(byte[0]);
            }
            let _ = stream.write_all(answer).await;
            kept.push(stream);
        }
    });
    address
}

/// An upload of more than fits between the two, whose stream is reset then.
async fn upload_and_go(server: SocketAddr) {
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut client, connected) = h2::client::handshake(stream).await.unwrap();
    let connected = tokio::spawn(connected);
    let request = Request::post("http://a/api/x").body(()).unwrap();
    let (_response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(bytes::Bytes::from(vec![b'x'; 20_000_000]), false)
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    body.send_reset(h2::Reason::CANCEL);
    tokio::time::sleep(Duration::from_millis(20)).await;
    connected.abort();
}

#[tokio::test]
async fn an_upload_that_is_given_up_keeps_no_connection() {
    for answer in [
        // The response has not come when the client goes, or is of no use, or has come in part.
        &b""[..],
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
    ] {
        let upstream = deaf(answer).await;
        let proxy = ReverseProxy::new("/api", format!("http://{upstream}")).unwrap();
        let server = serve(proxy.clone()).await;
        for _ in 0..3 {
            upload_and_go(server).await;
        }
        let none_left = async {
            while proxy.connections() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(5), none_left).await;
        let shown = String::from_utf8_lossy(answer);
        assert!(ended.is_ok(), "{} left: {shown:?}", proxy.connections());
    }
}
