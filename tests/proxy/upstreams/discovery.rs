//! Endpoints that come and go while requests are under way.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::stream;
use http::{Request, Response};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use same_origin::proxy::{
    Body, Client, ConnectTo, Endpoint, EndpointChange, ProxyBuilder, ProxyError, ProxyErrorKind,
    ReverseProxy,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tower::{Service, ServiceExt};

use crate::support::{Answer, Upstream, get, reply, serve};

/// The name of the service; nothing resolves it.
const NAME: &str = "api.invalid";

type Changes = UnboundedSender<EndpointChange<u8>>;

fn builder() -> ProxyBuilder {
    ReverseProxy::builder("/api", format!("http://{NAME}/base"))
}

/// A proxy whose list is fed by hand, and begins with this.
fn fed(
    builder: ProxyBuilder,
    first: impl IntoIterator<Item = EndpointChange<u8>>,
) -> (ReverseProxy, Changes) {
    let (changes, mut received) = unbounded_channel();
    for change in first {
        changes.send(change).unwrap();
    }
    let stream = stream::poll_fn(move |cx| received.poll_recv(cx));
    (builder.discover(stream).build().unwrap(), changes)
}

fn insert(key: u8, upstream: &Upstream) -> EndpointChange<u8> {
    EndpointChange::Insert(key, Endpoint::at(upstream.address))
}

/// Asks until the answer is as wanted: a change takes a turn of the task that follows it.
async fn until(server: SocketAddr, wanted: impl Fn(&Answer) -> bool) -> Answer {
    loop {
        let answer = get(server, "/api/x", "").await;
        if wanted(&answer) {
            return answer;
        }
    }
}

async fn status_and_kind(proxy: ReverseProxy) -> (u16, Option<ProxyErrorKind>) {
    let request = Request::get("/api/x").header("host", "app.example");
    let response = proxy.oneshot(request.body(Body::empty()).unwrap()).await;
    let response = response.unwrap();
    let error = response.extensions().get::<ProxyError>();
    (response.status().as_u16(), error.map(ProxyError::kind))
}

#[tokio::test]
async fn an_endpoint_is_an_address_and_the_upstream_is_the_name() {
    let upstream = Upstream::ok().await;
    let (proxy, changes) = fed(builder(), []);
    let none = (502, Some(ProxyErrorKind::NoUpstream));
    assert_eq!(status_and_kind(proxy.clone()).await, none);
    let server = serve(proxy).await;
    changes.send(insert(1, &upstream)).unwrap();
    until(server, |answer| answer.status == 200).await;
    let seen = upstream.one();
    assert_eq!((seen.target(), seen.field("host")), ("/base/x", NAME));
}

#[tokio::test]
async fn what_is_known_at_once_is_there_for_the_first_request() {
    let (one, two) = (Upstream::ok().await, Upstream::ok().await);
    let changes = stream::iter([insert(1, &one), insert(2, &two), insert(2, &two)]);
    let proxy = builder().discover(changes).build().unwrap();
    // The stream has ended; its list stays.
    let server = serve(proxy).await;
    for _ in 0..40 {
        assert_eq!(get(server, "/api/x", "").await.status, 200);
    }
    let (one, two) = (one.seen().len(), two.seen().len());
    assert!(one + two == 40 && one > 5 && two > 5, "{one} and {two}");
}

/// An upstream of single connections, driven by the test.
struct Held(TcpListener);

impl Held {
    async fn start() -> (Self, EndpointChange<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::at(listener.local_addr().unwrap());
        (Self(listener), EndpointChange::Insert(1, endpoint))
    }

    /// The next connection, when a request has come by it.
    async fn request(&self) -> TcpStream {
        let (mut stream, _) = self.0.accept().await.unwrap();
        head(&mut stream).await;
        stream
    }
}

/// Reads a request without a body.
async fn head(stream: &mut TcpStream) {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn of_a_removed_endpoint_requests_finish_and_idle_connections_close() {
    let (held, endpoint) = Held::start().await;
    let (proxy, changes) = fed(builder(), [endpoint]);
    let server = serve(proxy).await;
    let request = || tokio::spawn(get(server, "/api/x", ""));

    // One connection lies idle, another is in the middle of a response.
    let (first, mut idle) = (request(), held.request().await);
    let (second, mut busy) = (request(), held.request().await);
    idle.write_all(&reply("")).await.unwrap();
    assert_eq!(first.await.unwrap().status, 200);
    busy.write_all(&reply("")[..30]).await.unwrap();

    let other = Upstream::ok().await;
    changes.send(EndpointChange::Remove(1)).unwrap();
    changes.send(insert(2, &other)).unwrap();
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "idle: closed");
    busy.write_all(&reply("")[30..]).await.unwrap();
    assert_eq!(second.await.unwrap().body, "ok");
    assert_eq!(busy.read(&mut [0]).await.unwrap(), 0, "busy: closed after");
    for _ in 0..10 {
        assert_eq!(get(server, "/api/x", "").await.status, 200);
    }
    assert_eq!(other.seen().len(), 10);
}

#[tokio::test]
async fn a_connection_of_http_2_to_a_removed_endpoint_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connection = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let ok = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
        http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), ok)
            .await
    });
    let builder = ReverseProxy::builder("/api", format!("h2c://{NAME}"));
    let (proxy, changes) = fed(builder, [EndpointChange::Insert(1, address.into())]);
    assert_eq!(status_and_kind(proxy.clone()).await, (200, None));
    changes.send(EndpointChange::Remove(1)).unwrap();
    connection.await.unwrap().unwrap();
    let none = (502, Some(ProxyErrorKind::NoUpstream));
    assert_eq!(status_and_kind(proxy).await, none);
}

#[tokio::test]
async fn a_key_that_comes_again_moves_its_endpoint() {
    let (one, two) = (
        Upstream::start(|_| reply("x: 1\r\n")).await,
        Upstream::ok().await,
    );
    let (proxy, changes) = fed(builder(), [insert(1, &one)]);
    let server = serve(proxy).await;
    assert_eq!(get(server, "/api/x", "").await.all("x"), ["1"]);
    changes.send(insert(1, &two)).unwrap();
    until(server, |answer| answer.all("x").is_empty()).await;
    let before = one.seen().len();
    assert_eq!(get(server, "/api/x", "").await.status, 200);
    assert_eq!(one.seen().len(), before);
    changes.send(EndpointChange::Remove(1)).unwrap();
    until(server, |answer| answer.status == 502).await;
}

#[tokio::test]
async fn the_only_endpoint_is_tried_for_each_request() {
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let (proxy, _changes) = fed(builder(), [EndpointChange::Insert(1, address.into())]);
    for _ in 0..3 {
        let refused = (502, Some(ProxyErrorKind::Connect));
        assert_eq!(status_and_kind(proxy.clone()).await, refused);
    }
    let listener = TcpListener::bind(address).await.unwrap();
    let answered = tokio::spawn(status_and_kind(proxy));
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(&reply("")).await.unwrap();
    assert_eq!(answered.await.unwrap(), (200, None));
}

#[tokio::test]
async fn a_dead_endpoint_costs_no_request() {
    let dead = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let live = Upstream::ok().await;
    let (proxy, _changes) = fed(
        builder(),
        [EndpointChange::Insert(1, dead.into()), insert(2, &live)],
    );
    let server = serve(proxy).await;
    for _ in 0..20 {
        assert_eq!(get(server, "/api/x", "").await.status, 200);
    }
}

#[tokio::test]
async fn an_endpoint_with_a_name_goes_by_it() {
    let upstream = Upstream::start(|seen| {
        let own = seen.field("host");
        reply(&format!("location: http://{own}/base/there\r\n"))
    })
    .await;
    let shard = Endpoint::named("Shard-3.invalid:80").unwrap();
    let shard = shard.with_address(upstream.address);
    let local = Endpoint::named(&upstream.address.to_string()).unwrap();
    for (endpoint, host) in [
        (shard, "shard-3.invalid".to_owned()),
        (local, upstream.address.to_string()),
    ] {
        let (proxy, _changes) = fed(builder(), [EndpointChange::Insert(1, endpoint)]);
        let answer = get(serve(proxy).await, "/api/x", "").await;
        assert_eq!(answer.all("location"), ["/api/there"], "{host}");
        assert_eq!(upstream.seen().last().unwrap().field("host"), host);
    }
}

#[tokio::test]
async fn the_task_ends_with_the_last_proxy() {
    let (proxy, changes) = fed(builder(), []);
    let clone = proxy.clone();
    drop(proxy);
    assert!(changes.send(EndpointChange::Remove(1)).is_ok());
    drop(clone);
    changes.closed().await;
}

#[test]
fn without_a_runtime_the_list_begins_with_the_first_request() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let upstream = runtime.block_on(Upstream::ok());
    let (proxy, changes) = fed(builder(), [insert(1, &upstream)]);
    assert_eq!(
        runtime.block_on(status_and_kind(proxy.clone())),
        (200, None)
    );
    // The runtime goes first: the last list stays, and the changes wait for the next one.
    drop(runtime);
    assert!(!changes.is_closed());
    let other = tokio::runtime::Runtime::new().unwrap();
    let gone = (502, Some(ProxyErrorKind::Connect));
    assert_eq!(other.block_on(status_and_kind(proxy)), gone);
}

/// A layer's service: notes where the request is to be connected to, and hands it on.
#[derive(Clone)]
struct Noting(Client, Arc<Mutex<Vec<Option<SocketAddr>>>>);

impl Service<Request<Body>> for Noting {
    type Response = <Client as Service<Request<Body>>>::Response;
    type Error = <Client as Service<Request<Body>>>::Error;
    type Future = <Client as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert_eq!(request.uri().authority().unwrap(), NAME);
        let place = request.extensions().get::<ConnectTo>().unwrap();
        self.1.lock().unwrap().push(place.address());
        self.0.call(request)
    }
}

#[tokio::test]
async fn a_client_below_layers_connects_to_the_endpoint() {
    let upstream = Upstream::ok().await;
    let places = Arc::default();
    let client = Noting(Client::new().unwrap(), Arc::clone(&places));
    let changes = stream::iter([insert(1, &upstream)]);
    let proxy = builder()
        .discover(changes)
        .build_with_client(client)
        .unwrap();
    let server = serve(proxy).await;
    for _ in 0..2 {
        assert_eq!(get(server, "/api/x", "").await.status, 200);
    }
    assert_eq!(*places.lock().unwrap(), [Some(upstream.address); 2]);
}

#[tokio::test]
async fn endpoints_are_those_of_one_service() {
    let builder = builder().upstreams(["http://a.example", "http://b.example"]);
    let errors = builder
        .discover(stream::empty::<EndpointChange<u8>>())
        .build();
    let errors = errors.unwrap_err();
    let keys: Vec<_> = errors
        .iter()
        .map(|error| (error.key(), error.index()))
        .collect();
    assert_eq!(keys, [("upstream", Some(1))]);
}
