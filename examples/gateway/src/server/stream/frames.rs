//! Frames of HTTP/2 that cost more than they look, counted in the bytes that are read from a connection.
//!
//! h2 decodes a head that is too large in full, answers 431, and tells nobody; the same goes for streams above
//! the limit. So a client could send such heads for ever, at no cost to its budget of resets. A head
//! that was read here and did not become a request was refused.
//!
//! A SETTINGS frame changes the windows of all streams at once: one of 15 bytes, to and fro between 0 and 1, has a
//! hundred streams send a byte each (RFC 9113 10.5 names it). h2 does not count them.

/// RFC 9113 4.1.
const HEADER: usize = 9;
/// RFC 9113 6.2.
const HEADERS: u8 = 1;
/// RFC 9113 6.5, and its flag that acknowledges ours.
const SETTINGS: u8 = 4;
const ACK: u8 = 1;

/// The SETTINGS frames that a connection may have for nothing. Clients send one or two at the start, and those of gRPC one
/// more whenever they double their window.
const SETTLED: u32 = 32;

/// Finds frames that count, in pieces of any size.
pub struct Frames {
    /// The header of the next frame, as far as it has come.
    header: [u8; HEADER],
    seen: usize,
    /// The rest of the last frame, or of the preface.
    left: usize,
    /// The stream that was opened last.
    last: u32,
    /// SETTINGS frames that are left for nothing.
    settled: u32,
}

/// Frames that count, of one read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Heads that open a stream.
    pub heads: u32,
    /// SETTINGS frames beyond what any client needs.
    pub settings: u32,
}

impl Frames {
    /// Frames behind a preface of so many bytes.
    pub fn behind(preface: usize) -> Self {
        Self {
            header: [0; HEADER],
            seen: 0,
            left: preface,
            last: 0,
            settled: SETTLED,
        }
    }

    /// The frames that begin in these bytes and count.
    pub fn counted_in(&mut self, mut bytes: &[u8]) -> Counted {
        let mut counted = Counted::default();
        loop {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return counted;
            }
            let taken = (HEADER - self.seen).min(bytes.len());
            self.header[self.seen..self.seen + taken].copy_from_slice(&bytes[..taken]);
            self.seen += taken;
            bytes = &bytes[taken..];
            if self.seen == HEADER {
                self.seen = 0;
                self.begin(&mut counted);
            }
        }
    }

    /// Begins the frame whose header is complete.
    fn begin(&mut self, counted: &mut Counted) {
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        self.left = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        match kind {
            // Trailers are on a stream that is open, and numbers only grow (RFC 9113 5.1.1).
            HEADERS if stream > self.last => {
                self.last = stream;
                counted.heads += 1;
            }
            SETTINGS if flags & ACK == 0 => match self.settled.checked_sub(1) {
                Some(left) => self.settled = left,
                None => counted.settings += 1,
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, len: usize) -> Vec<u8> {
        let mut frame = (len as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, 5]);
        frame.extend(stream.to_be_bytes());
        // Bytes within a payload that look like a header are not one.
        frame.extend(std::iter::repeat_n(1, len));
        frame
    }

    #[test]
    fn heads_are_found_in_pieces_of_any_size() {
        let mut bytes = vec![0; 24];
        for (kind, stream, len) in [
            (4, 0, 12),
            (1, 1, 40),
            (9, 1, 40),
            (0, 1, 16_384),
            (1, 1, 8),
            (1, 3, 0),
            (1, 5 | 1 << 31, 100),
            (3, 5, 4),
        ] {
            bytes.extend(frame(kind, stream, len));
        }
        for size in [1, 2, 8, 9, 10, 100, 5000, bytes.len()] {
            let mut frames = Frames::behind(24);
            let pieces = bytes.chunks(size);
            let heads = pieces.map(|piece| frames.counted_in(piece).heads);
            assert_eq!(heads.sum::<u32>(), 3, "{size}");
        }
    }

    #[test]
    fn settings_count_beyond_those_of_any_client() {
        let mut frames = Frames::behind(0);
        let mut settings = frame(SETTINGS, 0, 6);
        settings[4] = 0;
        let acknowledged = frame(SETTINGS, 0, 0);
        for _ in 0..SETTLED {
            assert_eq!(frames.counted_in(&settings), Counted::default());
        }
        assert_eq!(frames.counted_in(&settings.repeat(3)).settings, 3);
        assert_eq!(frames.counted_in(&acknowledged[..]), Counted::default());
    }
}
