//! Cross-origin resource sharing: a policy that is checked once, and a layer that obeys it.

mod acrh;
mod builder;
#[cfg(feature = "origin-source")]
#[cfg_attr(docsrs, doc(cfg(feature = "origin-source")))]
pub mod dynamic;
mod error;
mod event;
mod excerpt;
mod explain;
mod future;
mod handle;
mod judge;
mod layer;
mod list;
mod names;
mod policy;
mod respond;
mod validate;
mod value;
mod warning;

pub use builder::CorsBuilder;
pub use error::{PolicyError, PolicyErrorKind, PolicyErrors};
pub use explain::{Explanation, Outcome, Step};
pub use future::ResponseFuture;
pub use handle::{CorsHandle, Differences};
pub use judge::{Grant, Refusal, Verdict};
pub use layer::{Cors, CorsLayer};
pub use list::{Any, List};
pub use policy::CorsPolicy;
pub use warning::{PolicyWarning, PolicyWarningKind};
