//! The end of a fetch: a response or an error, the console's words, and the trace of how it came.

mod assert;
mod console;
mod diff;
pub(crate) mod error;
pub(crate) mod response;
pub(crate) mod trace;
