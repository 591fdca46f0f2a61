//! Accepts connections, serves HTTP/1.1 and HTTP/2 on them, and drains them when told to stop.

use crate::connections::{Connections, Entry, Last};
use crate::limits::Limits;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::Either;
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use same_origin::proxy::{Coalesced, Peer};
use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

/// How much is held for a client of HTTP/1.1 that does not read.
const WRITE_SIZE: usize = 128 * 1024;
/// How much of an upload a client of HTTP/2 may send ahead of the upstream.
const STREAM_WINDOW: u32 = 256 * 1024;
/// How often a silent HTTP/2 peer is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// RFC 9113 3.4: what an HTTP/2 client sends first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Tells servers to stop; dropping the other end does it.
pub type Stop = watch::Receiver<()>;

/// A bound port, with TLS or without.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

impl Listener {
    /// The error names the key that says where to listen.
    pub async fn bind(address: SocketAddr, tls: Option<TlsAcceptor>) -> Result<Self, String> {
        let tcp = TcpListener::bind(address).await;
        let tcp = tcp.map_err(|error| format!("listen: cannot listen on {address}: {error}"))?;
        let limits = Limits::default();
        Ok(Self { tcp, tls, limits })
    }

    /// With other limits than the default ones.
    pub fn limited(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The origin that it serves, with the port that was really taken.
    pub fn origin(&self) -> io::Result<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.tcp.local_addr()?))
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    // A connection that is gone already concerns nobody; no file descriptors left
                    // would be reported again at once, without end.
                    warn!(%error, "accepting failed");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Serves until `stop`, then lets the requests in flight finish, for `drain` at most. Gives the time at
/// which that is over.
pub async fn serve<H, F, B>(
    listener: Listener,
    handle: H,
    mut stop: Stop,
    drain: Duration,
) -> Instant
where
    H: Fn(&Peer, Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + From<&'static str> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let limits = listener.limits;
    let connections = Arc::new(Connections::new(limits.resets));
    let watch = tokio::spawn(connections.clone().close_silent(limits.head_timeout));
    loop {
        let next = async {
            connections.fewer_than(limits.connections).await;
            listener.accept().await
        };
        let (stream, peer) = tokio::select! {
            accepted = next => accepted,
            _stopped = stop.changed() => break,
        };
        let (tls, handle) = (listener.tls.clone(), handle.clone());
        let entry = connections.enter();
        tokio::spawn(async move {
            if let Err(error) = connection(stream, peer, tls, limits, handle, &entry).await {
                debug!(%peer, error, "connection ended");
            }
        });
    }
    drop(listener);
    let end = Instant::now() + drain;
    if timeout_at(end, connections.drain()).await.is_err() {
        warn!(?drain, "connections were cut at the end of the drain time");
    }
    watch.abort();
    end
}

async fn connection<H, F, B>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    handle: H,
    entry: &Entry,
) -> Result<(), BoxError>
where
    H: Fn(&Peer, Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + From<&'static str> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // Small answers must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    let peer = Peer::new(peer).secure(tls.is_some());
    // Each kind in a box of its own, so that an idle connection takes no more room than its kind needs.
    if let Some(tls) = tls {
        return Box::pin(secure(stream, peer, tls, limits, handle, entry)).await;
    }
    let Some(http2) = begin(starts_with_preface(&stream), entry).await? else {
        return Ok(());
    };
    let io = Coalesced::new(TokioIo::new(stream));
    Box::pin(http(io, http2, peer, limits, handle, entry)).await
}

async fn secure<H, F, B>(
    stream: TcpStream,
    peer: Peer,
    tls: TlsAcceptor,
    limits: Limits,
    handle: H,
    entry: &Entry,
) -> Result<(), BoxError>
where
    H: Fn(&Peer, Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + From<&'static str> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Some(stream) = begin(tls.accept(stream), entry).await? else {
        return Ok(());
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = TokioIo::new(stream);
    Box::pin(http(io, http2, peer, limits, handle, entry)).await
}

/// What a connection begins with; `None` if it has to end before any request.
async fn begin<T>(
    beginning: impl Future<Output = io::Result<T>>,
    entry: &Entry,
) -> io::Result<Option<T>> {
    entry.drive(pin!(beginning), |_| false).await.transpose()
}

/// Whether the client speaks HTTP/2 by prior knowledge (RFC 9113 3.3). Nothing is taken from the
/// stream, so no later read has to look for bytes that were put back.
async fn starts_with_preface(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    let mut pause = Duration::from_millis(5);
    loop {
        let seen = stream.peek(&mut start).await?;
        if seen == 0 || !PREFACE.starts_with(&start[..seen]) {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        // No more will come.
        if stream.ready(Interest::READABLE).await?.is_read_closed() {
            return Ok(false);
        }
        // Part of the preface: the stream stays readable, so there is no event to wait for. Who sends
        // the rest late waits for it, and does not keep us busy.
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

async fn http<I, H, F, B>(
    io: I,
    http2: bool,
    peer: Peer,
    limits: Limits,
    handle: H,
    entry: &Entry,
) -> Result<(), BoxError>
where
    I: Read + Write + Send + Unpin + 'static,
    H: Fn(&Peer, Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + From<&'static str> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let connection = Arc::clone(&entry.connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let in_request = connection.request();
        // Over HTTP/1.1 the parser counts.
        let response = if http2 && request.headers().len() > limits.head_fields {
            Either::Left(ready(too_large()))
        } else {
            Either::Right(handle(&peer, request))
        };
        // Mapped rather than awaited, so that the future is not stored twice.
        response
            .map(|response| Ok::<_, Infallible>(response.map(|body| Last::new(body, in_request))))
    });
    let ended = if http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(limits.head_size)
            .max_concurrent_streams(limits.streams)
            .max_pending_accept_reset_streams(limits.resets as usize)
            // RFC 9113 5.2.2: an upload that its upstream does not take leaves room for others.
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(8 * STREAM_WINDOW)
            .keep_alive_interval(PING_INTERVAL)
            // WebSockets by HTTP/2 (RFC 8441).
            .enable_connect_protocol()
            .serve_connection(io, service);
        let stop = |connection: Pin<&mut http2::Connection<_, _, _>>| {
            connection.graceful_shutdown();
            true
        };
        entry.drive(Box::pin(connection).as_mut(), stop).await
    } else {
        let mut http1 = http1::Builder::new();
        // Heads that take too long are the connections' watch's business.
        http1
            .header_read_timeout(None)
            .max_header_size(limits.head_size as usize)
            .max_buf_size(WRITE_SIZE.max(limits.head_size as usize));
        // To say it costs an allocation for each request.
        if limits.head_fields != Limits::HEAD_FIELDS {
            http1.max_headers(limits.head_fields);
        }
        let connection = http1.serve_connection(io, service).with_upgrades();
        let stop = |connection: Pin<&mut http1::UpgradeableConnection<_, _>>| {
            connection.graceful_shutdown();
            true
        };
        entry.drive(pin!(connection), stop).await
    };
    match ended {
        Some(ended) => Ok(ended?),
        None => Err("closed: no request for too long, or too many that were reset".into()),
    }
}

/// RFC 6585 5: the answer to a head with too many fields.
fn too_large<B: From<&'static str>>() -> Response<B> {
    let mut response = Response::new(B::from("too many header fields\n"));
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response
}

/// How many workers there may be: more than any machine has cores for.
pub const WORKERS: RangeInclusive<u32> = 1..=1024;

/// The runtime for so many workers; by default `TOKIO_WORKER_THREADS`, or as many as there are cores
/// for this process.
///
/// One worker has nobody to share work with, so it is spared the machinery for sharing.
pub fn runtime(workers: Option<u32>) -> Result<Runtime, String> {
    let wanted = std::env::var("TOKIO_WORKER_THREADS")
        .ok()
        .and_then(|count| count.parse().ok());
    let workers = match workers.or(wanted) {
        Some(workers) => workers.clamp(*WORKERS.start(), *WORKERS.end()) as usize,
        None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };
    // One worker is this thread. A process that never had another one is spared locks by the C library.
    let others = if workers > 1 { workers } else { 0 };
    try_threads(others)
        .and_then(|()| build(workers))
        .map_err(|error| format!("workers: cannot start {workers}, write fewer: {error}"))
}

/// Fails if the system does not give so many threads: tokio panics without one, and then waits for the
/// workers that it has, without end.
fn try_threads(count: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    std::thread::scope(|scope| {
        // Locked until all are there, so that they are there together.
        let _locked = gate.lock();
        for _ in 0..count {
            std::thread::Builder::new().spawn_scoped(scope, || drop(gate.lock()))?;
        }
        Ok(())
    })
}

fn build(workers: usize) -> io::Result<Runtime> {
    let mut builder = if workers == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder.enable_all();
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.build()
}
