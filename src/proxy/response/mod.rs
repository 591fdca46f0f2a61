//! The head of a response, on its way back.

pub(crate) mod cookie;
pub(crate) mod location;
