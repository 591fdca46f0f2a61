//! Rules of HTTP's wire format that hold for both heads, the request's and the response's.

pub(crate) mod edits;
pub(crate) mod framing;
pub(crate) mod hop_by_hop;
pub(crate) mod host;
pub(crate) mod scan;
pub(crate) mod trailers;
pub(crate) mod upgrade;
pub(crate) mod via;
pub(crate) mod websocket;

/// The most field lines of a head. Above 24,576 a header map has no room for what is added, and panics; no
/// server or client lets so many in unless it was told to.
pub(crate) const MOST_LINES: usize = 16 * 1024;
