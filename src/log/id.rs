//! The id of a request, for the log.

use http::HeaderValue;

/// A longer id, or one of other bytes, is not one to look for.
const LONGEST: usize = 128;

/// An id as a log may have it.
pub(crate) fn shown(id: &HeaderValue) -> Option<&str> {
    let is_short = |id: &&str| (1..=LONGEST).contains(&id.len());
    id.to_str().ok().filter(is_short)
}
