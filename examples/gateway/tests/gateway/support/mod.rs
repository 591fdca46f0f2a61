//! The gateway as a process, and clients and upstreams for it.

pub mod client;
pub mod gateway;
pub mod http2;
pub mod process;
