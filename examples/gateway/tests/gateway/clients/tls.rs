//! TLS and HTTP/2.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{Answer, get, upstream};
use crate::gateway::{self, file};
use crate::process::Process;

/// Writes a new certificate and its key.
fn certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.into()
}

/// A gateway with a new certificate, which only `connect` trusts.
async fn start() -> (Process, CertificateDer<'static>, TempDir) {
    start_with("", "").await
}

/// With more keys, of the file and of its route.
async fn start_with(keys: &str, route: &str) -> (Process, CertificateDer<'static>, TempDir) {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let certificate = certificate(folder.path());
    let path = file(
        folder.path(),
        &format!(
            "listen = '127.0.0.1:0'\ntls = {{ cert = 'cert.pem', key = 'key.pem' }}\n{keys}\n\
             [[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n{route}\n"
        ),
    );
    (gateway::start(&["--config", &path]), certificate, folder)
}

async fn connect(
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    protocols: &[&str],
) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    connect_on(stream, certificate, protocols).await
}

async fn connect_on(
    stream: TcpStream,
    certificate: CertificateDer<'static>,
    protocols: &[&str],
) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_protocol_is_negotiated_by_alpn() {
    let (gateway, certificate, _folder) = start().await;
    assert!(gateway.origin.starts_with("https://"), "{}", gateway.origin);
    for (offered, agreed) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&["http/1.0", "http/1.1"], Some("http/1.1")),
        (&["http/1.0"], Some("http/1.0")),
        (&[], None),
    ] {
        let stream = connect(gateway.address(), certificate.clone(), offered).await;
        let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(
            protocol.as_deref(),
            agreed.map(str::as_bytes),
            "{offered:?}"
        );

        let uri = "https://localhost/x";
        let request = Request::get(uri)
            .header("host", "localhost")
            .body(Empty::<Bytes>::new());
        let (mut request, io) = (request.unwrap(), TokioIo::new(stream));
        let response = if agreed == Some("h2") {
            request.headers_mut().remove("host");
            let (mut sender, connection) =
                http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            *request.uri_mut() = "/x".parse().unwrap();
            let (mut sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        };
        let http2 = response.version() == Version::HTTP_2;
        assert_eq!(http2, agreed == Some("h2"));
        let answer = Answer::read(response).await;
        assert!(answer.body.starts_with("up GET /x\n"), "{}", answer.body);
        assert!(
            answer.body.contains("x-forwarded-proto: https\n"),
            "{}",
            answer.body
        );
    }
}

/// RFC 9112 9.8: the end of a connection is told by an alert; without it a client takes the answer for cut.
#[tokio::test]
async fn the_end_is_told_where_another_protocol_was_offered() {
    let (gateway, certificate, _folder) = start().await;
    let offer = "Connection: upgrade\r\nUpgrade: h2c\r\n";
    let request = |fields: &str| format!("GET /x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    let close = "Connection: close\r\n";
    for requests in [
        request(close),
        request(&[offer, close].concat()),
        request(offer) + &request(close),
        request(offer) + "nonsense\r\n\r\n",
    ] {
        let mut stream = connect(gateway.address(), certificate.clone(), &["http/1.1"]).await;
        stream.write_all(requests.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let ended = stream.read_to_string(&mut answer).await;
        assert!(ended.is_ok(), "{requests}: {ended:?}");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test]
async fn without_tls_http2_is_spoken_by_prior_knowledge() {
    let upstream = upstream("up").await;
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n"
    ));
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://localhost/x")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let answer = Answer::read(response).await;
    assert!(
        answer.body.contains("x-forwarded-proto: http\n"),
        "{}",
        answer.body
    );

    let answer = get(format!("{}/x", gateway.origin)).await;
    assert!(answer.body.starts_with("up GET /x\n"), "{}", answer.body);
}

/// One request on a connection that stays open.
async fn ask(sender: &mut http1::SendRequest<Empty<Bytes>>) -> Answer {
    let request = Request::get("/x").header("host", "localhost");
    let request = request.body(Empty::new()).unwrap();
    Answer::read(sender.send_request(request).await.unwrap()).await
}

#[tokio::test]
async fn a_certificate_is_replaced_while_it_is_served() {
    let (gateway, old, folder) = start().await;
    let open = async |certificate: &CertificateDer<'static>| {
        let stream = connect(gateway.address(), certificate.clone(), &["http/1.1"]).await;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    };
    let mut before = open(&old).await;
    assert_eq!(ask(&mut before).await.status, 200);
    // Under the same names, as a renewal writes them.
    let new = certificate(folder.path());
    gateway.signal("HUP");
    gateway.logged("read again and is served", 1).await;
    assert_eq!(ask(&mut open(&new).await).await.status, 200);
    assert_eq!(ask(&mut before).await.status, 200);

    // A broken certificate behind the good one, for which a client would refuse the whole chain.
    let cert = folder.path().join("cert.pem");
    let good = std::fs::read_to_string(&cert).unwrap();
    let cut = "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&cert, format!("{good}{cut}")).unwrap();
    gateway.signal("HUP");
    gateway.logged("nothing has changed", 1).await;
    let log = gateway.log();
    assert!(log.contains("certificate 2 of it is broken"), "{log}");
    assert_eq!(ask(&mut open(&new).await).await.status, 200);
    std::fs::write(&cert, good).unwrap();

    // A key that is not the certificate's, and then one that is not there.
    let other = rcgen::KeyPair::generate().unwrap();
    std::fs::write(folder.path().join("key.pem"), other.serialize_pem()).unwrap();
    gateway.signal("HUP");
    gateway.logged("nothing has changed", 2).await;
    let log = gateway.log();
    let words = "tls: certificate and key do not serve together";
    assert!(log.contains(words), "{log}");
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    gateway.signal("HUP");
    gateway.logged("nothing has changed", 3).await;
    let log = gateway.log();
    assert!(log.contains("tls.key: cannot read a private key"), "{log}");
    assert_eq!(ask(&mut open(&new).await).await.status, 200);
    assert_eq!(ask(&mut before).await.status, 200);
}

#[tokio::test]
async fn a_client_is_announced_before_its_handshake_which_is_counted() {
    let admin = free_port();
    let keys =
        format!("proxy_protocol = ['127.0.0.1/32']\n[admin]\nlisten = '127.0.0.1:{admin}'\n");
    let (gateway, certificate, _folder) = start_with(&keys, "security_headers = true").await;
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    let header = b"PROXY TCP4 203.0.113.7 10.0.0.1 4200 443\r\n";
    stream.write_all(header).await.unwrap();
    let stream = connect_on(stream, certificate, &["http/1.1"]).await;
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = Answer::read(client.send_request(request).await.unwrap()).await;
    assert!(
        answer.body.contains("x-forwarded-for: 203.0.113.7\n"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("x-forwarded-proto: https\n"),
        "{}",
        answer.body
    );
    assert_eq!(
        answer.field("strict-transport-security"),
        "max-age=31536000"
    );
    let mut other = TcpStream::connect(gateway.address()).await.unwrap();
    other
        .write_all(b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let _alert = other.read(&mut [0; 64]).await;
    let lines = ["ok", "failed"]
        .map(|outcome| format!("same_origin_tls_handshakes_total{{outcome=\"{outcome}\"}} 1"));
    // The alert is sent before its handshake is counted.
    let counted = async {
        loop {
            let metrics = get(format!("http://127.0.0.1:{admin}/metrics")).await.body;
            if lines.iter().all(|line| metrics.contains(line)) {
                return;
            }
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(10), counted).await;
    assert!(counted.is_ok(), "{lines:?}");
}

/// Balancers look whether a port is open.
#[tokio::test]
async fn a_connection_without_a_byte_is_not_a_handshake_that_failed() {
    let admin = free_port();
    let keys = format!("[admin]\nlisten = '127.0.0.1:{admin}'\n");
    let (gateway, certificate, _folder) = start_with(&keys, "").await;
    for is_reset in [false, true] {
        let probe = TcpStream::connect(gateway.address()).await.unwrap();
        if is_reset {
            socket2::SockRef::from(&probe)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
    }
    let mut begun = TcpStream::connect(gateway.address()).await.unwrap();
    // The head of a record, and no record.
    begun.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
    drop(begun);
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    connect_on(stream, certificate, &["http/1.1"]).await;
    let outcomes = async || {
        let metrics = get(format!("http://127.0.0.1:{admin}/metrics")).await.body;
        let lines = metrics
            .lines()
            .filter(|line| line.starts_with("same_origin_tls_handshakes"));
        let mut outcomes: Vec<_> = lines.map(|line| line[32..].to_owned()).collect();
        outcomes.sort();
        outcomes
    };
    let wanted = ["{outcome=\"failed\"} 1", "{outcome=\"ok\"} 1"];
    for _ in 0..200 {
        if outcomes().await == wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(outcomes().await, wanted);
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// RFC 9112 9.6: to close while the client sends would reset the connection, and with it take the answer back.
#[tokio::test]
async fn an_early_answer_reaches_a_client_that_goes_on_to_send() {
    let (gateway, certificate, _folder) = start_with("", "limits = { request_body = 10 }").await;
    let mut stream = connect(gateway.address(), certificate, &["http/1.1"]).await;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..10 {
        stream.write_all(&[b'x'; 100_000]).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut answer = String::new();
    // The end is told, and is not a cut.
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}
