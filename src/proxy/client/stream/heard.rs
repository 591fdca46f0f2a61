//! A stream of HTTP/2 that notes how its connection begins, with which settings, and an alert that ends it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::meter::Meter;
use crate::proxy::delegate::delegate_io;

/// A stream of HTTP/2. hyper tells nobody why a connection ended, but that its requests are lost.
pub(crate) struct Heard<S> {
    stream: S,
    meter: Arc<Meter>,
    /// Whether the other end has said anything.
    has_begun: bool,
    /// Its settings, as far as they have come, until all of them are there.
    settings: Option<Vec<u8>>,
}

impl<S> Heard<S> {
    pub(crate) fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self {
            stream,
            meter,
            has_begun: false,
            settings: Some(Vec::new()),
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

/// The length of a frame's head (RFC 9113 4.1).
const HEAD: usize = 9;

/// The settings of an upstream that a request is held against. h2 tells of them only who asks.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    /// The number of streams.
    streams: usize,
    /// The bytes of a request's head.
    head: usize,
}

/// The settings in a frame of them, if all of it is there.
fn settings_in(frame: &[u8]) -> Option<Settings> {
    // RFC 9113 6.5.2.
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    const MAX_HEADER_LIST_SIZE: u16 = 6;
    let (head, rest) = frame.split_at_checked(HEAD)?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let mut settings = Settings {
        streams: usize::MAX,
        head: usize::MAX,
    };
    for setting in rest.get(..length)?.chunks_exact(6) {
        let [id, number, a, b, c, d] = *setting else {
            continue;
        };
        let value = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        match u16::from_be_bytes([id, number]) {
            MAX_CONCURRENT_STREAMS => settings.streams = value,
            MAX_HEADER_LIST_SIZE => settings.head = value,
            _ => {}
        }
    }
    Some(settings)
}

impl<S> Heard<S> {
    /// Notes what was read for as long as it may be of the settings.
    fn settle(&mut self, new: &[u8]) {
        let Some(settings) = &mut self.settings else {
            return;
        };
        // RFC 9113 4.2: no frame is larger until somebody allows it.
        const MOST: usize = HEAD + (1 << 14);
        let room = MOST - settings.len().min(MOST);
        settings.extend_from_slice(&new[..new.len().min(room)]);
        if !begins_http2(settings) || settings.len() == MOST {
            self.settings = None;
        } else if let Some(Settings { streams, head }) = settings_in(settings) {
            self.settings = None;
            // The size first: who waits for room looks at both.
            self.meter.takes_heads_of(head);
            self.meter.set_room(streams);
        }
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
        if !new.is_empty() {
            self.meter.speaks();
        }
        if let Err(error) = &read {
            self.meter.breaks(error);
        } else if !self.has_begun && !new.is_empty() {
            self.has_begun = true;
            self.meter.begins(begins_http2(new));
        }
        self.settle(&buf.filled()[before..]);
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    delegate_io!(stream: poll_write, poll_write_vectored, is_write_vectored, poll_flush, poll_shutdown);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_the_size_of_heads_are_in_the_settings() {
        const BOTH: &[u8] =
            b"\0\0\x12\x04\0\0\0\0\0\0\x04\0\0\0\x09\0\x06\0\0\x40\0\0\x03\0\0\0\x02";
        let both = |streams, head| Some(Settings { streams, head });
        for (bytes, settings) in [
            (&b"\0\0\0\x04\0\0\0\0\0"[..], both(usize::MAX, usize::MAX)),
            (BOTH, both(2, 16_384)),
            (&[BOTH, BOTH].concat(), both(2, 16_384)),
            (&BOTH[..BOTH.len() - 1], None),
            (&BOTH[..5], None),
            (b"", None),
        ] {
            assert_eq!(settings_in(bytes), settings, "{}", bytes.escape_ascii());
        }
        let meter = Arc::<Meter>::default();
        meter.waits_for_settings();
        let mut heard = Heard::new((), Arc::clone(&meter));
        for byte in BOTH {
            assert!(!meter.is_settled());
            heard.settle(&[*byte]);
        }
        assert_eq!((meter.is_settled(), meter.room()), (true, 2));
        assert_eq!(meter.largest_head(), 16_384);
    }

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
