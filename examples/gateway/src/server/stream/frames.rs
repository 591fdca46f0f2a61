//! Request heads on a connection of HTTP/2, counted in the bytes that are read from it.
//!
//! h2 decodes a head that is too large in full, answers 431, and tells nobody; the same goes for streams above
//! the limit. So a client could send such heads for ever, at no cost to its budget of resets. A head
//! that was read here and did not become a request was refused.

/// RFC 9113 4.1.
const HEADER: usize = 9;
/// RFC 9113 6.2.
const HEADERS: u8 = 1;

/// Finds the heads of requests, in pieces of any size.
pub struct Frames {
    /// The header of the next frame, as far as it has come.
    header: [u8; HEADER],
    seen: usize,
    /// The rest of the last frame, or of the preface.
    left: usize,
    /// The stream that was opened last.
    last: u32,
}

impl Frames {
    /// Frames behind a preface of so many bytes.
    pub fn behind(preface: usize) -> Self {
        Self {
            header: [0; HEADER],
            seen: 0,
            left: preface,
            last: 0,
        }
    }

    /// The number of requests whose heads begin in these bytes.
    pub fn heads_in(&mut self, mut bytes: &[u8]) -> u32 {
        let mut heads = 0;
        loop {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return heads;
            }
            let taken = (HEADER - self.seen).min(bytes.len());
            self.header[self.seen..self.seen + taken].copy_from_slice(&bytes[..taken]);
            self.seen += taken;
            bytes = &bytes[taken..];
            if self.seen == HEADER {
                self.seen = 0;
                heads += u32::from(self.begin());
            }
        }
    }

    /// Begins the frame whose header is complete. Returns whether it opens a stream: trailers are on one that is
    /// open, and numbers only grow (RFC 9113 5.1.1).
    fn begin(&mut self) -> bool {
        let [a, b, c, kind, _flags, stream @ ..] = self.header;
        self.left = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        let opens = kind == HEADERS && stream > self.last;
        if opens {
            self.last = stream;
        }
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, len: usize) -> Vec<u8> {
        let mut frame = (len as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, 4]);
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
            let heads = bytes.chunks(size).map(|piece| frames.heads_in(piece));
            assert_eq!(heads.sum::<u32>(), 3, "{size}");
        }
    }
}
