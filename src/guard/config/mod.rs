//! Settings of a guard: setters and keys, checks, errors and warnings.

pub(crate) mod builder;
pub(crate) mod error;
mod exempt_path;
pub(crate) mod validate;
pub(crate) mod warning;
