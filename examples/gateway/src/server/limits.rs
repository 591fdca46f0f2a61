//! Limits on what the gateway takes from its clients: the table `[server]`.
//!
//! Anything above a limit is answered where HTTP has an answer for it. Limits in which hyper 1.12 leaves no say:
//!
//! - A head that is late ends its connection without the 408 that RFC 9110 15.5.9 has for it.
//! - The size of a head over HTTP/1.1 is known when it is complete; until then up to 128 KiB are held, or as much
//!   as may be.
//! - Over HTTP/1.1 a head far above our limits (`head::MARGIN` times) is answered by it, without CORS.
//! - Of HTTP/2 streams that are reset, only those that were not begun yet are counted by it, and end the
//!   connection with GOAWAY and ENHANCE_YOUR_CALM. The others are counted here, and the connection is
//!   closed without a word, because no reason can be given to hyper.
//! - Heads of HTTP/2 that are too large in bytes, and streams above the limit, are refused by h2, which tells nobody.
//!   They are counted where they are read, as heads that became no requests. Nothing says whether such a
//!   head was too large, above the limit of streams, malformed or taken back, so a line about it would be a guess.
//! - Floods of other frames (PING, SETTINGS, CONTINUATION, empty DATA) have the bounds of the `h2` crate.

use std::time::Duration;

use super::listen::descriptors;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time that a peer may take for a TLS handshake, and to send a request, the first or the next. Twice as long
    /// it may take nothing of its answers.
    pub head_timeout: Duration,
    /// The largest request head in bytes; above it the answer is 431.
    pub head_size: u32,
    /// The most field lines of a request head; above it the answer is 431.
    pub head_fields: usize,
    /// Connections of clients that are open at once. The next one waits until one of them ends.
    pub connections: usize,
    /// Requests under way on one connection of HTTP/2. The next one is refused (REFUSED_STREAM).
    pub streams: u32,
    /// Requests that one connection of HTTP/2 may reset before their response, beyond those that it
    /// lets be answered (CVE-2023-44487). One more ends the connection. So many heads may be refused, too.
    pub resets: u32,
    /// The same over all connections of one client. One more closes its connections; half of them are forgiven
    /// in each ten seconds.
    pub client_resets: u32,
    /// The share of the connections that one client may have open, above 0 and at most 1; and of the files that are sent
    /// to it, and of the encoders that are at work for it.
    pub client_share: f64,
}

impl Limits {
    /// With as many connections as there are descriptors for at most, beside those of the workers.
    pub fn within_descriptors(mut self, workers: usize) -> Self {
        if let Some(room) = descriptors::room_for(self.connections, workers) {
            self.connections = room;
        }
        self
    }

    /// The part of so many that one client may have: one at least, which is everybody's.
    pub fn client_share_of(&self, all: usize) -> usize {
        // Truncated: a share is at most so much.
        ((all as f64 * self.client_share) as usize).max(1)
    }

    /// The limits of a file that says nothing.
    pub const DEFAULT: Self = Self {
        head_timeout: Duration::from_secs(30),
        head_size: 64 * 1024,
        head_fields: 100,
        connections: 16_384,
        streams: 200,
        resets: 100,
        client_resets: 400,
        client_share: 0.5,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
