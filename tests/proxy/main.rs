//! The reverse proxy over real sockets.

mod abandoned;
mod balancing;
mod bodies;
mod discovery;
mod dns;
mod early_answers;
mod failures;
mod framing;
mod heads;
mod hostile_clients;
mod hostile_upstreams;
mod limits;
mod mounting;
mod resets;
mod response_heads;
mod rewriting;
mod settings;
mod support;
mod tls;
mod unexpected_content;
mod unprocessed;
mod upgrades;
mod websockets;
