//! Fields of HTTP that a cache reads and writes, each by its own grammar.

pub(crate) mod conditional;
pub(crate) mod control;
pub(crate) mod date;
pub(crate) mod range;
pub(crate) mod status;
pub(crate) mod structured;
pub(crate) mod vary;
