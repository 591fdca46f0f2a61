//! Log lines of the layers and of the proxy: how many there are, and of which route and request.
//!
//! Without the feature `tracing` there are none.

#[cfg(feature = "tracing")]
mod id;
mod layer;
#[cfg(feature = "tracing")]
#[cfg_attr(
    not(feature = "proxy"),
    allow(unreachable_pub, reason = "public by way of the proxy")
)]
mod limiter;
#[cfg(feature = "tracing")]
#[cfg_attr(
    not(feature = "proxy"),
    allow(unreachable_pub, reason = "public by way of the proxy")
)]
mod secrets;

#[cfg(feature = "tracing")]
pub(crate) use id::shown as shown_id;
pub(crate) use layer::LayerLog;
#[cfg(all(feature = "tracing", not(feature = "proxy")))]
pub(crate) use limiter::_Shown;
#[cfg(all(feature = "tracing", feature = "proxy"))]
pub use limiter::{_LineLimiter, _Shown};
#[cfg(all(feature = "tracing", feature = "proxy"))]
pub use secrets::{_is_secret_name, _masked_path};
