//! One request and the head of its response: on which connection, and how often.

mod abandoned;
mod exchange;
mod heads;
mod kept_body;
mod pooled_body;
mod replay;

use std::pin::pin;
use std::sync::Arc;

use exchange::{Exchange, Failed};
use heads::{check_size_over_http2, to_http1};
use http::{Request, Response};
use pooled_body::{Held, PooledBody};
use replay::Replay;

use crate::proxy::body::Body;
use crate::proxy::body::upload::Progress;
use crate::proxy::client::error::ClientError;
use crate::proxy::client::hyper_error::{is_above_the_last, was_not_processed};
use crate::proxy::client::pool::connection::Connection;
use crate::proxy::client::pool::queue::Checkout;
use crate::proxy::client::pool::{Need, Pool, Slot};
use crate::proxy::client::stream::meter::Meter;
use crate::proxy::client::upload::Upload;
use crate::proxy::deadline::{HeadTimeout, HeadTimer};
use crate::proxy::error::ProxyErrorKind;

/// Marks a request, by its extensions, that only looks whether the upstream answers: the gateway's readiness probe. It
/// takes no place from others, and does not wait for one, or a busy proxy would be taken for one whose upstream is dead.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct _Look;

/// Sends a request on a connection of the pool, or on a new one.
///
/// `asks_upgrade`: it needs a connection that carries nothing else. `head`: the longest wait for the response's head. It
/// runs while a connection has the request. Before that the connect timeout counts, for a place and for a connection,
/// and nothing was sent. `progress`: that of the request's body, where a client may wait to be asked for it.
pub(crate) async fn send(
    pool: Arc<Pool>,
    asks_upgrade: bool,
    mut request: Box<Request<Body>>,
    head: Option<HeadTimeout<'_>>,
    progress: Option<&Arc<Progress>>,
) -> Result<Response<Body>, ClientError> {
    let mut slot = match Slot::take(pool) {
        Ok(slot) => slot,
        Err(pool) => {
            let looks = request.extensions().get::<_Look>().is_some();
            match Box::pin(Slot::wait(pool, looks)).await {
                Ok(slot) => slot,
                Err(error) => return Err(ClientError::refused(error, request)),
            }
        }
    };
    let upload = Upload::of(request.body_mut());
    if let Some(upload) = &upload {
        slot.lasts(upload);
    }
    let pool = slot.pool();
    let need = pool.need(asks_upgrade);
    let mut attempts = Attempts::default();
    let mut timer = pin!(head.map(HeadTimer::new));
    loop {
        let Checkout { connection, reused } = match attempts.idle(pool, need) {
            Some(checkout) => checkout,
            // Boxed, because it is rare and large.
            None => match Box::pin(pool.checkout(need, attempts.repeated)).await {
                Ok(checkout) => checkout,
                Err(error) => return Err(ClientError::unsent(error.kind, error.source, request)),
            },
        };
        let most = connection.largest_head();
        if let Err(large) = check_size_over_http2(&request, pool.destination(), most) {
            let kind = ProxyErrorKind::HeadTooLarge;
            return Err(ClientError::unsent(kind, large.into(), request));
        }
        let replay = attempts.replay(&connection, reused, &mut request);
        let exchanged = {
            let begun = Exchange::begin(connection, request, pool, upload.as_ref(), progress);
            let mut exchange = pin!(begun);
            match timer.as_mut().as_pin_mut() {
                Some(timer) => match timer.within(exchange.as_mut()).await {
                    Ok(exchanged) => exchanged,
                    Err(late) => {
                        exchange.waited_in_vain();
                        return Err(late.into());
                    }
                },
                None => exchange.await,
            }
        };
        match exchanged {
            Ok((response, connection)) => {
                let held = Held { connection, slot };
                #[cfg(feature = "cache")]
                let response = crate::cache::mark_open_end(response);
                return Ok(response.map(|body| Body::from(PooledBody::new(body, held))));
            }
            Err(failed) => request = attempts.after(failed, reused, replay)?,
        }
        if let Some(timer) = timer.as_mut().as_pin_mut() {
            timer.pause();
        }
    }
}

/// The attempts at a request.
#[derive(Default)]
struct Attempts {
    repeated: bool,
    /// Whether the first attempt may have been processed, so that the repeat was the only one.
    is_spent: bool,
    /// The last connection of HTTP/2 that has ended before it took this request.
    ended: Option<Arc<Meter>>,
}

impl Attempts {
    /// A connection that lies ready, for a request that is not repeated: it may be dying.
    fn idle(&self, pool: &Arc<Pool>, need: Need) -> Option<Checkout> {
        let connection = if self.repeated { None } else { pool.take(need) };
        connection.map(|connection| Checkout {
            connection,
            reused: true,
        })
    }

    /// The request as it can be sent again: a connection that lay idle may be dying, and one of HTTP/2 may refuse a
    /// stream at any time. It is kept until that is known.
    fn replay(
        &self,
        connection: &Connection,
        reused: bool,
        request: &mut Request<Body>,
    ) -> Option<Replay> {
        let is_http2 = matches!(connection, Connection::Http2(_));
        let is_kept = is_http2 || (reused && !self.repeated);
        is_kept.then(|| Replay::of(request, is_http2)).flatten()
    }

    /// The request for the next attempt after one that failed, or the error that is the end of it.
    fn after(
        &mut self,
        mut failed: Failed,
        reused: bool,
        replay: Option<Replay>,
    ) -> Result<Box<Request<Body>>, ClientError> {
        if let Some(mut unsent) = failed.unsent.take() {
            // As it came, whatever the connection was: with its host, for the next one and for who repeats it.
            to_http1(&mut unsent);
            if let Some(body) = replay.and_then(Replay::into_body) {
                *unsent.body_mut() = body;
            }
            // The connection was closed while idle and took nothing: on to the next.
            return if reused || self.goes_on_after(failed.shared) {
                Ok(unsent)
            } else {
                Err(ClientError::not_taken(failed.error, failed.lost, unsent))
            };
        }
        // RFC 9110 9.2.2: a proxy may repeat an idempotent request whose connection closed before its response. RFC
        // 9113 8.7: it may repeat a request of any method if the upstream says that it has not processed it (GOAWAY
        // with a lower stream, or REFUSED_STREAM), because then nobody has acted on it. A request is repeated once,
        // and over HTTP/1.1 not on another idle connection, which may be dying too; after a GOAWAY it is repeated as
        // long as the upstream's connections answer others.
        let is_unseen = was_not_processed(&failed.error);
        let goes_on = is_above_the_last(&failed.error) && self.goes_on_after(failed.shared);
        let may = |replay: &Replay| {
            let is_stale = !self.repeated && reused && is_closed(&failed.error);
            is_unseen || (is_stale && replay.is_repeatable())
        };
        match replay.filter(may).and_then(Replay::into_request) {
            Some(again) if !self.repeated || (goes_on && !self.is_spent) => {
                self.repeated = true;
                self.is_spent = !is_unseen;
                Ok(again)
            }
            // For another upstream, where there is one.
            Some(unsent) if !self.is_spent => {
                Err(ClientError::not_taken(failed.error, failed.lost, unsent))
            }
            _ => Err(ClientError::from_hyper(failed.error, failed.lost)),
        }
    }

    /// Whether a request that a connection of HTTP/2 has not taken, because it ended, goes to another one.
    ///
    /// A server that ends each connection after some requests, or that drains, does so beneath all who have just come to
    /// share it. So it goes on as often as that happens, while the connections before have answered others: one that
    /// answers nobody is given up after two.
    fn goes_on_after(&mut self, ended: Option<Arc<Meter>>) -> bool {
        let Some(ended) = ended else { return false };
        let before = self.ended.replace(ended);
        before.is_none_or(|before| before.has_answered())
    }
}

/// Whether the connection broke, or died of silence, as opposed to having said something that is not HTTP.
///
/// hyper reports a user's error for a request that still waits within a connection of HTTP/2 when that ends: its task is
/// gone. A request without a body can cause no other user's error.
fn is_closed(error: &hyper::Error) -> bool {
    use std::error::Error;
    let is_io = || {
        let cause = error.source();
        cause.is_some_and(|cause| cause.is::<std::io::Error>()) && !error.is_parse()
    };
    error.is_incomplete_message() || error.is_timeout() || error.is_user() || is_io()
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::task::Poll;
    use std::time::Duration;

    use hyper::client::conn::{http1, http2};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::*;
    use crate::proxy::client::connect::{NewConnection, Sender};
    use crate::proxy::client::pool::tests::pool_of;
    use crate::proxy::upstream::destination::Protocol;

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

    /// The number of times that each protocol's connections end while a request is put into their queue; one of a
    /// thousand such requests used to be lost.
    const TURNS: usize = 1000;

    async fn lose_none(protocol: Protocol) {
        let pool = pool_of(protocol, Duration::from_secs(90));
        let mut ender = Ender::start();
        for turn in 0..TURNS {
            let (io, _upstream) = tokio::io::duplex(4096);
            let io = TokioIo::new(io);
            let request = Box::new(Request::new(Body::empty()));
            let connection = if protocol == Protocol::Http {
                let (sender, mut connection) = http1::handshake(io).await.unwrap();
                settle(&mut connection).await;
                let sender = Sender::Http1(sender);
                let admitted = pool.admit_new(NewConnection::of(sender));
                ender.end(connection);
                admitted
            } else {
                let handshake = http2::handshake(TokioExecutor::new(), io);
                let (sender, mut connection) = handshake.await.unwrap();
                settle(&mut connection).await;
                let admitted = pool.admit_new(NewConnection::of(Sender::Http2(sender)));
                ender.end(connection);
                admitted
            };
            let exchanged = Exchange::begin(connection, request, &pool, None, None);
            let exchanged = tokio::time::timeout(Duration::from_secs(10), exchanged).await;
            let failed = exchanged.unwrap_or_else(|_| panic!("lost in turn {turn}"));
            assert!(failed.is_err_and(|failed| failed.unsent.is_some()));
        }
    }

    #[tokio::test]
    async fn no_request_is_lost_with_its_connection() {
        lose_none(Protocol::Http).await;
        lose_none(Protocol::H2c).await;
    }
}
