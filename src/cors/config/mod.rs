//! From settings to a policy, and back.

mod allow_list;
mod builder;
pub(super) mod entries;
mod error;
pub(super) mod remedy;
#[cfg(feature = "serde")]
mod seconds;
mod validate;
mod warning;

pub use allow_list::{AllowList, Any, IntoAllowList};
pub use builder::CorsBuilder;
pub use error::{PolicyError, PolicyErrorKind, PolicyErrors};
pub use warning::{PolicyWarning, PolicyWarningKind};
