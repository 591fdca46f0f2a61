//! The errors of settings: where, which value, and what to write instead.

use std::fmt;

use crate::config_error::{ConfigError, ConfigErrors};

/// All errors of the settings of a cache; at least one.
pub type CacheErrors = ConfigErrors<CacheErrorKind>;

/// One error of the settings of a cache: the key, the value, the kind, and what to write instead.
pub type CacheError = ConfigError<CacheErrorKind>;

/// The kind of an error of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CacheErrorKind {
    /// Nothing could be stored.
    Zero,
    /// One object could be larger than all that is stored.
    LargerThanSize,
    /// The name is not a token of structured fields (RFC 9651 3.3.4).
    Name,
    /// The time is longer than a cache can tell from a longer one (RFC 9111 1.2.2).
    TooLong,
}

impl fmt::Display for CacheErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zero => "leaves no room for anything",
            Self::LargerThanSize => "is larger than all of the cache",
            Self::Name => "is not a name for Cache-Status",
            Self::TooLong => "is longer than a cache can count (RFC 9111 1.2.2)",
        })
    }
}
