//! Groups of settings: timeouts and limits.

use std::time::Duration;

/// Timeouts of a proxy. [`Duration::MAX`] is never.
///
/// With the feature `serde` a duration is written with its unit, like `"5s"` or `"1m 30s"`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use]
pub struct Timeouts {
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    pub(crate) connect: Duration,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    pub(crate) response: Duration,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    pub(crate) idle: Duration,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    pub(crate) tunnel: Duration,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    pub(crate) client: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(60),
            idle: Duration::from_secs(90),
            tunnel: Duration::from_secs(600),
            client: Duration::from_secs(60),
        }
    }
}

impl Timeouts {
    /// The time until a new connection is ready, name resolution and TLS included. Default: 5 s. Then: 504.
    pub fn connect(mut self, timeout: Duration) -> Self {
        self.connect = timeout;
        self
    }

    /// The time until the response's head, counted from the last frame of the request's body. Default: 60 s. Then:
    /// 504. A body may take as long as it takes.
    ///
    /// It runs from the moment at which a connection has the request: a wait for one, or for a place
    /// ([`Limits::in_flight`]), has the connect timeout, and can go on at another upstream. With a client
    /// service of one's own that moment is not known, and all of its time counts.
    pub fn response(mut self, timeout: Duration) -> Self {
        self.response = timeout;
        self
    }

    /// The time for which a pooled connection may lie idle, to an eighth more. Default: 90 s. Choose less than the
    /// upstream does.
    pub fn idle(mut self, timeout: Duration) -> Self {
        self.idle = timeout;
        self
    }

    /// The time for which a tunnel (a WebSocket) may be silent both ways before it ends. Default: 10 min.
    pub fn tunnel(mut self, timeout: Duration) -> Self {
        self.tunnel = timeout;
        self
    }

    /// The time for which a client may send nothing of a request's body that the upstream waits for, or take nothing of
    /// a response that is there for it (to an eighth more). Default: 60 s. Then the request is ended: with
    /// 408 if its response has not begun, else by an error of the response's body, and its place at the
    /// upstream is free. Behind TLS a client has sent something when a whole record of up to 16 KiB is here.
    ///
    /// Time in which the upstream has nothing to send does not count (server-sent events, a long poll), nor
    /// silence of a client whose response is under way (gRPC), nor tunnels, which have
    /// [`tunnel`](Self::tunnel).
    pub fn client(mut self, timeout: Duration) -> Self {
        self.client = timeout;
        self
    }
}

/// Limits of a proxy.
///
/// With the feature `serde` a size is written like `"10MB"` (10^6 bytes each), `"10MiB"` (2^20), or as a number
/// of bytes.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::{Limits, ReverseProxy};
///
/// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
/// let uploads = ReverseProxy::builder("/uploads", "http://127.0.0.1:3000")
///     .limits(Limits::default().request_body(50_000_000).client_share(0.25))
///     .build()?;
/// # let _ = uploads;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use]
pub struct Limits {
    pub(crate) in_flight: usize,
    pub(crate) client_share: f64,
    pub(crate) connection_share: f64,
    pub(crate) waiting: usize,
    pub(crate) idle_connections: usize,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    pub(crate) connection_age: Duration,
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::units::size::option",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub(crate) request_body: Option<u64>,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::size::head"))]
    pub(crate) response_head: u32,
    pub(crate) response_fields: usize,
    pub(crate) tunnels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 1024,
            client_share: 0.5,
            connection_share: 0.125,
            waiting: 1024,
            idle_connections: 256,
            connection_age: Duration::from_secs(600),
            request_body: None,
            response_head: 64 * 1024,
            response_fields: 1000,
            tunnels: 4096,
        }
    }
}

impl Limits {
    /// Requests under way at one upstream at once; each has a connection of its own under HTTP/1.1.
    /// Default: 1024. One more waits.
    ///
    /// A request is under way until the last byte of its response is here and the last of its body is out. An upstream
    /// that has answered and takes nothing of the body for one to two minutes is sent no more of it.
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.in_flight = requests;
        self
    }

    /// The share of [`in_flight`](Self::in_flight) that one client may have at an upstream; at least one request.
    /// Default: 0.5. One more waits for another of the same client, among as large a share of
    /// [`waiting`](Self::waiting) and for the connect timeout at most; then: 429. 1.0 switches it off.
    /// Of [`tunnels`](Self::tunnels) a client may have as much; one more is 429 at once.
    ///
    /// A client is its address, for IPv6 its /64: that of the [`Peer`](crate::proxy::Peer) or axum's
    /// `ConnectInfo`, or what a peer in
    /// [`trusted_proxies`](crate::proxy::ProxyBuilder::trusted_proxies) says of it
    /// ([`ClientAddr`](crate::proxy::ClientAddr)). Behind a balancer that is not listed there, or is a balancer
    /// of connections without PROXY protocol, all clients are one: list it, or write 1.0. Many people behind one
    /// address (NAT) share what it may have: write more. Without a peer nothing is known of clients, and
    /// none of them has a bound.
    pub fn client_share(mut self, share: f64) -> Self {
        self.client_share = share;
        self
    }

    /// The share of [`in_flight`](Self::in_flight) that one connection of HTTP/2 may have, as of a client's share:
    /// address and port of the peer tell connections apart. Default: 0.125. A peer in
    /// [`trusted_proxies`](crate::proxy::ProxyBuilder::trusted_proxies) has no such bound, as its connections
    /// carry requests of many.
    pub fn connection_share(mut self, share: f64) -> Self {
        self.connection_share = share;
        self
    }

    /// Requests that wait for another to end, for the connect timeout at most. Default: 1024. One more
    /// is answered with 503.
    pub fn waiting(mut self, requests: usize) -> Self {
        self.waiting = requests;
        self
    }

    /// Idle connections that are kept for each upstream, in each tokio runtime. Default: 256.
    pub fn idle_connections(mut self, connections: usize) -> Self {
        self.idle_connections = connections;
        self
    }

    /// Age of a connection above which no further request goes over it, so that a change of the
    /// upstream's address is noticed under load too. It is noticed up to an eighth later. Default: 10 min.
    pub fn connection_age(mut self, age: Duration) -> Self {
        self.connection_age = age;
        self
    }

    /// The longest request body that is forwarded, in bytes; a longer one is answered with 413.
    /// Default: none, because a body is streamed and never held.
    pub fn request_body(mut self, bytes: u64) -> Self {
        self.request_body = Some(bytes);
        self
    }

    /// The largest head of an upstream's response, in bytes; a larger one is answered with 502.
    /// Default: 64 KiB.
    pub fn response_head(mut self, bytes: u32) -> Self {
        self.response_head = bytes;
        self
    }

    /// The most field lines of an upstream's response over HTTP/1.1, in its head, in an informational one
    /// before it, and in its trailers; more are answered with 502. Default: 1,000. Over HTTP/2 the size of
    /// the head is the limit.
    pub fn response_fields(mut self, lines: usize) -> Self {
        self.response_fields = lines;
        self
    }

    /// Tunnels (WebSockets) that are open at once; they do not count as requests under way. Default:
    /// 4096. One more is answered with 503.
    pub fn tunnels(mut self, tunnels: usize) -> Self {
        self.tunnels = tunnels;
        self
    }
}
