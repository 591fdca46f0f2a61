//! The end of a WebSocket's stream from its upstream, when the client has to be told that the server goes away.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Spoken;
use super::frames::{Frames, GOING_AWAY};
use crate::proxy::delegate::delegate_io;

/// The upstream's end of a tunnel. When it is to leave, a close frame comes out of it between two others, and then
/// nothing but its end.
pub(super) struct Farewell<'a, T> {
    io: T,
    is_leaving: &'a AtomicBool,
    state: State,
}

enum State {
    /// Another protocol, which does not have a message for it.
    Opaque,
    /// Frames go by.
    Open(Frames),
    /// So much of the close frame is out.
    Closing(usize),
    /// RFC 6455 5.5.1: no data follows a close frame.
    Closed,
}

/// The most bytes that are read at once of data that nobody gets.
const DROPPED: usize = 4096;

impl<'a, T> Farewell<'a, T> {
    pub(super) fn new(io: T, spoken: Spoken, is_leaving: &'a AtomicBool) -> Self {
        let state = match spoken {
            Spoken::WebSocket => State::Open(Frames::default()),
            Spoken::Other => State::Opaque,
        };
        Self {
            io,
            is_leaving,
            state,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Farewell<'_, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match &mut this.state {
            State::Opaque => Pin::new(&mut this.io).poll_read(cx, buf),
            State::Open(frames) => {
                let is_leaving = this.is_leaving.load(Ordering::Relaxed);
                if !is_leaving || !frames.is_between() {
                    let before = buf.filled().len();
                    ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
                    let read = &buf.filled()[before..];
                    if !is_leaving || frames.is_closed() || read.is_empty() {
                        frames.pass(read);
                        return Poll::Ready(Ok(()));
                    }
                    let kept = before + frames.pass_frame(read);
                    buf.set_filled(kept);
                    // Something of a frame came, so there is something to give.
                    return Poll::Ready(Ok(()));
                }
                this.state = State::Closing(0);
                self.poll_read(cx, buf)
            }
            State::Closing(out) => {
                let left = &GOING_AWAY[*out..];
                let now = &left[..left.len().min(buf.remaining())];
                buf.put_slice(now);
                *out += now.len();
                if *out == GOING_AWAY.len() {
                    this.state = State::Closed;
                }
                Poll::Ready(Ok(()))
            }
            State::Closed => loop {
                let mut dropped = [0; DROPPED];
                let mut dropped = ReadBuf::new(&mut dropped);
                ready!(Pin::new(&mut this.io).poll_read(cx, &mut dropped))?;
                if dropped.filled().is_empty() {
                    return Poll::Ready(Ok(()));
                }
            },
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Farewell<'_, T> {
    delegate_io!(io: poll_write, poll_flush, poll_shutdown);
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// A text frame.
    fn text(content: &str) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        [&[0x81, length], content.as_bytes()].concat()
    }

    #[tokio::test]
    async fn the_close_frame_comes_behind_the_frame_under_way() {
        let (mut upstream, proxy) = duplex(1024);
        let is_leaving = AtomicBool::new(false);
        let mut end = Farewell::new(proxy, Spoken::WebSocket, &is_leaving);
        let (one, two, three) = (text("one"), text("two, in pieces"), text("three"));
        upstream.write_all(&one).await.unwrap();
        upstream.write_all(&two[..5]).await.unwrap();
        let mut seen = vec![0; one.len() + 5];
        end.read_exact(&mut seen).await.unwrap();
        is_leaving.store(true, Ordering::Relaxed);
        upstream.write_all(&two[5..]).await.unwrap();
        upstream.write_all(&three).await.unwrap();
        drop(upstream);
        end.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, [&one[..], &two, &GOING_AWAY].concat());
    }

    #[tokio::test]
    async fn a_silent_socket_is_told_at_once_and_other_protocols_are_not() {
        for (spoken, wanted) in [
            (Spoken::WebSocket, &GOING_AWAY[..]),
            (Spoken::Other, b"any"),
        ] {
            let (mut upstream, proxy) = duplex(1024);
            let is_leaving = AtomicBool::new(true);
            let mut end = Farewell::new(proxy, spoken, &is_leaving);
            if spoken == Spoken::Other {
                upstream.write_all(b"any").await.unwrap();
            }
            let mut seen = vec![0; wanted.len()];
            end.read_exact(&mut seen).await.unwrap();
            assert_eq!(seen, wanted);
        }
    }

    #[tokio::test]
    async fn an_upstream_that_has_closed_is_not_closed_again() {
        let (mut upstream, proxy) = duplex(1024);
        let is_leaving = AtomicBool::new(false);
        let mut end = Farewell::new(proxy, Spoken::WebSocket, &is_leaving);
        upstream.write_all(&[0x88, 2, 3, 0xE8]).await.unwrap();
        let mut seen = vec![0; 4];
        end.read_exact(&mut seen).await.unwrap();
        is_leaving.store(true, Ordering::Relaxed);
        drop(upstream);
        end.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, [0x88, 2, 3, 0xE8]);
    }
}
