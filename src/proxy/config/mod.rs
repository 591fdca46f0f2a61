//! The settings of a proxy: what can be set, how it is checked, and what is said of mistakes.

#[cfg(feature = "balance")]
pub(crate) mod balance;
mod bounds;
pub(crate) mod builder;
mod compile;
#[cfg(feature = "serde")]
pub(crate) mod duration;
pub(crate) mod error;
pub(crate) mod settings;
#[cfg(feature = "tls")]
pub(crate) mod tls;

pub(crate) use bounds::problems;
