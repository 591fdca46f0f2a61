//! Accepts connections, serves HTTP/1.1 and HTTP/2 on them, and drains them when told to stop.

mod accepted;
mod clients;
mod connection;
mod connections;
mod handler;
pub mod head;
mod http;
pub mod limits;
pub mod listen;
pub mod notify;
pub mod places;
pub mod shutdown;
mod stream;
mod trailing;
mod workers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use accepted::Accepted;
use connections::Connections;
pub use handler::AnyHandler;
use handler::Handler;
use ipnet::IpNet;
use limits::Limits;
pub use listen::listener::Listener;
pub use listen::proxy_protocol::ProxyProtocol;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tracing::warn;
pub use workers::{WORKERS, Workers};

use crate::observe;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Tells servers to stop; dropping the other end does it.
pub type Stop = watch::Receiver<()>;

/// Connections that lie idle when a stop begins have so long for their last request, whose answer says that it is
/// the last. Closed at once, each would lose what its client is sending (RFC 9112 9.6 knows the race).
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// How long a stop waits for the connections that it cuts. A worker that is stuck does not hold it up.
const TO_CUT: Duration = Duration::from_secs(1);

/// The settings that connections begin with. A change is for those that begin after it.
#[derive(Clone)]
pub struct Settings {
    pub tls: Option<TlsAcceptor>,
    pub limits: Limits,
    /// Whether one more connection than there may be ends the oldest whose client has to act, in place of waiting for
    /// its end: for probes, whose askers do not wait for long.
    pub makes_room: bool,
    /// Peers that speak for many clients.
    pub trusted: Arc<[IpNet]>,
    /// Peers that say whose each connection is.
    pub proxy_protocol: ProxyProtocol,
    /// The time between the signal to stop and the stop, for balancers to hear of it.
    pub delay: Duration,
    /// The time that requests in flight may take after that.
    pub drain: Duration,
}

/// Settings that may be replaced while a listener serves.
pub type Current = watch::Receiver<Arc<Settings>>;

impl Settings {
    /// Plain HTTP within the default limits.
    pub fn plain(drain: Duration) -> Self {
        Self {
            tls: None,
            limits: Limits::default(),
            makes_room: false,
            trusted: Arc::new([]),
            proxy_protocol: ProxyProtocol::default(),
            delay: Duration::ZERO,
            drain,
        }
    }

    /// As many connections as there are descriptors for at most, beside those of the workers. `warns` if it is news
    /// that they are fewer.
    pub fn within_descriptors(mut self, workers: usize, warns: bool) -> Self {
        let wanted = self.limits.connections;
        self.limits = self.limits.within_descriptors(workers);
        if warns && self.limits.connections < wanted {
            warn!(
                connections = wanted,
                room = self.limits.connections,
                "server.connections is lowered: the limit of open files (ulimit -n) leaves room for fewer"
            );
        }
        self
    }

    /// These, for good.
    pub fn fixed(self) -> Current {
        watch::channel(Arc::new(self)).1
    }
}

/// Serves until `stop`, then lets the requests in flight finish, for the settings' `drain` at most. Gives the
/// time at which that began.
pub async fn serve<H: Handler>(listener: Listener, handle: H, mut stop: Stop) -> Instant {
    let mut current = listener.settings.clone();
    let mut settings = Arc::clone(&current.borrow_and_update());
    let accepted = Accepted::new(&settings, listener.workers.clone(), handle);
    let connections = &accepted.connections;
    let silence = |timeout| tokio::spawn(connections.clone().close_silent(timeout));
    let mut watch = silence(settings.limits.head_timeout);
    loop {
        let most = settings.limits.connections;
        let next = async {
            if settings.makes_room {
                let accepted = listener.accept().await;
                connections.make_room(most).await;
                return accepted;
            }
            connections.fewer_than(most).await;
            listener.accept().await
        };
        let (stream, peer) = tokio::select! {
            // In this order, so that a change or a stop holds for every connection that comes after it.
            biased;
            _stopped = stop.changed() => break,
            changed = changed(&mut current) => {
                settings = changed;
                accepted.limit(&settings);
                watch.abort();
                watch = silence(settings.limits.head_timeout);
                continue;
            }
            next = next => next,
        };
        accepted.begin(&settings, stream, peer);
    }
    let limit = settings.limits.connections;
    for (stream, peer) in listener.close(limit.saturating_sub(connections.count())) {
        accepted.begin(&settings, stream, peer);
    }
    let begun = Instant::now();
    drain(connections, begun, current).await;
    watch.abort();
    begun
}

/// Waits for the end of a drain that began then, and gives how long it may take.
pub async fn drain_is_over(begun: Instant, current: Current) -> Duration {
    is_over(begun, current, |settings| settings.drain).await
}

/// Waits until a time of the settings has passed since then, and returns it. A change of that setting holds at once,
/// so that an operator can end a stop that takes too long, or give it more time.
async fn is_over(
    begun: Instant,
    mut current: Current,
    time: impl Fn(&Settings) -> Duration,
) -> Duration {
    loop {
        let lasts = time(&current.borrow_and_update());
        if timeout_at(begun + lasts, changed(&mut current))
            .await
            .is_err()
        {
            return lasts;
        }
    }
}

/// Lets connections finish until the drain is over, then cuts them.
async fn drain(connections: &Connections, begun: Instant, current: Current) {
    let ended = async {
        if timeout(LAST_REQUEST, connections.finish()).await.is_err() {
            connections.drain().await;
        }
    };
    let drain = tokio::select! {
        biased;
        () = ended => return,
        drain = drain_is_over(begun, current) => drain,
    };
    warn!(?drain, "connections were cut at the end of the drain time");
    observe::drain_is_over();
    // Their requests end now, so that each has its line in the access log.
    let _stuck = timeout(TO_CUT, connections.cut()).await;
}

/// The next settings; never, if there will be none.
async fn changed(current: &mut Current) -> Arc<Settings> {
    if current.changed().await.is_err() {
        std::future::pending().await
    }
    Arc::clone(&current.borrow_and_update())
}

/// Locks a value that a panic elsewhere cannot have torn.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use ::http::{Request, Response};
    use same_origin::proxy::{Body, Peer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_probe_does_not_wait_for_those_who_ask_nothing() {
        let mut settings = Settings::plain(Duration::ZERO);
        settings.makes_room = true;
        settings.limits.connections = 2;
        settings.limits.client_share = 1.0;
        settings.limits.head_timeout = Duration::from_secs(2);
        let address = ([127, 0, 0, 1], 0).into();
        let listener = Listener::bind("listen", address, settings.fixed()).await;
        let listener = listener.unwrap();
        let address = listener.address().unwrap();
        let (_running, stop) = watch::channel(());
        let handle = |_: &Peer, _: Request<Body>| async { Response::new(Body::empty()) };
        tokio::spawn(serve(listener, AnyHandler::new(handle), stop));
        let mut others = Vec::new();
        for half in ["", "GET /li", "GET /li", "PRI * HTTP/2.0\r\n", ""] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(half.as_bytes()).await.unwrap();
            others.push(stream);
        }
        let mut probe = TcpStream::connect(address).await.unwrap();
        let head = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
        probe.write_all(head).await.unwrap();
        let mut answer = [0; 12];
        probe.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        // The oldest have made room, and the latest has not.
        for other in &mut others[..4] {
            assert!(matches!(other.read(&mut [0; 64]).await, Ok(0) | Err(_)));
        }
        let mut unread = [0];
        let latest = timeout(Duration::ZERO, others[4].read(&mut unread));
        assert!(latest.await.is_err());
        // Requests that come together are not idle connections, though none has been read yet.
        let burst = (0..20).map(|_| async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(head).await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            answer
        });
        let answers = futures_util::future::join_all(burst).await;
        assert!(answers.iter().all(|answer| answer == b"HTTP/1.1 200"));
    }
}
