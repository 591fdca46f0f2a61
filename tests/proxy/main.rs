//! The reverse proxy over real sockets.

mod bodies;
mod heads;
mod hostile;
mod mounting;
mod settings;
mod support;
mod upgrades;
mod upstreams;
