//! The CORS half, by its promises.
//!
//! `cargo test --all-features` runs all of it; with less, the modules that need more are left out.

mod allocations;
mod browser;
#[cfg(all(feature = "idna", feature = "public-suffix", feature = "serde"))]
mod config;
mod debug_mode;
#[cfg(all(feature = "idna", feature = "public-suffix", feature = "serde"))]
mod expect;
mod explain;
mod handle;
mod judge;
mod layer;
mod properties;
#[cfg(feature = "origin-source")]
mod source;
#[cfg(all(feature = "idna", feature = "public-suffix", feature = "serde"))]
mod vectors;
