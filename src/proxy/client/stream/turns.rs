//! TLS whose records without content take turns with the other connections.
//!
//! Readers above TLS see only the content of its records, and what bounds them counts that. The other end may send
//! records without any: session tickets, and up to 32 changes of its keys for each byte of content, of 27 bytes and four
//! microseconds of work each. A connection reads on until there is content, as often as tokio lets a task do without
//! giving its turn back; of reads of 4 KiB those were 85 ms. Here bytes that become no content use up the turn, too.
//!
//! The gateway has its clients' TLS in this form; for others this is not part of the API.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;
use tokio_rustls::TlsStream;

use crate::proxy::delegate::delegate_io;

/// Bytes without content that count for one of the 128 steps that tokio gives a task in each turn.
const STEP: usize = 128;
/// Bytes that may be without content and count for nothing: a handshake, or a record of 16 KiB that is still on its way
/// with a read of the next one.
const ALLOWANCE: usize = 32 * 1024;

/// A stream below TLS. It keeps the number of bytes that have not become content.
#[derive(Debug)]
pub struct Turns<T> {
    io: T,
    debt: usize,
}

impl<T> Turns<T> {
    /// For TLS over `io`, its handshake included.
    pub const fn new(io: T) -> Self {
        Self { io, debt: 0 }
    }

    fn have_become_content(&mut self, bytes: usize) {
        self.debt = self.debt.saturating_sub(bytes);
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Turns<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        self.debt += buf.filled().len() - before;
        let excess = self.debt.saturating_sub(ALLOWANCE);
        self.debt -= excess;
        for _ in 0..excess / STEP {
            match poll_proceed(cx) {
                Poll::Ready(step) => step.made_progress(),
                // The next read is for the next turn.
                Poll::Pending => break,
            }
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Turns<T> {
    delegate_io!(io: poll_write, poll_write_vectored, is_write_vectored, poll_flush, poll_shutdown);
}

/// TLS over [`Turns`], which it tells what became content.
#[derive(Debug)]
pub struct TlsInTurns<T> {
    tls: TlsStream<Turns<T>>,
    /// An error behind content that is told first.
    error: Option<io::Error>,
}

impl<T> TlsInTurns<T> {
    /// For TLS after its handshake.
    pub fn new(tls: impl Into<TlsStream<Turns<T>>>) -> Self {
        Self {
            tls: tls.into(),
            error: None,
        }
    }

    /// Whether the two ends have agreed on HTTP/2 (RFC 7301).
    pub fn is_http2(&self) -> bool {
        self.tls.get_ref().1.alpn_protocol() == Some(b"h2")
    }

    /// The stream below TLS.
    pub fn into_inner(self) -> T {
        let turns = match self.tls {
            TlsStream::Client(tls) => tls.into_inner().0,
            TlsStream::Server(tls) => tls.into_inner().0,
        };
        turns.io
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsInTurns<T> {
    /// Reads record by record, as `TlsStream` itself does: what became of one is told before the next is read.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(error) = this.error.take() {
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            let has_content = buf.filled().len() > before;
            let content = match Pin::new(&mut this.tls).poll_fill_buf(cx) {
                Poll::Ready(Ok(content)) => content,
                Poll::Ready(Err(error)) if has_content => {
                    this.error = Some(error);
                    break;
                }
                Poll::Pending if has_content => break,
                none => return none.map_ok(|_| ()),
            };
            let bytes = content.len().min(buf.remaining());
            if bytes == 0 {
                break;
            }
            buf.put_slice(&content[..bytes]);
            Pin::new(&mut this.tls).consume(bytes);
            this.tls.get_mut().0.have_become_content(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsInTurns<T> {
    delegate_io!(tls: poll_write, poll_write_vectored, is_write_vectored, poll_flush, poll_shutdown);
}
