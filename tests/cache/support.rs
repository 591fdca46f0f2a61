//! An origin that counts what it is asked, behind a cache, and clients of it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use same_origin::cache::{self, Cache, CacheBuilder, Cached, Outcome};
use tower::{Layer, Service, ServiceExt};

pub type Answer = Result<Response<Body>, &'static str>;
type Handler = dyn Fn(Seen) -> BoxFuture<'static, Answer> + Send + Sync;

/// A request as the origin saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The number of those that came before.
    pub number: usize,
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
}

impl Seen {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A service that answers by a function, and remembers what it was asked.
#[derive(Clone)]
pub struct Origin {
    handler: Arc<Handler>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Service<Request<Body>> for Origin {
    type Response = Response<Body>;
    type Error = &'static str;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut seen = self.seen.lock().unwrap();
        let (parts, _) = request.into_parts();
        let one = Seen {
            number: seen.len(),
            method: parts.method,
            target: parts.uri.to_string(),
            headers: parts.headers,
        };
        seen.push(one.clone());
        (self.handler)(one)
    }
}

/// An origin behind a cache.
#[derive(Clone)]
pub struct Site {
    pub cache: Cache,
    pub origin: Origin,
    service: Cached<Origin>,
}

impl Site {
    pub fn new(answer: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static) -> Self {
        Self::with(Cache::builder(), answer)
    }

    pub fn with(
        builder: CacheBuilder,
        answer: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        Self::slow(builder, move |seen| {
            let answer = Ok(answer(&seen));
            Box::pin(async move { answer })
        })
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write it where they need it"
    )]
    pub fn slow(
        builder: CacheBuilder,
        handler: impl Fn(Seen) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
    ) -> Self {
        let cache = builder.build().unwrap();
        let origin = Origin {
            handler: Arc::new(handler),
            seen: Arc::default(),
        };
        let service = cache.layer().layer(origin.clone());
        Self {
            cache,
            origin,
            service,
        }
    }

    /// The same origin behind another cache.
    pub fn behind(&self, cache: Cache) -> Self {
        let origin = self.origin.clone();
        let service = cache.layer().layer(origin.clone());
        Self {
            cache,
            origin,
            service,
        }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.origin.seen.lock().unwrap().clone()
    }

    pub fn service(&self) -> Cached<Origin> {
        self.service.clone()
    }

    /// The head of an answer, its body unread.
    pub async fn head(&self, request: Request<Body>) -> Response<cache::Body<Body>> {
        self.service.clone().oneshot(request).await.unwrap()
    }

    /// An answer, read to its end.
    pub async fn ask(&self, request: Request<Body>) -> Got {
        Got::of(self.head(request).await).await
    }

    pub async fn get(&self, target: &str) -> Got {
        self.ask(get(target, &[])).await
    }

    pub async fn error(&self, request: Request<Body>) -> &'static str {
        self.service.clone().oneshot(request).await.unwrap_err()
    }
}

/// An answer that has been read.
#[derive(Clone, Debug)]
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
    pub outcome: Option<Outcome>,
}

impl Got {
    pub async fn of<B>(response: Response<B>) -> Self
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        Self {
            status: parts.status,
            outcome: parts.extensions.get().copied(),
            headers: parts.headers,
            trailers: body.trailers().cloned(),
            body: body.to_bytes(),
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

pub fn get(target: &str, fields: &[(&str, &str)]) -> Request<Body> {
    request("GET", target, fields)
}

pub fn response(status: u16, fields: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// An answer that says how often the origin was asked.
pub fn counted(fields: &'static [(&str, &str)]) -> impl Fn(&Seen) -> Response<Body> {
    move |seen| response(200, fields, format!("answer {}", seen.number))
}

pub const FRESH: (&str, &str) = ("cache-control", "max-age=60");

/// A body of given frames, without a length.
struct Frames(VecDeque<Result<http_body::Frame<Bytes>, &'static str>>);

/// A body of these frames.
pub fn frames(
    frames: impl IntoIterator<Item = Result<http_body::Frame<Bytes>, &'static str>>,
) -> Body {
    Body::new(Frames(frames.into_iter().collect()))
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.pop_front())
    }
}

pub fn data(text: &'static str) -> Result<http_body::Frame<Bytes>, &'static str> {
    Ok(http_body::Frame::data(Bytes::from_static(text.as_bytes())))
}

/// Something that cannot fail is not an error.
pub fn fine<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
