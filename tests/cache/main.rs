//! The cache as its users meet it: in front of a service, and between a proxy and its upstream.

mod answers;
mod changes;
mod cors;
mod keys;
mod order;
mod secrets;
mod settings;
mod sharing;
mod support;
mod upstreams;
