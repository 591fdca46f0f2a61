//! The cache as its users meet it: in front of a service, and between a proxy and its upstream.

mod ahead;
mod changes;
mod conditions;
mod cors;
mod heads;
mod hits;
mod hostile;
mod keys;
mod order;
mod proxy;
mod same;
mod secrets;
mod settings;
mod sharing;
mod stale;
mod streams;
mod support;
mod timeouts;
mod unstored;
mod waits;
