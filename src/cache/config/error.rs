//! What is wrong with the settings of a cache.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// One thing that is wrong with the settings of a cache.
///
/// Displays value, reason and remedy in one line, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheError {
    key: &'static str,
    value: String,
    kind: CacheErrorKind,
    remedy: Cow<'static, str>,
}

/// What is wrong with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl CacheError {
    pub(crate) fn new(
        key: &'static str,
        value: impl Into<String>,
        kind: CacheErrorKind,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            key,
            value: value.into(),
            kind,
            remedy: remedy.into(),
        }
    }

    /// The setting, by the name of its setter, which is also its key in a configuration file.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The value that was refused.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is wrong with it.
    #[must_use]
    pub fn kind(&self) -> CacheErrorKind {
        self.kind
    }

    /// What to write instead.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.kind {
            CacheErrorKind::Zero => "nothing could be stored",
            CacheErrorKind::LargerThanSize => "one object could be larger than all of the cache",
            CacheErrorKind::Name => "is not a name for Cache-Status",
            CacheErrorKind::TooLong => "is longer than caches count",
        };
        write!(f, "{:?}: {reason}; {}", self.value, self.remedy)
    }
}

impl Error for CacheError {}

/// Everything that is wrong with the settings of a cache; at least one error.
///
/// Displays one line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheErrors(Vec<CacheError>);

impl CacheErrors {
    /// `Err` if there is anything in the list.
    pub(crate) fn into_result(errors: Vec<CacheError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// The errors, in the order of the settings.
    pub fn iter(&self) -> std::slice::Iter<'_, CacheError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a CacheErrors {
    type Item = &'a CacheError;
    type IntoIter = std::slice::Iter<'a, CacheError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for CacheErrors {
    type Item = CacheError;
    type IntoIter = std::vec::IntoIter<CacheError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for CacheErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}: {error}", error.key())?;
        }
        Ok(())
    }
}

impl Error for CacheErrors {}
