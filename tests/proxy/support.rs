//! Real sockets on both sides of a proxy: a scripted upstream, a hyper server, a raw client.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use same_origin::proxy::{Body, Peer, ReverseProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

/// A request as it arrived, head and body, byte for byte.
#[derive(Clone, Debug)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    /// The request target.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The values of a field, line by line.
    pub fn all(&self, name: &str) -> Vec<&str> {
        fields(&self.head, name)
    }

    /// The value of a field that must stand on one line.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [value] => value,
            ref values => panic!("{name}: {values:?} in\n{}", self.head),
        }
    }
}

/// The values of a field in a head.
pub fn fields<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

/// An upstream that answers each request with the bytes that `answer` makes of it; no bytes close the
/// connection.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Upstream {
    pub async fn start(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    pub fn start_on(
        listener: TcpListener,
        answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&log), Arc::clone(&answer)));
            }
        });
        Self { address, seen }
    }

    /// Answers everything with 200 and `ok`.
    pub async fn ok() -> Self {
        Self::start(|_| reply("")).await
    }

    pub fn url(&self, base: &str) -> String {
        format!("http://{}{base}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The only request seen.
    #[track_caller]
    pub fn one(&self) -> Seen {
        match &self.seen()[..] {
            [one] => one.clone(),
            several => panic!("{} requests seen: {several:?}", several.len()),
        }
    }
}

/// `200 OK` with these field lines (each ended by CRLF) and the body `ok`.
pub fn reply(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\nok").into_bytes()
}

async fn converse(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<impl Fn(&Seen) -> Vec<u8>>,
) {
    let mut buffer = Vec::new();
    while let Some(head) = read_until(&mut stream, &mut buffer, b"\r\n\r\n").await {
        let head = String::from_utf8_lossy(&head).into_owned();
        let chunked = fields(&head, "transfer-encoding") == ["chunked"];
        let body = if chunked {
            read_until(&mut stream, &mut buffer, b"0\r\n\r\n")
                .await
                .unwrap_or_default()
        } else {
            let length = fields(&head, "content-length");
            let length = length.first().map_or(0, |length| length.parse().unwrap());
            read_exact(&mut stream, &mut buffer, length).await
        };
        let seen = Seen { head, body };
        log.lock().unwrap().push(seen.clone());
        let bytes = answer(&seen);
        if bytes.is_empty() || stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn read_until(stream: &mut TcpStream, buffer: &mut Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = buffer.windows(end.len()).position(|window| window == end) {
            return Some(buffer.drain(..at + end.len()).collect());
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

async fn read_exact(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> Vec<u8> {
    while buffer.len() < length {
        if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            break;
        }
    }
    buffer.drain(..length.min(buffer.len())).collect()
}

/// Serves any service of the proxy's shape over HTTP/1.1 and HTTP/2.
pub async fn serve<S>(service: S) -> SocketAddr
where
    S: Service<
            http::Request<Incoming>,
            Response = http::Response<Body>,
            Error = std::convert::Infallible,
        > + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, client)) = listener.accept().await {
            let (service, peer) = (service.clone(), Peer::new(client));
            let service =
                hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
                    request.extensions_mut().insert(peer.clone());
                    service.clone().call(request)
                });
            tokio::spawn(async move {
                let mut server = auto::Builder::new(TokioExecutor::new());
                server.http2().enable_connect_protocol();
                let _ = server
                    .serve_connection_with_upgrades(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

/// A proxy of `upstream` under `/api`, served.
pub async fn proxy_of(upstream: &Upstream, base: &str) -> SocketAddr {
    serve(ReverseProxy::new("/api", upstream.url(base)).unwrap()).await
}

/// Sends raw bytes, and gives the answer up to the end of the connection.
pub async fn exchange(server: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(request.as_ref()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset after the answer is an end as well.
    let _ = stream.read_to_end(&mut bytes).await;
    Answer::parse(&bytes)
}

/// A GET that asks for the connection to be closed.
pub async fn get(server: SocketAddr, target: &str, fields: &str) -> Answer {
    let request =
        format!("GET {target} HTTP/1.1\r\nhost: app.example\r\nconnection: close\r\n{fields}\r\n");
    exchange(server, request).await
}

/// A response as it arrived.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Bytes,
}

impl Answer {
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.map_or(bytes.len(), |at| at + 4));
        let head = String::from_utf8_lossy(head).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head,
            body: Bytes::copy_from_slice(body),
        }
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        fields(&self.head, name)
    }
}
