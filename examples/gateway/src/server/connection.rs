//! One connection: TLS if the listener has it, then the version of HTTP that its client speaks.

use super::BoxError;
use super::connections::{ConnectionGuard, STOP};
use super::handler::Handler;
use super::http::{Serving, http1, http2};
use super::limits::Limits;
use super::stream::half_closed::HalfClosed;
use super::stream::paced::Paced;
use crate::observe::handshake;
use hyper_util::rt::TokioIo;
use same_origin::proxy::{Coalesced, Peer};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// RFC 9113 3.4: what an HTTP/2 client sends first.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    handle: impl Handler,
    entry: &ConnectionGuard,
) -> Result<(), BoxError> {
    // Small answers must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    let peer = Peer::new(peer).secure(tls.is_some());
    // In boxes, so that an idle connection takes no more room than its kind needs, and none for its beginning.
    let serving = match tls {
        Some(tls) => Box::pin(secure(stream, peer, tls, limits, handle, entry)).await?,
        None => Box::pin(plain(stream, peer, limits, handle, entry)).await?,
    };
    match serving {
        Some(serving) => serving.await,
        None => Ok(()),
    }
}

async fn plain(
    stream: TcpStream,
    peer: Peer,
    limits: Limits,
    handle: impl Handler,
    entry: &ConnectionGuard,
) -> io::Result<Option<Serving<'_>>> {
    let Some(is_http2) = begin(starts_with_preface(&stream), entry).await? else {
        return Ok(None);
    };
    let connection = Arc::clone(&entry.connection);
    Ok(Some(if is_http2 {
        let io = Coalesced::new(TokioIo::new(Paced::new(stream, connection)));
        http2(io, peer, limits, handle, entry)
    } else {
        let io = Coalesced::new(TokioIo::new(HalfClosed::new(stream, connection)));
        http1(io, peer, limits, handle, entry)
    }))
}

async fn secure(
    stream: TcpStream,
    peer: Peer,
    tls: TlsAcceptor,
    limits: Limits,
    handle: impl Handler,
    entry: &ConnectionGuard,
) -> io::Result<Option<Serving<'_>>> {
    let accepted = begin(accept(&tls, stream), entry).await;
    let is_counted = match &accepted {
        Ok(Some(accepted)) => accepted.is_some(),
        Err(_) => true,
        // One that a stop of ours ended is neither.
        Ok(None) => entry.connection.is_silent(),
    };
    if is_counted {
        handshake(matches!(accepted, Ok(Some(_))));
    }
    let Some(stream) = accepted?.flatten() else {
        return Ok(None);
    };
    let connection = Arc::clone(&entry.connection);
    Ok(Some(if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let io = TokioIo::new(Paced::new(stream, connection));
        http2(io, peer, limits, handle, entry)
    } else {
        let io = TokioIo::new(HalfClosed::new(stream, connection));
        http1(io, peer, limits, handle, entry)
    }))
}

/// Shakes hands with a client. `None` for one that has gone without a byte: what checks whether a port is open, as
/// balancers do, does not speak TLS.
async fn accept(tls: &TlsAcceptor, stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
    let is_gone = matches!(stream.peek(&mut [0]).await, Ok(0) | Err(_));
    if is_gone {
        return Ok(None);
    }
    tls.accept(stream).await.map(Some)
}

/// The result of a connection's beginning; `None` if it has to end before any request.
pub(super) async fn begin<T>(
    beginning: impl Future<Output = io::Result<T>>,
    entry: &ConnectionGuard,
) -> io::Result<Option<T>> {
    let obey = |_: Pin<&mut _>, order| order < STOP;
    entry.drive(pin!(beginning), obey).await.transpose()
}

/// Whether the client speaks HTTP/2 by prior knowledge (RFC 9113 3.3). Nothing is taken from the
/// stream, so no later read has to look for bytes that were put back.
async fn starts_with_preface(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    let mut pause = Duration::from_millis(5);
    loop {
        let seen = stream.peek(&mut start).await?;
        if seen == 0 || !PREFACE.starts_with(&start[..seen]) {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        // No more will come.
        if stream.ready(Interest::READABLE).await?.is_read_closed() {
            return Ok(false);
        }
        // Part of the preface: the stream stays readable, so there is no event to wait for. Who sends
        // the rest late waits for it, and does not keep us busy.
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
