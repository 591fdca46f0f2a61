//! What is wrong with a proxy's settings.

use std::error::Error;
use std::fmt;

/// One problem of a proxy's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyConfigError {
    key: String,
    value: String,
    reason: String,
}

impl ProxyConfigError {
    pub(crate) fn new(
        key: impl Into<String>,
        value: impl Into<String>,
        reason: impl fmt::Display,
    ) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
            reason: reason.to_string(),
        }
    }

    /// The setting, named as its setter and its configuration key are: `prefix`, `upstream[1]`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value that was refused.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is wrong with it, and what to write instead.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for ProxyConfigError {
    /// The value and the reason; the key is for the caller to put before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.value, self.reason)
    }
}

impl Error for ProxyConfigError {}

/// All problems of a proxy's settings; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyConfigErrors {
    errors: Vec<ProxyConfigError>,
}

impl ProxyConfigErrors {
    /// No `From`, which would be public and take an empty list.
    pub(crate) fn new(errors: Vec<ProxyConfigError>) -> Self {
        debug_assert!(!errors.is_empty(), "there is something wrong");
        Self { errors }
    }

    /// The problems, in the order of the settings.
    pub fn iter(&self) -> std::slice::Iter<'_, ProxyConfigError> {
        self.errors.iter()
    }
}

impl<'a> IntoIterator for &'a ProxyConfigErrors {
    type Item = &'a ProxyConfigError;
    type IntoIter = std::slice::Iter<'a, ProxyConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for ProxyConfigErrors {
    type Item = ProxyConfigError;
    type IntoIter = std::vec::IntoIter<ProxyConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.into_iter()
    }
}

impl fmt::Display for ProxyConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid proxy settings")?;
        for (index, error) in self.errors.iter().enumerate() {
            write!(
                f,
                "{} {}: {error}",
                if index == 0 { ":" } else { ";" },
                error.key()
            )?;
        }
        Ok(())
    }
}

impl Error for ProxyConfigErrors {}
