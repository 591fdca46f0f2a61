//! The facts of a request that the rules ask for, each read in one way.

pub(crate) mod head;
pub(crate) mod host;
pub(crate) mod own_origin;
pub(crate) mod signals;
