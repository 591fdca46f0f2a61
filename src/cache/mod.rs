//! A shared HTTP cache.

#[cfg(feature = "serde")]
mod duration;
#[cfg(feature = "serde")]
mod size;

mod answer;
mod arrival;
mod body;
mod builder;
mod changes;
mod conditional;
mod control;
mod date;
mod entry;
mod error;
mod fetch;
mod flight;
mod freshen;
mod handle;
mod key;
mod layer;
mod look;
mod plan;
mod range;
mod recording;
mod reuse;
mod rules;
mod stats;
mod status;
mod store;
mod structured;
mod targets;
mod vary;

pub use body::Body;
pub use builder::CacheBuilder;
pub use error::{CacheError, CacheErrorKind, CacheErrors};
pub use handle::Cache;
use handle::Shared;
pub use layer::{CacheLayer, Cached, ResponseFuture};
#[cfg(feature = "proxy")]
pub(crate) use rules::mark_open_end;
pub use stats::{Outcome, Stats};
