//! Other protocols through the proxy (RFC 9110 7.8): the tunnel after a `101`.

use crate::proxy::error::BoxError;
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
