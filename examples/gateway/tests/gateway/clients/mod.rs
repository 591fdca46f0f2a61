//! Connections of clients: who they are, what each may have, TLS.

mod desync;
mod edge;
mod encoders;
mod limits;
mod proxy_protocol;
#[cfg(target_os = "linux")]
mod slow;
mod tls;
mod tunnels;
mod uploads;
