//! The CORS half, by its promises.

mod allocations;
mod browser;
mod config;
mod expect;
mod explain;
mod handle;
mod judge;
mod layer;
mod properties;
mod source;
mod vectors;
