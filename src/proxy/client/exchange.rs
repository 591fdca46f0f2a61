//! One request and its response's head: on which connection, and how often.

use super::connect::{ConnectError, Connector};
use super::error::{ClientError, was_not_processed};
use super::lent::{Held, Hold, Lent};
use super::pool::{Pool, Taken};
use super::spare::Spare;
use crate::proxy::body::Body;
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::upstream::Protocol;
use crate::proxy::wire::host::set_host;
use crate::proxy::wire::own::own_values;
use http::header::{self, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use std::sync::Arc;

/// Sends a request on a connection of the pool, or on a new one.
///
/// `http1_only`: it asks for an upgrade, which takes a whole connection, so it needs one that carries
/// nothing else.
pub(super) async fn send(
    connector: &Connector,
    pool: &Arc<Pool>,
    http1_only: bool,
    mut request: Box<Request<Body>>,
) -> Result<Response<Body>, ClientError> {
    let slot = match pool.try_slot() {
        Some(slot) => slot,
        None => match Box::pin(pool.wait_for_slot()).await {
            Ok(slot) => slot,
            Err(error) => return Err(ClientError::refused(error, request)),
        },
    };
    let mut repeated = false;
    loop {
        let idle = if repeated {
            None
        } else {
            pool.take(http1_only)
        };
        let (connection, reused) = match idle {
            Some(idle) => (idle, true),
            // Boxed, because it is rare and large: the handshakes' states would be moved about with
            // every request.
            None => match Box::pin(connect(connector, pool, http1_only)).await {
                Ok(connected) => connected,
                Err(error) => return Err(ClientError::unsent(error.kind, error.source, request)),
            },
        };
        // A connection that lay idle may be dying, and one of HTTP/2 may refuse a stream at any time.
        // What may be repeated is kept until that is known.
        let may_repeat = !repeated && (reused || matches!(connection, Taken::Http2(..)));
        let spare = may_repeat.then(|| Spare::of(&request)).flatten();
        let mut held = Held::Nothing;
        let mut failed = match exchange(connection, request, pool, &mut held).await {
            Ok(response) => {
                let hold = Hold {
                    connection: held,
                    slot,
                };
                #[cfg(feature = "cache")]
                let response = crate::cache::mark_open_end(response);
                return Ok(response.map(|body| Body::from(Lent::new(body, hold))));
            }
            Err(failed) => failed,
        };
        // As it came, whatever the connection was: with its host, for the next one and for who repeats it.
        if let Some(unsent) = &mut failed.unsent {
            to_http1(unsent);
        }
        request = match failed.unsent {
            // The connection was closed while idle and took nothing: on to the next.
            Some(unsent) if reused => unsent,
            Some(unsent) => {
                let source = failed.error.into();
                return Err(ClientError::unsent(ProxyErrorKind::Closed, source, unsent));
            }
            // RFC 9110 9.2.2: a proxy may repeat an idempotent request whose connection closed before
            // its response; RFC 9113 8.7: and one that was not processed, even on a new connection.
            // Once, and of HTTP/1.1 not on another connection that may be dying.
            None => {
                repeated = true;
                let error = &failed.error;
                let may = was_not_processed(error) || (reused && is_closed(error));
                match spare.filter(|_| may).and_then(Spare::into_request) {
                    Some(again) => again,
                    None => return Err(ClientError::from_hyper(failed.error)),
                }
            }
        };
    }
}

/// A new connection; where connections are shared, one attempt at a time, whose outcome is that of all
/// who waited for it. And whether it carries other requests already.
async fn connect(
    connector: &Connector,
    pool: &Arc<Pool>,
    http1_only: bool,
) -> Result<(Taken, bool), ConnectError> {
    let new = connector.connect(pool.protocol, &pool.authority, pool.address, http1_only);
    if http1_only || !pool.speaks_http2() {
        return Ok((pool.enter(new.await?, http1_only), false));
    }
    let attempt = pool.attempts.begin().await;
    if let Some(shared) = pool.take(false) {
        return Ok((shared, true));
    }
    let mut attempt = attempt?;
    if !pool.speaks_http2() {
        // It has gone back to HTTP/1.1 meanwhile, of which each request needs a connection.
        drop(attempt);
        return Ok((pool.enter(new.await?, false), false));
    }
    match (new.await, pool.take(false)) {
        (Ok(connection), _) => Ok((pool.enter(connection, false), false)),
        (Err(_), Some(shared)) => Ok((shared, true)),
        (Err(error), None) => {
            attempt.failed(&error);
            Err(error)
        }
    }
}

/// What came of giving a request to a connection, when it was not a response.
struct Failed {
    error: hyper::Error,
    /// The request, if nothing of it was written.
    unsent: Option<Box<Request<Body>>>,
}

impl From<hyper::client::conn::TrySendError<Request<Body>>> for Failed {
    fn from(mut error: hyper::client::conn::TrySendError<Request<Body>>) -> Self {
        Self {
            unsent: error.take_message().map(Box::new),
            error: error.into_error(),
        }
    }
}

/// A request that is put into a connection's queue just as the connection ends may be seen by neither
/// side: the queue gives it back only when its last sender is gone. So a sender that is closed once the
/// request is in is dropped, and never waited for.
#[expect(clippy::manual_async_fn, reason = "holds its arguments once")]
fn exchange(
    connection: Taken,
    mut request: Box<Request<Body>>,
    pool: &Pool,
    held: &mut Held,
) -> impl Future<Output = Result<Response<Incoming>, Failed>> {
    async move {
        match connection {
            Taken::Http1(mut sender, born) => {
                to_http1(&mut request);
                let response = sender.try_send_request(*request);
                if sender.is_closed() {
                    drop(sender);
                } else {
                    *held = Held::Http1 { sender, born };
                }
                Ok(response.await?)
            }
            Taken::Http2(mut sender, stream) => {
                to_http2(&mut request, pool);
                let sent = request.body().is_end_stream();
                let response = sender.try_send_request(*request);
                if sender.is_closed() {
                    pool.sweep();
                }
                drop(sender);
                *held = Held::Http2 {
                    _stream: stream,
                    sent,
                };
                Ok(response.await?)
            }
        }
    }
}

/// RFC 9112 3.2.1: an origin is sent the path and query alone; the authority is in `Host`, where it is
/// put if the request was on its way by HTTP/2 before.
fn to_http1(request: &mut Request<Body>) {
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() {
        let uri = std::mem::take(request.uri_mut()).into_parts();
        *request.uri_mut() = uri.path_and_query.map_or_else(Uri::default, Uri::from);
        let named = uri
            .authority
            .filter(|_| !request.headers().contains_key(header::HOST));
        // RFC 9110 4.2.4: without userinfo. What is left of an authority is a field value always.
        let named = named.as_ref().map(Authority::as_str);
        let host = named.and_then(|named| named.rsplit('@').next());
        if let Some(Ok(host)) = host.map(HeaderValue::from_str) {
            set_host(request.headers_mut(), host);
        }
    }
}

/// RFC 9113 8.3.1: `:authority` instead of `Host`, if that is there still; 8.2.2: no connection-specific
/// fields.
fn to_http2(request: &mut Request<Body>, pool: &Pool) {
    *request.version_mut() = Version::HTTP_2;
    own_values(request.headers_mut());
    let host = request.headers_mut().remove(header::HOST);
    request.headers_mut().remove(header::CONNECTION);
    request.headers_mut().remove(header::UPGRADE);
    request.headers_mut().remove(header::TRANSFER_ENCODING);
    let host = host.as_ref().map(HeaderValue::as_bytes);
    let named = host.and_then(|host| Authority::try_from(host).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let secure = pool.protocol == Protocol::Https;
    parts.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    let named = named.or(parts.authority);
    parts.authority = Some(named.unwrap_or_else(|| pool.authority.clone()));
    parts
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// Whether the connection broke, or died of silence, as opposed to having said something that is no HTTP.
fn is_closed(error: &hyper::Error) -> bool {
    use std::error::Error;
    let is_io = || {
        let cause = error.source();
        cause.is_some_and(|cause| cause.is::<std::io::Error>()) && !error.is_parse()
    };
    error.is_incomplete_message() || error.is_timeout() || is_io()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::client::ClientBuilder;
    use crate::proxy::client::pool::Connection;
    use hyper::client::conn::{http1, http2};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use std::future::{Future, poll_fn};
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::task::Poll;
    use std::time::Duration;

    type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

    /// A thread that ends connections, each at the very moment at which its other side says so.
    struct Ender {
        endings: mpsc::Sender<Ending>,
        met: Arc<AtomicUsize>,
        turns: usize,
    }

    impl Ender {
        fn start() -> Self {
            let (endings, to_end) = mpsc::channel::<Ending>();
            let met = Arc::new(AtomicUsize::new(0));
            let there = Arc::clone(&met);
            std::thread::spawn(move || {
                for (turn, ending) in to_end.into_iter().enumerate() {
                    meet(&there, turn);
                    spin(turn * 7 % 60);
                    drop(ending);
                }
            });
            Self {
                endings,
                met,
                turns: 0,
            }
        }

        fn end(&mut self, connection: impl Future + Send + 'static) {
            let ending = Box::pin(async move { drop(connection.await) });
            self.endings.send(ending).unwrap();
            meet(&self.met, self.turns);
            spin(self.turns * 11 % 60);
            self.turns += 1;
        }
    }

    /// Both threads leave at once.
    fn meet(met: &AtomicUsize, turn: usize) {
        met.fetch_add(1, Ordering::SeqCst);
        while met.load(Ordering::SeqCst) < (turn + 1) * 2 {
            std::hint::spin_loop();
        }
    }

    fn spin(turns: usize) {
        for _ in 0..turns {
            std::hint::spin_loop();
        }
    }

    /// Polls a connection until it waits for a request.
    async fn settle<C: Future + Unpin>(connection: &mut C) {
        poll_fn(|cx| {
            let _ = Pin::new(&mut *connection).poll(cx);
            Poll::Ready(())
        })
        .await;
    }

    /// How often each protocol's connections end while a request is put into their queue; one of a
    /// thousand such requests used to be lost.
    const TURNS: usize = 1000;

    async fn lose_none(protocol: Protocol) {
        let settings = ClientBuilder::default().settings();
        let authority = Authority::from_static("upstream.example");
        let pool = Arc::new(Pool::new(protocol, authority, None, settings));
        let mut ender = Ender::start();
        for turn in 0..TURNS {
            let (io, _upstream) = tokio::io::duplex(4096);
            let io = TokioIo::new(io);
            let request = Box::new(Request::new(Body::empty()));
            let taken = if protocol == Protocol::Http {
                let (sender, mut connection) = http1::handshake(io).await.unwrap();
                settle(&mut connection).await;
                ender.end(connection);
                Taken::Http1(sender, 0)
            } else {
                let handshake = http2::handshake(TokioExecutor::new(), io);
                let (sender, mut connection) = handshake.await.unwrap();
                settle(&mut connection).await;
                let taken = pool.enter(Connection::Http2(sender), false);
                ender.end(connection);
                taken
            };
            let mut held = Held::Nothing;
            let exchanged = exchange(taken, request, &pool, &mut held);
            let exchanged = tokio::time::timeout(Duration::from_secs(10), exchanged).await;
            let failed = exchanged.unwrap_or_else(|_| panic!("lost in turn {turn}"));
            assert!(failed.is_err_and(|failed| failed.unsent.is_some()));
        }
    }

    #[test]
    fn a_request_that_comes_back_unsent_keeps_its_name() {
        let settings = ClientBuilder::default().settings();
        let authority = Authority::from_static("10.0.0.1:8080");
        let pool = Pool::new(Protocol::H2c, authority, None, settings);
        let request = Request::get("/a?b").header("host", "named.example:81");
        let mut request = request.header("x-own", "1").body(Body::empty()).unwrap();
        for _ in 0..2 {
            to_http2(&mut request, &pool);
            assert_eq!(*request.uri(), "http://named.example:81/a?b");
            assert!(!request.headers().contains_key("host"));
        }
        for _ in 0..2 {
            to_http1(&mut request);
            assert_eq!(*request.uri(), "/a?b");
            let fields: Vec<_> = request.headers().iter().collect();
            let named = HeaderValue::from_static("named.example:81");
            assert_eq!(fields[0], (&header::HOST, &named));
            assert_eq!(fields.len(), 2);
        }
        *request.uri_mut() = Uri::from_static("http://user:secret@other.example/a");
        request.headers_mut().remove("host");
        to_http1(&mut request);
        assert_eq!(request.headers()["host"], "other.example");
    }

    #[tokio::test]
    async fn no_request_is_lost_with_its_connection() {
        lose_none(Protocol::Http).await;
        lose_none(Protocol::H2c).await;
    }

    #[tokio::test]
    async fn a_failed_attempt_concerns_nobody_for_whom_there_is_a_stream() {
        let settings = ClientBuilder::default().settings();
        let authority = Authority::from_static("upstream.example");
        let pool = Arc::new(Pool::new(Protocol::H2c, authority, None, settings));
        let (io, _upstream) = tokio::io::duplex(4096);
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(io));
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let mut streams = vec![pool.enter(Connection::Http2(sender), false)];
        streams.extend(std::iter::from_fn(|| pool.take(false)));

        let mut attempt = pool.attempts.begin().await.unwrap();
        let connector = Connector::new(
            Duration::from_secs(5),
            65536,
            #[cfg(feature = "tls")]
            None,
        );
        let failing = async {
            tokio::task::yield_now().await;
            streams.clear();
            attempt.failed(&ConnectError::new(ProxyErrorKind::Connect, "refused"));
            drop(attempt);
        };
        let waiting = connect(&connector, &pool, false);
        let (taken, ()) = futures_util::future::join(waiting, failing).await;
        assert!(taken.is_ok_and(|(_, is_shared)| is_shared));
    }
}
