//! Upstreams of a cache: real ones behind a proxy, and those that fail, are silent or say what is not so.

mod hostile;
mod proxy;
mod stale;
mod timeouts;
