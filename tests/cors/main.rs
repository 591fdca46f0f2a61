//! The CORS half, by its promises.

mod allocations;
mod browser;
#[cfg(all(feature = "serde", feature = "idna", feature = "public-suffix"))]
mod config;
#[cfg(all(feature = "serde", feature = "idna", feature = "public-suffix"))]
mod expect;
mod explain;
mod handle;
mod judge;
mod layer;
mod properties;
#[cfg(feature = "origin-source")]
mod source;
#[cfg(all(feature = "serde", feature = "idna", feature = "public-suffix"))]
mod vectors;
