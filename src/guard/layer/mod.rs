//! The tower side of a guard: it asks the judgement, and does what that says.

pub(crate) mod admitted;
pub(crate) mod event;
pub(crate) mod future;
pub(crate) mod handle;
pub(crate) mod page;
pub(crate) mod refused;
pub(crate) mod service;
