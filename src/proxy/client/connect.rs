//! A new connection: name, address, TLS, HTTP handshake.

use super::pool::{Connection, STREAMS};
#[cfg(feature = "tls")]
use super::tls::Tls;
use crate::proxy::client::coalesced::Coalesced;
use crate::proxy::error::{BoxError, ProxyErrorKind};
use crate::proxy::upstream::Protocol;
use http::Uri;
use http::uri::{Authority, Scheme};
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

/// How much is read at once over HTTP/1.1, which is what is held while the client does not read. A body
/// of 1 MiB takes 1.6 times the processor time that it takes with hyper's own 408 KiB, on loopback and
/// still less than nginx's; with 256 KiB it takes 1.4 times, and a client that never reads costs 740 KiB
/// instead of 450.
const READ_SIZE: usize = 128 * 1024;
/// How much of a response's body an upstream of HTTP/2 may send ahead of its reader: what comes in 50 ms
/// at 40 Mbit/s.
const STREAM_WINDOW: u32 = 256 * 1024;

/// Makes connections. Names are resolved by the system, addresses tried as RFC 8305 says.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    tcp: HttpConnector,
    timeout: Duration,
    /// The largest head of a response, in bytes.
    max_head: u32,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct ConnectError {
    pub(super) kind: ProxyErrorKind,
    pub(super) source: BoxError,
}

impl ConnectError {
    pub(super) fn new(kind: ProxyErrorKind, source: impl Into<BoxError>) -> Self {
        Self {
            kind,
            source: source.into(),
        }
    }
}

impl Connector {
    pub(super) fn new(
        timeout: Duration,
        max_head: u32,
        #[cfg(feature = "tls")] tls: Option<Tls>,
    ) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Heads and small bodies are written whole; waiting for more would only delay them.
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        Self {
            tcp,
            timeout,
            max_head,
            #[cfg(feature = "tls")]
            tls,
        }
    }

    /// A connection that is ready for a request.
    ///
    /// `address` stands in for what the authority would be resolved to, and for nothing else of it.
    /// `http1_only` is for a request that only HTTP/1.1 can carry: an upgrade.
    pub(super) async fn connect(
        &self,
        protocol: Protocol,
        authority: &Authority,
        address: Option<SocketAddr>,
        http1_only: bool,
    ) -> Result<Connection, ConnectError> {
        let connecting = self.establish(protocol, authority, address, http1_only);
        match tokio::time::timeout(self.timeout, connecting).await {
            Ok(connected) => connected,
            Err(elapsed) => Err(ConnectError::new(ProxyErrorKind::ConnectTimeout, elapsed)),
        }
    }

    async fn establish(
        &self,
        protocol: Protocol,
        authority: &Authority,
        address: Option<SocketAddr>,
        http1_only: bool,
    ) -> Result<Connection, ConnectError> {
        let tcp = self.dial(protocol, authority, address).await?;
        match protocol {
            Protocol::Http => http1(Coalesced::new(tcp), self.max_head).await,
            Protocol::H2c => http2(tcp, self.max_head).await,
            #[cfg(feature = "tls")]
            Protocol::Https => {
                let Some(tls) = &self.tls else {
                    return Err(ConnectError::new(
                        ProxyErrorKind::Tls,
                        "no TLS configuration",
                    ));
                };
                let (stream, is_http2) = tls.handshake(tcp, authority, http1_only).await?;
                if is_http2 {
                    http2(stream, self.max_head).await
                } else {
                    http1(stream, self.max_head).await
                }
            }
            // Never in plain text instead. The builder refuses such an upstream.
            #[cfg(not(feature = "tls"))]
            Protocol::Https => {
                let _ = http1_only;
                Err(ConnectError::new(
                    ProxyErrorKind::Tls,
                    "the feature `tls` is not enabled",
                ))
            }
        }
    }

    async fn dial(
        &self,
        protocol: Protocol,
        authority: &Authority,
        address: Option<SocketAddr>,
    ) -> Result<TokioIo<TcpStream>, ConnectError> {
        let secure = protocol == Protocol::Https;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = match address {
            None => Some(authority.clone()),
            Some(address) => address.to_string().parse().ok(),
        };
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        let uri =
            Uri::from_parts(parts).map_err(|e| ConnectError::new(ProxyErrorKind::Connect, e))?;
        self.tcp.clone().call(uri).await.map_err(|error| {
            // hyper-util tells a failed look-up from a failed connection by its text alone.
            let dns = error.to_string().starts_with("dns error");
            let kind = if dns {
                ProxyErrorKind::Dns
            } else {
                ProxyErrorKind::Connect
            };
            ConnectError::new(kind, error)
        })
    }
}

async fn http1<I>(io: I, max_head: u32) -> Result<Connection, ConnectError>
where
    I: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_header_size(max_head as usize)
        // A head has to fit in.
        .max_buf_size(READ_SIZE.max(max_head as usize))
        .handshake(io)
        .await
        .map_err(|error| ConnectError::new(ProxyErrorKind::Connect, error))?;
    // Its errors reach the request or the body that they concern. A task of its own costs each request some
    // 1,200 instructions, and saves 6 % of the time under load: connections are served stage by stage.
    tokio::spawn(connection.with_upgrades());
    Ok(Connection::Http1(sender))
}

async fn http2<I>(io: I, max_head: u32) -> Result<Connection, ConnectError>
where
    I: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(max_head)
        // RFC 9113 6.5.2: how many streams the upstream takes is known once its settings are there. What
        // does not fit would be refused.
        .initial_max_send_streams(1)
        // A dead connection is noticed while streams wait on it.
        .keep_alive_interval(Duration::from_secs(20))
        // RFC 9113 5.2.2: streams share the connection's window. It is as large as those of all of them
        // together, so that those whose readers do not read leave room for the others. An adaptive
        // window would make both the same, and one stream could take it all.
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW * STREAMS as u32)
        .handshake(io)
        .await
        .map_err(|error| ConnectError::new(ProxyErrorKind::Connect, error))?;
    tokio::spawn(connection);
    Ok(Connection::Http2(sender))
}
