//! One connection: TLS if the listener has it, then the version of HTTP that its client speaks.

use super::BoxError;
use super::connections::{ConnectionGuard, STOP};
use super::half_closed::HalfClosed;
use super::handler::Handler;
use super::http::{http1, http2};
use super::limits::Limits;
use super::paced::Paced;
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
    // Each kind in a box of its own, so that an idle connection takes no more room than its kind needs.
    if let Some(tls) = tls {
        return Box::pin(secure(stream, peer, tls, limits, handle, entry)).await;
    }
    let Some(is_http2) = begin(starts_with_preface(&stream), entry).await? else {
        return Ok(());
    };
    if is_http2 {
        let io = Coalesced::new(TokioIo::new(Paced::new(
            stream,
            Arc::clone(&entry.connection),
        )));
        return Box::pin(http2(io, peer, limits, handle, entry)).await;
    }
    let stream = HalfClosed::new(stream, Arc::clone(&entry.connection));
    let io = Coalesced::new(TokioIo::new(stream));
    Box::pin(http1(io, peer, limits, handle, entry)).await
}

async fn secure(
    stream: TcpStream,
    peer: Peer,
    tls: TlsAcceptor,
    limits: Limits,
    handle: impl Handler,
    entry: &ConnectionGuard,
) -> Result<(), BoxError> {
    let accepted = begin(tls.accept(stream), entry).await;
    handshake(matches!(accepted, Ok(Some(_))));
    let Some(stream) = accepted? else {
        return Ok(());
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let io = TokioIo::new(Paced::new(stream, Arc::clone(&entry.connection)));
        return Box::pin(http2(io, peer, limits, handle, entry)).await;
    }
    let stream = HalfClosed::new(stream, Arc::clone(&entry.connection));
    let io = TokioIo::new(stream);
    Box::pin(http1(io, peer, limits, handle, entry)).await
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
