//! What a browser remembers of earlier answers: of preflights, and of requests to read.

pub(crate) mod preflights;
pub(crate) mod responses;
