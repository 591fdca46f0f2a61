//! The caches of a browser: of preflights, and of responses.

pub(crate) mod preflights;
pub(crate) mod responses;
