//! Settings of a proxy: setters and keys, checks, errors.

mod address;
pub(crate) mod build;
pub(crate) mod builder;
#[cfg(feature = "balance")]
pub(crate) mod discover;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod settings;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod validate;

pub(crate) use validate::out_of_bounds as problems;
