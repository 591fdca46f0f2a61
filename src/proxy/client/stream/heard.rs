//! A stream of HTTP/2 that notes what its connection hears, and an alert that ends it.

use super::meter::Meter;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of HTTP/2. hyper tells nobody why a connection ended, but that its requests are lost.
pub(crate) struct Heard<S> {
    stream: S,
    meter: Arc<Meter>,
    /// Whether the other end has said anything.
    has_begun: bool,
}

impl<S> Heard<S> {
    pub(crate) fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self {
            stream,
            meter,
            has_begun: false,
        }
    }
}

/// Whether that is how a server begins: with its settings, of stream 0 (RFC 9113 3.4, 4.1). Of less than the head of a
/// frame that is taken for granted.
fn begins_http2(bytes: &[u8]) -> bool {
    const SETTINGS: u8 = 4;
    match bytes {
        [_, _, _, kind, _, stream @ ..] if stream.len() >= 4 => {
            *kind == SETTINGS && stream.starts_with(&[0; 4])
        }
        _ => true,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        let new = &buf.filled()[before..];
        if let Err(error) = &read {
            self.meter.breaks(error);
        } else if !self.has_begun && !new.is_empty() {
            self.has_begun = true;
            self.meter.begins(begins_http2(new));
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_first() {
        for (bytes, is_http2) in [
            (&b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"[..], true),
            (b"\0\0\0\x04\0\0\0\0\0", true),
            (b"\0\0", true),
            (b"\0\0\0\x04\0\0\0\0\x01", false),
            (b"HTTP/1.1 400 Bad Request\r\n", false),
            (b"SSH-2.0-OpenSSH\r\n", false),
        ] {
            assert_eq!(begins_http2(bytes), is_http2, "{}", bytes.escape_ascii());
        }
    }
}
