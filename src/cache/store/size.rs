//! Counts of the bytes that a head takes in memory.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// An allocator's own bytes for a piece of memory, and those that it rounds up.
pub(crate) const ALLOCATION: usize = 16;

/// The place of a first line in a `HeaderMap`: hash, name, value and links to further ones of the same name.
const LINE: usize = size_of::<HeaderName>() + size_of::<HeaderValue>() + 32;

/// The place of a further line of the same name: value and links.
const FURTHER_LINE: usize = size_of::<HeaderValue>() + 32;

/// A slot of its index.
const SLOT: usize = 4;

/// The count of references that bytes have when more than one owner has them.
const SHARED: usize = 24 + ALLOCATION;

/// The bytes of a head that has no room for more lines, and whose values have one buffer.
pub(crate) fn of_head(headers: &HeaderMap) -> usize {
    let names = headers.keys_len();
    let further = headers.len() - names;
    let values: usize = headers.values().map(HeaderValue::len).sum();
    names * LINE
        + further * FURTHER_LINE
        // Three of four slots may be in use.
        + headers.capacity() / 3 * 4 * SLOT
        + headers.keys().map(of_name).sum::<usize>()
        + values
        + SHARED
        + 3 * ALLOCATION
}

/// The bytes that a name has of its own; nothing for those that the crate http knows, which it does not tell apart: it
/// makes them of the same constant each time.
fn of_name(name: &HeaderName) -> usize {
    let text = name.as_str();
    let again = HeaderName::from_bytes(text.as_bytes());
    let is_known = again.is_ok_and(|again| std::ptr::eq(again.as_str(), text));
    if is_known {
        return 0;
    }
    text.len() + ALLOCATION + SHARED
}
