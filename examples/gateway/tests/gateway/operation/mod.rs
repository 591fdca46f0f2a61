//! An operator's sight of it: signals, changes, logs, the admin listener.

mod admin;
mod blocked;
mod cut;
mod environment;
mod lifecycle;
mod log;
mod metrics;
mod ready;
mod reload;
mod restart;
mod stop;
