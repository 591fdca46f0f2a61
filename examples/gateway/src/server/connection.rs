//! One connection: TLS if the listener has it, then the version of HTTP that its client speaks.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use same_origin::proxy::_turns::{TlsInTurns, Turns};
use same_origin::proxy::{Coalesced, Peer};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::BoxError;
use super::connections::{ConnectionGuard, STOP};
use super::handler::Handler;
use super::http::{Serving, http1, http2};
use super::limits::Limits;
use super::stream::half_closed::HalfClosed;
use super::stream::paced::Paced;
use crate::observe::handshake;

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
    Ok(Some(if stream.is_http2() {
        let io = TokioIo::new(Paced::new(stream, connection));
        http2(io, peer, limits, handle, entry)
    } else {
        let io = TokioIo::new(HalfClosed::new(stream, connection));
        http1(io, peer, limits, handle, entry)
    }))
}

/// Shakes hands with a client. `None` for one that has gone without a byte: what checks whether a port is open, as
/// balancers do, does not speak TLS.
async fn accept(tls: &TlsAcceptor, stream: TcpStream) -> io::Result<Option<TlsInTurns<TcpStream>>> {
    let is_gone = matches!(stream.peek(&mut [0]).await, Ok(0) | Err(_));
    if is_gone {
        return Ok(None);
    }
    let stream = tls.accept(Turns::new(stream)).await?;
    Ok(Some(TlsInTurns::new(stream)))
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
        // Part of the preface: the stream stays readable, and an event does not come. A client
        // that sends the rest late has to wait, and does not keep us busy.
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use futures_util::FutureExt;
    use rustls::pki_types::{PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::*;

    fn tls() -> (TlsAcceptor, TlsConnector) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(server).into(), Arc::new(client).into())
    }

    /// Where 30 changes of keys come for each byte of content, one turn reads few bytes.
    #[tokio::test]
    async fn records_without_content_take_turns() {
        let (acceptor, connector) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap());
        let (stream, accepted) = tokio::join!(stream, listener.accept());
        let name = ServerName::try_from("localhost").unwrap();
        let (client, server) = tokio::join!(
            connector.connect(name, stream.unwrap()),
            accept(&acceptor, accepted.unwrap().0)
        );
        let (mut client, mut server) = (client.unwrap(), server.unwrap().unwrap());
        let (socket, session) = client.get_mut();
        let mut records = Vec::new();
        for _ in 0..60 {
            for _ in 0..30 {
                session.refresh_traffic_keys().unwrap();
            }
            session.writer().write_all(b"a").unwrap();
            while session.wants_write() {
                session.write_tls(&mut records).unwrap();
            }
        }
        socket.write_all(&records).await.unwrap();
        let (mut turns, mut read) = (0, 0);
        while read < 60 {
            tokio::task::yield_now().await;
            while let Some(bytes) = server.read(&mut [0; 60]).now_or_never() {
                read += bytes.unwrap();
            }
            turns += 1;
        }
        // By tokio's own count it would be one.
        assert!(turns > 1, "{} bytes", records.len());
    }
}
