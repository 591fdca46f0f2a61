//! A connection before its first byte of HTTP: ports and who bound them, descriptors, the balancer's header, TLS.

pub mod descriptors;
pub mod listener;
pub mod proxy_protocol;
pub mod sockets;
pub mod tls;
