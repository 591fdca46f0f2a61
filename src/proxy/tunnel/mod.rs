//! Tunnels: other protocols through the proxy after a `101` (RFC 9110 7.8).

mod farewell;
mod frames;
mod watched;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use farewell::Farewell;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watched::Watched;

use crate::proxy::deadline::after;
use crate::proxy::error::{BoxError, ProxyErrorKind};
use crate::proxy::request::client::Requester;
use crate::proxy::share::{TunnelPlace, TunnelShares};

/// The tunnels that are open, so that a server can wait for them, or end them, when it stops.
///
/// They outlive the requests that opened them and the connections' graceful shutdown does not know of
/// them. Cheap to clone; all clones are the same.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::{ReverseProxy, Tunnels};
/// use std::time::Duration;
///
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let tunnels = Tunnels::new();
/// let proxy = ReverseProxy::builder("/ws", "http://127.0.0.1:9000").tunnels(&tunnels).build()?;
/// // … serve, and at the end:
/// if tokio::time::timeout(Duration::from_secs(30), tunnels.closed()).await.is_err() {
///     tunnels.close_all();
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tunnels {
    tasks: TaskTracker,
    away: CancellationToken,
    end: CancellationToken,
}

/// A value in a request's extensions that is kept for as long as the tunnel that the request opens, and dropped with
/// the request if it opens none.
///
/// For hyper's server a request is over when the head of its response is out, also when that opens a WebSocket by
/// HTTP/2 (RFC 8441). A server that closes connections without requests keeps its guard of the count here.
///
/// ```
/// use same_origin::proxy::HeldByTunnel;
/// use std::sync::Arc;
///
/// let in_request = Arc::new(());
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(HeldByTunnel::new(in_request.clone()));
/// # assert_eq!(Arc::strong_count(&in_request), 2);
/// ```
#[derive(Clone)]
pub struct HeldByTunnel {
    _held: Arc<dyn Send + Sync>,
}

impl HeldByTunnel {
    /// Holds a value, which is dropped with the last clone of this.
    #[must_use]
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self {
            _held: Arc::new(held),
        }
    }
}

impl fmt::Debug for HeldByTunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldByTunnel").finish_non_exhaustive()
    }
}

/// The protocol in a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    WebSocket,
    Other,
}

impl Tunnels {
    /// A set without tunnels.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of open tunnels.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Tells all clients of WebSockets, and each one that comes from now on, that the server is going away: by a
    /// close frame with the code 1001 (RFC 6455 7.4.1) behind the frame that is under way, which may be one of
    /// several of a message. Frames that the upstream sends after it are dropped. The client's answer reaches the
    /// upstream, which ends the tunnel.
    ///
    /// Of other protocols the proxy knows no such word; their tunnels stay open.
    pub fn go_away(&self) {
        self.away.cancel();
    }

    /// Ends all open tunnels, and each one that is opened from now on.
    pub fn close_all(&self) {
        self.end.cancel();
    }

    /// Waits until no tunnel is open.
    pub async fn closed(&self) {
        // A tracker is waited for when it is closed, which keeps nobody from opening another tunnel.
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Joins both ends until one side has closed both ways, neither has sent anything for `idle`, or
    /// all tunnels are closed. Meanwhile `held` is.
    pub(crate) fn spawn(
        &self,
        client: OnUpgrade,
        upstream: OnUpgrade,
        spoken: Spoken,
        idle: Duration,
        held: impl Send + 'static,
    ) {
        let (away, end) = (self.away.clone(), self.end.clone());
        self.tasks.spawn(async move {
            let _held = held;
            let begun = Instant::now();
            let joined = join(client, upstream, spoken, idle, &away);
            // Nobody can be answered any more: both heads are out.
            let ended = end.run_until_cancelled(joined).await;
            report(spoken, begun, ended);
        });
    }
}

/// Places for the tunnels of one proxy that are open, or offered to an upstream.
pub(crate) struct TunnelSlots {
    places: Arc<Semaphore>,
    of_clients: TunnelShares,
}

/// A place for a tunnel, until it is dropped.
pub(crate) struct TunnelSlot {
    _of_client: Option<TunnelPlace>,
    _permit: OwnedSemaphorePermit,
}

impl TunnelSlots {
    /// `client_share`: of the count, for one client.
    pub(crate) fn new(count: usize, client_share: f64) -> Self {
        Self {
            places: Arc::new(Semaphore::new(count)),
            of_clients: TunnelShares::new(count, client_share),
        }
    }

    /// # Errors
    ///
    /// The client has its share already, or all tunnels are taken.
    pub(crate) fn take(&self, requester: Option<&Requester>) -> Result<TunnelSlot, ProxyErrorKind> {
        let of_client = self.of_clients.take(requester)?;
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Ok(TunnelSlot {
                _of_client: of_client,
                _permit: permit,
            }),
            Err(_) => Err(ProxyErrorKind::Overloaded),
        }
    }
}

/// The end of a tunnel that did not break.
#[cfg_attr(
    not(feature = "tracing"),
    allow(dead_code, reason = "the bytes are told in an event")
)]
enum Ending {
    /// Both sides have closed. Bytes of the client and of the upstream.
    Closed { sent: u64, received: u64 },
    /// Neither has sent anything for too long.
    Silent,
}

/// Tells how a tunnel ended, where somebody listens. `None`: all were closed.
fn report(spoken: Spoken, begun: Instant, ended: Option<Result<Ending, BoxError>>) {
    #[cfg(feature = "tracing")]
    {
        let open_for = begun.elapsed();
        match ended {
            Some(Ok(Ending::Closed { sent, received })) => {
                tracing::debug!(?spoken, ?open_for, sent, received, "tunnel closed");
            }
            Some(Ok(Ending::Silent)) => {
                tracing::debug!(
                    ?spoken,
                    ?open_for,
                    "tunnel ended: neither side sent anything for `timeouts.tunnel`"
                );
            }
            Some(Err(error)) => tracing::debug!(?spoken, ?open_for, error, "tunnel broke"),
            None => tracing::debug!(?spoken, ?open_for, "tunnel ended with the server"),
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (spoken, begun, ended);
}

async fn join(
    client: OnUpgrade,
    upstream: OnUpgrade,
    spoken: Spoken,
    idle: Duration,
    away: &CancellationToken,
) -> Result<Ending, BoxError> {
    let (client, upstream) = tokio::try_join!(client, upstream)?;
    let pulse = Pulse::new();
    let is_leaving = AtomicBool::new(false);
    let mut client = Watched::client(TokioIo::new(client), &pulse);
    let upstream = Watched::upstream(TokioIo::new(upstream), &pulse);
    let mut upstream = Farewell::new(upstream, spoken, &is_leaving);
    let copy = tokio::io::copy_bidirectional(&mut client, &mut upstream);
    let mut both = pin!(async {
        tokio::select! {
            copied = copy => copied.map(|(sent, received)| Ending::Closed { sent, received }),
            () = pulse.silence(idle) => Ok(Ending::Silent),
        }
    });
    tokio::select! {
        ended = both.as_mut() => return Ok(ended?),
        () = away.cancelled() => is_leaving.store(true, Ordering::Relaxed),
    }
    // Polled again, it reads from the upstream's end, and finds the farewell there.
    Ok(both.await?)
}

/// The time at which either end was last heard.
struct Pulse {
    begun: Instant,
    /// Milliseconds from then on.
    last: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    fn beat(&self) {
        let millis = self.begun.elapsed().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.last.store(millis, Ordering::Relaxed);
    }

    /// Ends when nothing was heard for `idle`.
    async fn silence(&self, idle: Duration) {
        loop {
            let last = self.last.load(Ordering::Relaxed);
            let heard = self.begun + Duration::from_millis(last);
            sleep_until(after(heard, idle)).await;
            if self.last.load(Ordering::Relaxed) == last {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed() {
        let idle = Duration::from_secs(60);
        let pulse = Pulse::new();
        let begun = Instant::now();
        let beats = async {
            for _ in 0..3 {
                tokio::time::sleep(idle - Duration::from_secs(1)).await;
                pulse.beat();
            }
        };
        tokio::join!(pulse.silence(idle), beats);
        assert_eq!(begun.elapsed(), idle * 4 - Duration::from_secs(3));
    }

    #[tokio::test]
    async fn tunnels_are_waited_for_more_than_once() {
        let tunnels = Tunnels::new();
        tunnels.closed().await;
        let open = tunnels.end.clone();
        tunnels.tasks.spawn(async move { open.cancelled().await });
        assert_eq!(tunnels.count(), 1);
        tunnels.close_all();
        tunnels.closed().await;
        assert_eq!(tunnels.count(), 0);
    }
}
