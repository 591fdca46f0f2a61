//! The streams that a connection is made of: each does one thing that hyper and the system do not.

pub(crate) mod coalesced;
pub(crate) mod early_answer;
pub(crate) mod heard;
pub(crate) mod meter;
pub(crate) mod socket;
#[cfg(feature = "tls")]
pub mod turns;
