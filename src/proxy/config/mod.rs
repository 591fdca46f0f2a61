//! Settings of a proxy: setters and keys, checks, errors.

pub(crate) mod address;
pub(crate) mod bounds;
pub(crate) mod build;
pub(crate) mod builder;
mod compile;
#[cfg(feature = "balance")]
pub(crate) mod discover;
pub(crate) mod error;
pub(crate) mod fields;
#[cfg(feature = "tls")]
pub mod pem;
mod setters;
pub(crate) mod settings;
#[cfg(feature = "tls")]
pub(crate) mod tls;
mod validate;

pub(crate) use bounds::out_of_bounds as problems;
