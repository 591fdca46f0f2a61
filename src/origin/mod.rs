//! Origins, patterns of origins, and the compiled allowlist.
//!
//! Browsers send an origin in the field `Origin`: scheme, host and port, serialized in one canonical way
//! (Fetch #origin-header). As there is only one way, an allowlist may compare bytes, if its entries are
//! canonical too. The types of this module see to that: [`Origin`] and [`OriginPattern`] cannot hold a text
//! that no browser sends, and their errors say what to write instead.

mod diagnose;
mod error;
mod exact;
mod host;
mod parse;
mod pattern;
mod set;
mod suggest;

pub(crate) use error::UNENCODED;
pub use error::{OriginError, OriginErrorKind};
pub use exact::Origin;
#[cfg(all(feature = "proxy", feature = "public-suffix"))]
pub(crate) use host::public_suffix_of;
pub use pattern::OriginPattern;
pub use set::OriginSet;
