//! The requests: so many over so many connections, each sent when the answer before it is read.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A kind of request.
pub struct Case {
    pub name: &'static str,
    pub method: Method,
    pub path: &'static str,
    /// Bytes of the request's body.
    pub body: usize,
    /// The number of header fields beyond the usual.
    pub fields: usize,
    /// The number of bytes that come back.
    pub answer: usize,
    pub requests: usize,
}

impl Case {
    fn request(&self, address: SocketAddr) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(&self.method)
            .uri(self.path)
            .header("host", address.to_string())
            .header("user-agent", "bench")
            .header("accept", "*/*");
        for n in 0..self.fields {
            request = request.header(format!("x-client-{n}"), "a value of the usual length");
        }
        let body = Bytes::from(vec![b'x'; self.body]);
        request.body(Full::new(body)).expect("a request")
    }
}

/// Open connections to one proxy.
pub struct Load {
    address: SocketAddr,
    senders: Vec<SendRequest<Full<Bytes>>>,
}

impl Load {
    pub async fn connect(address: SocketAddr, connections: usize) -> Self {
        let one = async || {
            let stream = TcpStream::connect(address).await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP");
            tokio::spawn(connection);
            sender
        };
        Self {
            address,
            senders: join_all((0..connections).map(|_| one())).await,
        }
    }

    /// Sends a case's requests, and reads the answers to their ends.
    pub async fn run(&mut self, case: &Case, requests: usize) {
        let each = requests.div_ceil(self.senders.len());
        let address = self.address;
        join_all(self.senders.iter_mut().map(async |sender| {
            for _ in 0..each {
                sender.ready().await.expect("a connection that is kept");
                let answer = sender.send_request(case.request(address)).await;
                let answer = answer.expect("an answer");
                assert_eq!(answer.status(), StatusCode::OK, "{}", case.name);
                let mut body = answer.into_body();
                let mut length = 0;
                while let Some(frame) = body.frame().await {
                    length += frame.expect("a frame").data_ref().map_or(0, Bytes::len);
                }
                assert_eq!(length, case.answer, "{}", case.name);
            }
        }))
        .await;
    }
}

/// Open WebSockets through one proxy.
pub struct Sockets {
    sockets: Vec<WebSocketStream<TcpStream>>,
}

impl Sockets {
    pub async fn connect(address: SocketAddr, connections: usize) -> Self {
        let one = async || {
            let stream = TcpStream::connect(address).await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            let url = format!("ws://{address}/ws");
            let opened = tokio_tungstenite::client_async(url, stream).await;
            opened.expect("a WebSocket").0
        };
        Self {
            sockets: join_all((0..connections).map(|_| one())).await,
        }
    }

    /// Sends messages of 128 bytes and waits for each to come back.
    pub async fn run(&mut self, messages: usize) {
        let each = messages.div_ceil(self.sockets.len());
        join_all(self.sockets.iter_mut().map(async |socket| {
            for _ in 0..each {
                let message = Message::binary(vec![b'x'; 128]);
                socket.send(message.clone()).await.expect("to send");
                let echoed = socket.next().await.expect("a message").expect("a message");
                assert_eq!(echoed, message);
            }
        }))
        .await;
    }
}
