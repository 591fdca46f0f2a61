//! Mounts: the public prefix of a proxy, the upstream behind it, and the table that several proxies share.

pub(crate) mod map;
pub(crate) mod prefix;
pub(crate) mod table;
