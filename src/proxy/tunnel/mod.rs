//! Other protocols through the proxy (RFC 9110 7.8): the tunnel after a `101`.

pub(crate) mod websocket;

use crate::proxy::error::BoxError;
use crate::fields;
use http::header::HeaderValue;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Whether an offer may be passed on: HTTP/2 in plain text would be a second proxy connection past
/// all that this one checks (h2c smuggling), and TLS (RFC 2817) is the hop's own business.
pub(crate) fn may_offer(protocols: &HeaderValue) -> bool {
    let mut tokens = protocols
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(fields::trim);
    tokens.all(|token| {
        let lower = token.to_ascii_lowercase();
        !lower.is_empty() && !lower.starts_with(b"h2") && !lower.starts_with(b"tls/")
    })
}

/// Whether a `101` switches to what was offered (RFC 9110 15.2.2), and to that alone.
pub(crate) fn is_offered(offered: &HeaderValue, chosen: &HeaderValue) -> bool {
    let chosen = fields::trim(chosen.as_bytes());
    let mut tokens = offered
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(fields::trim);
    tokens.any(|token| token.eq_ignore_ascii_case(chosen))
}

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
///     tunnels.cut();
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Tunnels {
    /// Whether they are cut. Each open tunnel is a receiver.
    cut: Arc<watch::Sender<bool>>,
}

impl Default for Tunnels {
    fn default() -> Self {
        Self::new()
    }
}

impl Tunnels {
    /// No tunnels yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            cut: Arc::new(watch::Sender::new(false)),
        }
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.cut.receiver_count()
    }

    /// Ends all that are open, and each that is opened from now on.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Waits until none is open.
    pub async fn closed(&self) {
        self.cut.closed().await;
    }

    /// Joins both ends until one side has closed both ways, neither has sent anything for `idle`, or
    /// the tunnels are cut. Meanwhile `slot` is taken.
    pub(crate) fn spawn(
        &self,
        client: OnUpgrade,
        upstream: OnUpgrade,
        idle: Duration,
        slot: Option<TunnelSlot>,
    ) {
        let mut cut = self.cut.subscribe();
        tokio::spawn(async move {
            let _slot = slot;
            tokio::select! {
                // Its errors have no one to be told to: both heads are out.
                _ = join(client, upstream, idle) => {}
                _ = cut.wait_for(|cut| *cut) => {}
            }
        });
    }
}

/// How many tunnels one proxy may have open, or offered to an upstream.
pub(crate) struct TunnelSlots(Arc<Semaphore>);

/// One of them, until it is dropped.
pub(crate) struct TunnelSlot {
    _permit: OwnedSemaphorePermit,
}

impl TunnelSlots {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    pub(crate) fn take(&self) -> Option<TunnelSlot> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(TunnelSlot { _permit: permit })
    }
}

async fn join(client: OnUpgrade, upstream: OnUpgrade, idle: Duration) -> Result<(), BoxError> {
    let (client, upstream) = tokio::try_join!(client, upstream)?;
    let moved = AtomicBool::new(false);
    let mut client = Watched {
        io: TokioIo::new(client),
        moved: &moved,
    };
    let mut upstream = Watched {
        io: TokioIo::new(upstream),
        moved: &moved,
    };
    let copy = tokio::io::copy_bidirectional(&mut client, &mut upstream);
    tokio::select! {
        copied = copy => { copied?; }
        () = silence(&moved, idle) => {}
    }
    Ok(())
}

/// Ends when nothing has moved for `idle`, give or take as long again: one timer that nothing resets.
async fn silence(moved: &AtomicBool, idle: Duration) {
    loop {
        tokio::time::sleep(idle).await;
        if !moved.swap(false, Ordering::Relaxed) {
            return;
        }
    }
}

/// An end of a tunnel that notes when bytes come out of it.
struct Watched<'a, T> {
    io: T,
    moved: &'a AtomicBool,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<'_, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if polled.is_ready() {
            self.moved.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<'_, T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_past_the_proxys_checks_are_not_passed_on() {
        for (offer, passed) in [
            ("websocket", true),
            ("WebSocket, custom/1", true),
            ("h2c", false),
            ("websocket, H2C", false),
            ("TLS/1.0", false),
            ("", false),
            ("a,,b", false),
        ] {
            assert_eq!(
                may_offer(&HeaderValue::from_static(offer)),
                passed,
                "{offer}"
            );
        }
    }

    #[test]
    fn only_what_was_offered_is_switched_to() {
        let offered = HeaderValue::from_static("WebSocket, custom/1");
        for (chosen, accepted) in [
            ("websocket", true),
            ("CUSTOM/1", true),
            ("h2c", false),
            ("websocket, custom/1", false),
        ] {
            assert_eq!(
                is_offered(&offered, &HeaderValue::from_static(chosen)),
                accepted,
                "{chosen}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed() {
        let moved = AtomicBool::new(true);
        let idle = Duration::from_secs(60);
        assert!(
            tokio::time::timeout(Duration::from_secs(61), silence(&moved, idle))
                .await
                .is_err()
        );
        assert!(
            tokio::time::timeout(Duration::from_secs(61), silence(&moved, idle))
                .await
                .is_ok()
        );
    }
}
