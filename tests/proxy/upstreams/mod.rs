//! Upstreams: their names, which of several is asked, how long they are waited for, and those that fail.

mod addresses;
mod announced;
mod balancing;
mod discovery;
mod dns;
mod expecting;
mod failures;
mod frames;
mod runtimes;
mod tls;
mod unprocessed;
mod waits;
