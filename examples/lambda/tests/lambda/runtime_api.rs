//! A Runtime API (version 2018-06-01) for one function: it takes one event at a time, and says what came of it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};

type Outcome = Result<Value, String>;

/// A binary that runs as a function. Dropping it ends it.
pub struct Function {
    child: Child,
    events: mpsc::Sender<(Value, oneshot::Sender<Outcome>)>,
}

struct Api {
    events: Mutex<mpsc::Receiver<(Value, oneshot::Sender<Outcome>)>>,
    running: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

impl Function {
    pub async fn start(binary: &str, variables: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, queue) = mpsc::channel(1);
        let api = Arc::new(Api {
            events: Mutex::new(queue),
            running: Mutex::default(),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let api = Arc::clone(&api);
                let service = service_fn(move |request| Arc::clone(&api).answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        let child = Command::new(Path::new(binary))
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, events }
    }

    /// The function's answer to one event, or the error that it ended with.
    pub async fn invoke(&self, event: Value) -> Outcome {
        let (done, outcome) = oneshot::channel();
        self.events.send((event, done)).await.unwrap();
        let outcome = tokio::time::timeout(Duration::from_secs(10), outcome).await;
        outcome.expect("an answer in time").expect("an answer")
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Api {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let steps: Vec<_> = path.split('/').skip(1).collect();
        Ok(match (request.method(), &steps[..]) {
            (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => self.next().await,
            (&Method::POST, ["2018-06-01", "runtime", "invocation", id, kind]) => {
                let (id, kind) = ((*id).to_owned(), (*kind).to_owned());
                let body = request.collect().await.unwrap().to_bytes();
                let text = || String::from_utf8_lossy(&body).into_owned();
                let outcome = match kind.as_str() {
                    "response" => serde_json::from_slice(&body).map_err(|_| text()),
                    _ => Err(text()),
                };
                let done = self.running.lock().await.remove(&id).expect("under way");
                let _ = done.send(outcome);
                status(202)
            }
            _ => panic!("{} {path}", request.method()),
        })
    }

    /// Waits for an event, as long as it takes.
    async fn next(&self) -> Response<Full<Bytes>> {
        let Some((event, done)) = self.events.lock().await.recv().await else {
            return status(410);
        };
        let mut running = self.running.lock().await;
        let id = format!("00000000-0000-4000-8000-{:012}", fresh());
        running.insert(id.clone(), done);
        Response::builder()
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", "4102444800000")
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:0:function:f",
            )
            .header("lambda-runtime-trace-id", "Root=1-0-0")
            .body(Full::from(event.to_string()))
            .unwrap()
    }
}

fn fresh() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn status(status: u16) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    response.body(Full::default()).unwrap()
}
