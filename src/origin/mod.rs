//! What an origin is, how sets of them are written, and the compiled allowlist.
//!
//! An origin is what browsers send in `Origin`: scheme, host and port, serialized in one canonical
//! way (Fetch #origin-header). Because there is only one way, an allowlist may compare bytes, provided
//! that its entries are canonical too. That is what the types of this module see to: [`Origin`] and
//! [`OriginPattern`] cannot hold what no browser sends, and say what to write instead.

mod diagnose;
mod error;
mod exact;
mod host;
mod parse;
mod pattern;
mod set;
mod suggest;

pub use error::{OriginError, OriginErrorKind};
pub use exact::Origin;
pub use pattern::OriginPattern;
pub use set::OriginSet;
