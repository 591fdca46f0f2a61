//! The bounds of the frames of a WebSocket (RFC 6455 5.2). Nothing of their content is looked at.

/// RFC 6455 5.5.1: after this one nothing follows.
const OPCODE_CLOSE: u8 = 0x8;
/// The longest head: two bytes, eight of an extended length, four of a mask.
const LONGEST_HEAD: usize = 14;

/// A close frame of a server, which masks nothing: 1001, "going away" (RFC 6455 7.4.1).
pub(super) const GOING_AWAY: [u8; 4] = [0x80 | OPCODE_CLOSE, 2, 0x03, 0xE9];

/// The frames of one direction, as far as they have been seen.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; LONGEST_HEAD],
    head_len: usize,
    /// The rest of the frame's payload.
    payload: u64,
    is_closed: bool,
}

impl Frames {
    /// Whether a frame may be put in here: all others are whole, and none of them was the last one.
    pub(super) fn is_between(&self) -> bool {
        self.head_len == 0 && self.payload == 0 && !self.is_closed
    }

    /// Whether a close frame has gone by.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Takes note of bytes that go by.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.step(bytes);
            bytes = &bytes[taken..];
        }
    }

    /// Takes note of bytes to the end of the frame that they go on with, and gives their number.
    pub(super) fn pass_frame(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        while passed < bytes.len() && !self.is_between() {
            passed += self.step(&bytes[passed..]);
        }
        passed
    }

    /// One byte of a head, or as much of a payload as is there.
    fn step(&mut self, bytes: &[u8]) -> usize {
        if self.payload > 0 {
            let there = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let taken = self.payload.min(there);
            self.payload -= taken;
            // No more than there is.
            return usize::try_from(taken).unwrap_or(bytes.len());
        }
        self.head[self.head_len] = bytes[0];
        self.head_len += 1;
        let head = &self.head[..self.head_len];
        if head.len() >= 2 && head.len() == head_len(head[1]) {
            self.payload = payload_len(head);
            self.is_closed |= head[0] & 0x0F == OPCODE_CLOSE;
            self.head_len = 0;
        }
        1
    }
}

/// The length of a head, by its second byte.
fn head_len(second: u8) -> usize {
    let length = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    2 + length + mask
}

fn payload_len(head: &[u8]) -> u64 {
    let extended = match head[1] & 0x7F {
        126 => &head[2..4],
        127 => &head[2..10],
        short => return short.into(),
    };
    extended
        .iter()
        .fold(0, |length, byte| length << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, length: usize, mask: bool) -> Vec<u8> {
        let bit = if mask { 0x80 } else { 0 };
        let mut frame = vec![opcode];
        match length {
            0..126 => frame.push(bit | length as u8),
            126..0x1_0000 => {
                frame.push(bit | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(bit | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0xAA; 4].iter().take(if mask { 4 } else { 0 }));
        // Bytes that would be a close frame, if they were a head.
        frame.extend([0x88].iter().cycle().take(length));
        frame
    }

    #[test]
    fn frames_end_where_their_length_says() {
        for (length, mask) in [
            (0, false),
            (1, false),
            (125, true),
            (126, false),
            (300, true),
            (65_535, false),
            (65_536, false),
            (70_000, true),
        ] {
            let one = frame(0x82, length, mask);
            let two = [&one[..], &frame(0x01, 5, false)].concat();
            for piece in [1, 3, 1000, two.len()] {
                let mut frames = Frames::default();
                for bytes in two.chunks(piece) {
                    frames.pass(bytes);
                }
                assert!(frames.is_between(), "{length} {mask} by {piece}");
            }
            let mut frames = Frames::default();
            assert_eq!(frames.pass_frame(&two), 0);
            frames.pass(&two[..1]);
            assert!(!frames.is_between());
            assert_eq!(frames.pass_frame(&two[1..]), one.len() - 1, "{length}");
            assert!(frames.is_between());
        }
    }

    #[test]
    fn nothing_is_put_in_behind_a_close_frame() {
        let mut frames = Frames::default();
        frames.pass(&frame(0x88, 2, false));
        assert!(frames.is_closed() && !frames.is_between());
    }

    #[test]
    fn the_close_frame_is_one() {
        let mut frames = Frames::default();
        frames.pass(&GOING_AWAY);
        assert!(frames.is_closed());
        assert_eq!(u16::from_be_bytes([GOING_AWAY[2], GOING_AWAY[3]]), 1001);
    }
}
