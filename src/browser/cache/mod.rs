//! The caches of a browser: of preflights, and of responses.

mod lifetime;
pub(crate) mod preflights;
pub(crate) mod responses;
