//! Tests of a pool: idle connections, shared ones, attempts, runtimes.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::uri::Authority;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::pools::{Pools, Registry};
use super::*;
use crate::proxy::body::Body;
use crate::proxy::client::ClientBuilder;
use crate::proxy::client::connect::{Connector, STREAMS};
use crate::proxy::client::error::ConnectError;
use crate::proxy::client::upload::Upload;
use crate::proxy::error::{BoxError, ProxyErrorKind};

/// The pool of this runtime for an upstream that is never reached.
pub(crate) fn pool_of(protocol: Protocol, idle: Duration) -> Arc<Pool> {
    pools_of(protocol, "upstream.example", idle).here()
}

fn pools_of(protocol: Protocol, authority: &str, idle_timeout: Duration) -> Arc<Pools> {
    let mut settings = ClientBuilder::default().settings();
    settings.idle_timeout = idle_timeout;
    let connector = Connector {
        timeout: Duration::from_secs(5),
        max_head: 65536,
        max_fields: 1000,
        #[cfg(feature = "tls")]
        tls: None,
    };
    let authority = authority.parse::<Authority>().unwrap();
    let destination = Destination::new(protocol, &authority).unwrap();
    Registry::new(connector, settings).of(&destination)
}

impl Pool {
    /// Puts a new connection into the books, and takes it.
    pub(crate) fn admit_new(self: &Arc<Self>, new: NewConnection) -> Connection {
        let mut state = self.lock();
        let http1 = self.admit(&mut state, new, Need::Any);
        let connection = http1.map(Connection::Http1);
        connection.or_else(|| self.take_http2(&mut state)).unwrap()
    }
}

const LONG: Duration = Duration::from_secs(80);
const SHORT: Duration = Duration::from_millis(80);

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// A connection of HTTP/1.1 that is with a request, and its other end.
async fn new_http1(pool: &Arc<Pool>) -> (Http1, DuplexStream) {
    let (io, upstream) = tokio::io::duplex(64);
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    let new = NewConnection::of(Sender::Http1(sender));
    match pool.admit_new(new) {
        Connection::Http1(connection) => (connection, upstream),
        Connection::Http2(_) => panic!("it is one of HTTP/1.1"),
    }
}

/// A connection that has carried a request and lies idle, and its other end.
async fn use_one(pool: &Arc<Pool>) -> DuplexStream {
    let (mut connection, upstream) = new_http1(pool).await;
    connection.sender.ready().await.unwrap();
    connection.meter.uses();
    pool.put_back(connection);
    upstream
}

async fn add_http2(pool: &Arc<Pool>) -> (Connection, DuplexStream) {
    let (io, upstream) = tokio::io::duplex(4096);
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(io));
    let (sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let new = NewConnection::of(Sender::Http2(sender));
    (pool.admit_new(new), upstream)
}

/// Waits until a connection is closed.
async fn is_closed(mut upstream: DuplexStream) {
    let mut nothing = [0];
    let read = upstream.read(&mut nothing);
    let read = tokio::time::timeout(Duration::from_secs(30), read).await;
    assert_eq!(read.expect("it is closed").unwrap(), 0);
}

#[test]
fn connections_stay_with_their_runtime() {
    let pools = pools_of(Protocol::Http, "upstream.example", LONG);
    let (first, second) = (runtime(), runtime());
    let _upstream = first.block_on(async { use_one(&pools.here()).await });
    second.block_on(async { assert!(pools.here().take(Need::Any).is_none()) });
    first.block_on(async { assert!(pools.here().take(Need::Any).is_some()) });
    assert_eq!(pools.by_runtime_len(), 2);
    drop((first, second));
    runtime().block_on(async { drop(pools.here()) });
    // Those of runtimes that are over are gone.
    assert_eq!(pools.by_runtime_len(), 1);
}

#[test]
fn connections_of_a_runtime_that_is_over_are_let_go() {
    for protocol in [Protocol::Http, Protocol::H2c] {
        let pools = pools_of(protocol, "upstream.example", LONG);
        for _ in 0..5 {
            runtime().block_on(async {
                let pool = pools.here();
                match protocol {
                    Protocol::H2c => drop(add_http2(&pool).await),
                    _ => drop(use_one(&pool).await),
                }
            });
            assert_eq!(pools.by_runtime_len(), 1, "{protocol:?}");
        }
    }
}

#[test]
fn idle_connections_are_closed_on_each_runtime() {
    let pools = pools_of(Protocol::Http, "upstream.example", SHORT);
    let kept = runtime();
    let on_kept = kept.block_on(async { use_one(&pools.here()).await });
    runtime().block_on(async { is_closed(use_one(&pools.here()).await).await });
    kept.block_on(is_closed(on_kept));
}

#[tokio::test]
async fn connections_are_looked_after_while_there_are_any() {
    let pools = pools_of(Protocol::Http, "upstream.example", SHORT);
    let upstream = use_one(&pools.here()).await;
    let taken = pools.here().take(Need::Any).unwrap();
    tokio::time::sleep(3 * SHORT).await;
    // It comes back late, and is closed all the same.
    let Connection::Http1(taken) = taken else {
        panic!("it is one of HTTP/1.1")
    };
    pools.here().put_back(taken);
    is_closed(upstream).await;
    // And so is one that is made after all were gone.
    tokio::time::sleep(3 * SHORT).await;
    is_closed(use_one(&pools.here()).await).await;
}

#[tokio::test]
async fn an_upstream_that_forgets_connections_early_is_believed() {
    let pool = pool_of(Protocol::Http, LONG);
    for (kept_for, is_used) in [(Duration::ZERO, false), (LONG, true)] {
        let (mut connection, _upstream) = new_http1(&pool).await;
        connection.sender.ready().await.unwrap();
        connection.meter.is_kept_for(kept_for);
        pool.put_back(connection);
        assert_eq!(pool.take(Need::Any).is_some(), is_used, "{kept_for:?}");
    }
}

#[tokio::test]
async fn the_first_connection_with_room_is_used() {
    let pool = pool_of(Protocol::H2c, LONG);
    let (one, _upstream) = add_http2(&pool).await;
    let mut streams = vec![one];
    streams.extend(std::iter::from_fn(|| pool.take(Need::Any)));
    assert_eq!(streams.len(), STREAMS);
    let (other, _upstream) = add_http2(&pool).await;
    streams.push(other);
    streams.truncate(1);
    // Now each of the two has room.
    streams.push(pool.take(Need::Any).unwrap());
    let counts: Vec<_> = pool.lock().http2.iter().map(Multiplexed::streams).collect();
    assert_eq!(counts, [2, 0]);
    let Connection::Http2(stream) = &streams[0] else {
        panic!("it is one of HTTP/2")
    };
    stream.stream.meter().set_room(2);
    streams.push(pool.take(Need::Any).unwrap());
    let counts: Vec<_> = pool.lock().http2.iter().map(Multiplexed::streams).collect();
    assert_eq!(counts, [2, 1]);
}

/// An upstream that takes connections and says nothing.
async fn silent() -> (TcpListener, Arc<Pools>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let pools = pools_of(Protocol::Http, &authority, LONG);
    (listener, pools)
}

#[tokio::test]
async fn an_attempt_outlives_its_request_and_serves_the_next() {
    let (listener, pools) = silent().await;
    let pool = pools.here();
    for _ in 0..20 {
        let mut given_up = Box::pin(pool.checkout(Need::Any, false));
        assert!(futures_util::poll!(&mut given_up).is_pending());
    }
    let checkout = pool.checkout(Need::Any, false).await.unwrap();
    assert!(!checkout.reused);
    let _accepted = listener.accept().await.unwrap();
    let again = tokio::time::timeout(Duration::from_millis(50), listener.accept());
    assert!(again.await.is_err(), "one attempt serves them all");
}

#[tokio::test]
async fn few_attempts_go_on_that_nobody_waits_for() {
    let (_listener, pools) = silent().await;
    let pool = pools.here();
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let mut checkout = Box::pin(pool.checkout(Need::Any, false));
        assert!(futures_util::poll!(&mut checkout).is_pending());
        waiting.push(checkout);
    }
    assert_eq!(pool.lock().for_any.attempts(), 40);
    drop(waiting);
    assert_eq!(pool.lock().for_any.attempts(), 16);
    while pool.lock().for_any.attempts() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(pool.lock().idle.len(), 16);
}

#[tokio::test]
async fn a_request_that_waits_takes_what_is_put_back() {
    let (_listener, pools) = silent().await;
    let pool = pools.here();
    let (mut connection, _upstream) = new_http1(&pool).await;
    connection.sender.ready().await.unwrap();
    let mut waiting = Box::pin(pool.checkout(Need::Any, false));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    pool.put_back(connection);
    assert!(waiting.await.unwrap().reused);
    assert!(pool.lock().idle.is_empty());
}

#[tokio::test]
async fn a_connection_that_comes_as_its_request_goes_is_kept() {
    let (_listener, pools) = silent().await;
    let pool = pools.here();
    let mut waiting = Box::pin(pool.checkout(Need::Any, false));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    while pool.lock().for_any.attempts() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(pool.lock().idle.is_empty());
    drop(waiting);
    assert!(pool.take(Need::Any).is_some());
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_a_connection_to_share_fail_with_it() {
    let pool = pool_of(Protocol::H2c, LONG);
    let waiting = (0..9).map(|_| pool.checkout(Need::Any, false));
    let mut waiting = Box::pin(futures_util::future::join_all(waiting));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    assert_eq!(pool.lock().for_any.attempts(), 1);
    for outcome in waiting.await {
        assert!(outcome.is_err(), "nobody tries again");
    }
    assert_eq!(pool.lock().for_any.attempts(), 0);
}

#[tokio::test]
async fn a_stream_that_is_free_by_then_is_better_than_a_failed_attempt() {
    let pool = pool_of(Protocol::H2c, LONG);
    let (one, _upstream) = add_http2(&pool).await;
    let mut streams = vec![one];
    streams.extend(std::iter::from_fn(|| pool.take(Need::Any)));
    let mut waiting = Box::pin(pool.checkout(Need::Any, false));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    streams.clear();
    assert!(waiting.await.is_ok());
}

#[tokio::test]
async fn a_stream_that_becomes_free_is_given_out_while_an_attempt_hangs() {
    // The attempt does: from here on no other task has its turn.
    let pool = pool_of(Protocol::H2c, LONG);
    let (one, _upstream) = add_http2(&pool).await;
    let mut streams = vec![one];
    streams.extend(std::iter::from_fn(|| pool.take(Need::Any)));
    let mut first = Box::pin(pool.checkout(Need::Any, false));
    let mut second = Box::pin(pool.checkout(Need::Any, false));
    assert!(futures_util::poll!(&mut first).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());
    // An upload that goes on behind its answer keeps the stream until it is out.
    let (_source, body) = http_body_util::channel::Channel::<Bytes, BoxError>::new(1);
    let mut body = Body::new(body);
    let Some(Connection::Http2(mut one)) = streams.pop() else {
        panic!("it is one of HTTP/2")
    };
    let upload = Upload::of(&mut body).unwrap();
    upload.goes_out();
    one.stream.lasts(&upload);
    drop(one);
    assert!(futures_util::poll!(&mut first).is_pending());
    drop(body);
    let given = first.now_or_never().expect("it is given the stream");
    drop(streams.pop());
    assert!(second.now_or_never().expect("it is the next").is_ok());
    drop(given);
    // One that comes as its request goes is the next one's.
    streams.extend(std::iter::from_fn(|| pool.take(Need::Any)));
    let mut gone = Box::pin(pool.checkout(Need::Any, false));
    let mut next = Box::pin(pool.checkout(Need::Any, false));
    assert!(futures_util::poll!(&mut gone).is_pending());
    assert!(futures_util::poll!(&mut next).is_pending());
    drop(streams.pop());
    drop(gone);
    assert!(next.now_or_never().expect("it is given back").is_ok());
}

#[tokio::test]
async fn who_has_come_during_an_attempt_does_not_fail_with_it_beside_another_connection() {
    let pool = pool_of(Protocol::H2c, LONG);
    let (one, _upstream) = add_http2(&pool).await;
    let mut streams = vec![one];
    streams.extend(std::iter::from_fn(|| pool.take(Need::Any)));
    let mut first = Box::pin(pool.checkout(Need::Any, false));
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(pool.checkout(Need::Any, false));
    assert!(futures_util::poll!(&mut second).is_pending());
    // The attempt was ordered between the two.
    let late = ConnectError::new(ProxyErrorKind::ConnectTimeout, "late");
    pool.attempted(Need::Any, 2, Err(late));
    assert!(first.now_or_never().expect("it is told").is_err());
    assert!(futures_util::poll!(&mut second).is_pending());
    assert_eq!(pool.lock().for_any.attempts(), 1, "one of its own");
    streams.clear();
    assert!(second.now_or_never().expect("it is given one").is_ok());
}

#[tokio::test]
async fn a_stream_may_end_where_there_is_no_runtime() {
    let pool = pool_of(Protocol::H2c, LONG);
    let (one, _upstream) = add_http2(&pool).await;
    let Connection::Http2(stream) = &one else {
        panic!("it is one of HTTP/2")
    };
    // It stays full, so that whoever waits wants another connection.
    stream.stream.meter().set_room(1);
    let other = pool.lock().http2[0].begin_stream(0);
    let mut waiting = Box::pin(pool.checkout(Need::Any, false));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    pool.lock().for_any.give_up();
    std::thread::spawn(move || drop(other)).join().unwrap();
    assert_eq!(pool.lock().for_any.attempts(), 0);
    drop(one);
    let given = waiting.now_or_never().expect("it is given the stream");
    assert!(given.is_ok());
}

#[cfg(feature = "balance")]
#[tokio::test]
async fn a_pool_that_is_retired_keeps_nothing() {
    let pools = pools_of(Protocol::Http, "upstream.example", LONG);
    let pool = pools.here();
    let upstream = use_one(&pool).await;
    pools.retire();
    is_closed(upstream).await;
    is_closed(use_one(&pool).await).await;
}
