//! The guard, over its layer.

mod allocations;
mod axum;
mod config;
mod events;
mod explain;
mod layer;
mod properties;
mod remedies;
mod request;
mod vectors;
