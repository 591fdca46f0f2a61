//! The same binaries over a socket.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use crate::process::Process;
use crate::shapes::Asked;

pub struct Server {
    process: Process,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Server {
    pub fn start(binary: &str, variables: &[(&str, &str)]) -> Self {
        let process = Process::start_with(Path::new(binary), &["127.0.0.1:0"], variables);
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { process, client }
    }

    /// `None`: no client can send it.
    pub async fn send(&self, asked: &Asked) -> Option<Response<Vec<u8>>> {
        let query = if asked.query.is_empty() { "" } else { "?" };
        let uri = [&self.process.origin, &asked.path, query, &asked.query].concat();
        let method = Method::from_bytes(asked.method.as_bytes()).ok()?;
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in &asked.fields {
            let bytes: Vec<u8> = value.chars().map(|c| c as u8).collect();
            let value = HeaderValue::from_bytes(&bytes).ok()?;
            request = request.header(HeaderName::try_from(name).ok()?, value);
        }
        let body = Full::from(asked.body.clone());
        let response = self.client.request(request.body(body).ok()?).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Some(Response::from_parts(head, body))
    }
}
