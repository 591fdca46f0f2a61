//! A client and an upstream for the tests of the gateway.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::process::Process;

/// A response that arrived as a whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn read(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// A field's value; empty if there is none.
    pub fn field(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends a request by a new connection.
pub async fn send(request: Request<Full<Bytes>>) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build_http();
    Answer::read(client.request(request).await.unwrap()).await
}

pub async fn get(url: String) -> Answer {
    send(Request::get(url).body(Full::default()).unwrap()).await
}

/// A request with an `Origin`, and more fields as given.
pub async fn send_from(method: &str, origin: &str, url: String, fields: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(url)
        .header("origin", origin);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(request.body(Full::default()).unwrap()).await
}

/// Sends these bytes, and gives the answer up to the end of the connection.
pub async fn exchange(gateway: &Process, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    answer
}

/// Answers with its name, the target, and the fields of the request: `name GET /path` and lines.
/// A request to `/to?URL` is redirected there.
pub async fn upstream(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service =
                service_fn(move |request| async move { Ok::<_, Infallible>(echo(name, &request)) });
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn echo(name: &str, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let uri = request.uri();
    let mut text = format!("{name} {} {uri}\n", request.method());
    for (field, value) in request.headers() {
        text += &format!("{field}: {}\n", value.to_str().unwrap());
    }
    let mut response = Response::new(Full::from(text));
    if uri.path().ends_with("/to") {
        *response.status_mut() = StatusCode::SEE_OTHER;
        let location = uri.query().unwrap().parse().unwrap();
        response.headers_mut().insert("location", location);
    }
    response
}
