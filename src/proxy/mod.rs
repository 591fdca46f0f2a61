//! A prefix-rewriting reverse proxy, so that a page and an API share one origin.
//!
//! `https://app.example/api/items` is answered by `https://api.elsewhere/prod/items`: the browser sees
//! one origin, asks no preflight, needs no CORS.

mod balance;
mod body;
mod builder;
mod client;
mod config_error;
#[cfg(feature = "serde")]
mod duration;
mod error;
mod forwarded;
mod head;
mod hop_by_hop;
mod mount;
mod path;
mod peer;
mod redirect;
mod service;
mod target;
mod upgrade;
mod upload;
mod upstream;

mod cookie;

pub use body::Body;
pub use builder::{ProxyBuilder, Timeouts};
pub use client::{
    Client, ClientBuildError, ClientBuilder, ClientError, ResponseFuture as ClientFuture,
};
pub use config_error::{ProxyConfigError, ProxyErrors};
pub use error::{ErrorKind, ProxyError};
pub use forwarded::ForwardingField;
pub use mount::Mounts;
pub use path::{AmbiguousPath, check_path};
pub use peer::Peer;
pub use service::{ResponseFuture, ReverseProxy};
pub use upgrade::Tunnels;

// What every mount in axum needs.
const _: () = {
    const fn mountable<T: Clone + Send + Sync + 'static>() {}
    const fn error<T: std::error::Error + Send + Sync + 'static>() {}
    mountable::<ReverseProxy>();
    mountable::<Client>();
    error::<ClientError>();
    error::<ProxyError>();
};
