//! The reverse proxy over real sockets.

mod balancing;
mod bodies;
mod failures;
mod heads;
mod mounting;
mod settings;
mod support;
mod tls;
mod upgrades;
