//! Peers that want more than they should get, on both sides.

mod abandoned;
mod clients;
mod limits;
mod resets;
mod unexpected_content;
mod upstreams;
