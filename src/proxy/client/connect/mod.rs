//! A new connection: TCP, TLS, HTTP handshake.

mod dial;
mod pings;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dial::{DialError, dial};
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo};
#[cfg(feature = "tls")]
use tls::Tls;

use crate::proxy::body::Body;
use crate::proxy::client::error::ConnectError;
use crate::proxy::client::stream::coalesced::Coalesced;
use crate::proxy::client::stream::early_answer::EarlyAnswer;
use crate::proxy::client::stream::heard::Heard;
use crate::proxy::client::stream::meter::Meter;
use crate::proxy::client::stream::socket::Socket;
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::upstream::destination::{Destination, Protocol};

/// The most that is read at once over HTTP/1.1, which is what is held while the client does not read. A body
/// of 1 MiB takes 1.6 times the processor time that it takes with hyper's own 408 KiB, on loopback and
/// still less than nginx's; with 256 KiB it takes 1.4 times, and a client that never reads costs 740 KiB
/// instead of 450.
const READ_SIZE: usize = 128 * 1024;
/// The number of reads of that size that may go by without anything coming of them. A reader that is slow has
/// three unseen, in hyper's buffer and on their way.
const UNSEEN_READS: usize = 8;
/// The most of a response's body that an upstream of HTTP/2 may send ahead of its reader: what comes in 50 ms
/// at 40 Mbit/s.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The window of a connection of HTTP/2 (RFC 9113 5.2.2), of all of its streams together: those whose readers do not
/// read leave room for the others. h2 allows half of it for what frames below 256 bytes cost beside their bytes until they
/// are read, and ends a connection above it (`too_many_data_frames`), with all that others have on it. A window eight
/// times as wide puts that off, and lets one client that does not read have 764 MiB held, in place of 142.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS as u32;
/// The number of streams that a connection of HTTP/2 carries before another one is made. The least that a server
/// should allow (RFC 9113 6.5.2).
pub(crate) const STREAMS: usize = 100;

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) timeout: Duration,
    /// The largest head of a response, in bytes.
    pub(crate) max_head: u32,
    /// The most field lines of a response's head or trailers over HTTP/1.1.
    pub(crate) max_fields: usize,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

/// A connection as it comes from the handshake.
pub(crate) struct NewConnection {
    pub(crate) sender: Sender,
    pub(crate) meter: Arc<Meter>,
}

pub(crate) enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

#[cfg(test)]
impl NewConnection {
    pub(crate) fn of(sender: Sender) -> Self {
        let meter = Arc::default();
        Self { sender, meter }
    }
}

impl From<DialError> for ConnectError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Resolve(error) => Self::new(ProxyErrorKind::Dns, error),
            DialError::Connect(error) => Self::new(kind_of(&error), error),
        }
    }
}

/// Whether it was the upstream that did not take the connection, or this side that had no port
/// (`EADDRNOTAVAIL`) or no descriptor (`EMFILE`, `ENFILE`) for it.
fn kind_of(error: &io::Error) -> ProxyErrorKind {
    let no_descriptor = cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24));
    if error.kind() == io::ErrorKind::AddrNotAvailable || no_descriptor {
        ProxyErrorKind::LocalResources
    } else {
        ProxyErrorKind::Connect
    }
}

impl Connector {
    /// A connection that is ready for a request.
    ///
    /// `http1_only` is for a request that only HTTP/1.1 can carry: an upgrade.
    pub(crate) async fn connect(
        &self,
        destination: &Destination,
        http1_only: bool,
    ) -> Result<NewConnection, ConnectError> {
        let connecting = self.establish(destination, http1_only);
        match tokio::time::timeout(self.timeout, connecting).await {
            Ok(connected) => connected,
            Err(elapsed) => Err(ConnectError::new(ProxyErrorKind::ConnectTimeout, elapsed)),
        }
    }

    async fn establish(
        &self,
        destination: &Destination,
        http1_only: bool,
    ) -> Result<NewConnection, ConnectError> {
        let tcp = dial(destination).await?;
        let meter = Arc::clone(tcp.meter());
        match destination.protocol() {
            Protocol::Http => {
                let stream = TokioIo::new(self.for_http1(tcp, &meter));
                self.http1(Coalesced::new(stream), meter).await
            }
            Protocol::H2c => self.http2(tcp, meter).await,
            Protocol::Https => self.https(tcp, meter, destination, http1_only).await,
        }
    }

    #[cfg(feature = "tls")]
    async fn https(
        &self,
        tcp: Socket,
        meter: Arc<Meter>,
        destination: &Destination,
        http1_only: bool,
    ) -> Result<NewConnection, ConnectError> {
        let Some(tls) = &self.tls else {
            return Err(ConnectError::new(
                ProxyErrorKind::Tls,
                "the client was built without a TLS configuration",
            ));
        };
        let stream = tls.handshake(tcp, destination.host(), http1_only).await?;
        if stream.is_http2() {
            self.http2(stream, meter).await
        } else {
            let stream = TokioIo::new(self.for_http1(stream, &meter));
            self.http1(stream, meter).await
        }
    }

    /// Never in plain text instead. The builder refuses such an upstream.
    #[cfg(not(feature = "tls"))]
    async fn https(
        &self,
        _: Socket,
        _: Arc<Meter>,
        _: &Destination,
        _: bool,
    ) -> Result<NewConnection, ConnectError> {
        Err(ConnectError::new(
            ProxyErrorKind::Tls,
            "https needs the feature `tls`",
        ))
    }

    fn read_size(&self) -> usize {
        // A head has to fit in.
        READ_SIZE.max(self.max_head as usize)
    }

    fn for_http1<T>(&self, stream: T, meter: &Arc<Meter>) -> EarlyAnswer<T> {
        EarlyAnswer::new(stream, Arc::clone(meter), UNSEEN_READS * self.read_size())
    }

    async fn http1<I>(&self, io: I, meter: Arc<Meter>) -> Result<NewConnection, ConnectError>
    where
        I: Read + Write + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_header_size(self.max_head as usize)
            // Above hyper's own 100 it makes two lists anew for each response: 525 instructions, 1 % of a small
            // request, whether for 101 or for 1,000 fields.
            .max_headers(self.max_fields)
            .max_buf_size(self.read_size())
            // RFC 9112 5.1: a proxy removes white space before a colon from a response.
            .allow_spaces_after_header_name_in_responses(true)
            .handshake(io)
            .await
            .map_err(|error| ConnectError::new(ProxyErrorKind::Connect, error))?;
        // Its errors reach the request or the body that they concern. A task of its own costs each request
        // some 1,200 instructions, and saves 6 % of the time under load: connections are served stage by
        // stage.
        meter.is_driven_by(tokio::spawn(connection.with_upgrades()).abort_handle());
        Ok(NewConnection {
            sender: Sender::Http1(sender),
            meter,
        })
    }

    async fn http2<S>(&self, stream: S, meter: Arc<Meter>) -> Result<NewConnection, ConnectError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        /// RFC 9113 6.5.2: how many streams the upstream takes is known once its settings are there.
        /// Streams above that would be refused, so one is sent until then, and the others wait in the pool.
        const UNTIL_SETTINGS: usize = 1;
        meter.waits_for_settings();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        pings::keep_alive(&mut builder, &meter);
        let (sender, mut connection) = builder
            .max_header_list_size(self.max_head)
            .initial_max_send_streams(UNTIL_SETTINGS)
            // An adaptive window would make both the same, and one stream could take it all.
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(Heard::new(stream, Arc::clone(&meter))))
            .await
            .map_err(|error| ConnectError::new(ProxyErrorKind::Connect, error))?;
        let (noted, ends) = (Arc::clone(&meter), Arc::clone(&meter));
        let driven = poll_fn(move |cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            let most = connection.current_max_send_streams();
            let is_known = most != UNTIL_SETTINGS || noted.has_answered();
            if is_known && most > 0 {
                noted.set_room(most);
            }
            polled
        });
        tokio::spawn(async move {
            // Its errors reach the requests. It is gone before others are told not to wait for it.
            let _ended = driven.await;
            ends.settled();
        });
        Ok(NewConnection {
            sender: Sender::Http2(sender),
            meter,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_ports_is_not_told_as_a_refusal() {
        for (error, kind) in [
            (
                io::ErrorKind::AddrNotAvailable.into(),
                ProxyErrorKind::LocalResources,
            ),
            (
                io::ErrorKind::ConnectionRefused.into(),
                ProxyErrorKind::Connect,
            ),
            #[cfg(unix)]
            (
                io::Error::from_raw_os_error(24),
                ProxyErrorKind::LocalResources,
            ),
        ] {
            assert_eq!(kind_of(&error), kind, "{error}");
        }
    }
}
