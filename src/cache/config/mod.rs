//! Settings of a cache: setters and keys, checks and errors.

pub(crate) mod builder;
pub(crate) mod error;
