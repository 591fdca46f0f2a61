//! Errors in the settings of a proxy.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// Everything that is wrong with the settings of a proxy; one error at least.
///
/// Displays one line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct ProxyConfigErrors(Vec<ProxyConfigError>);

/// One thing that is wrong with the settings of a proxy: where, what, and what to write instead.
///
/// Displays value, reason and remedy in one line, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ProxyConfigError {
    key: Cow<'static, str>,
    index: Option<usize>,
    value: Option<String>,
    kind: ProxyConfigErrorKind,
    remedy: Cow<'static, str>,
}

/// The kinds of [`ProxyConfigError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ProxyConfigErrorKind {
    /// The prefix does not start with a slash.
    NotAPath,
    /// The prefix has a query or a fragment.
    QueryOrFragment,
    /// The prefix has an empty segment, a dot segment or a backslash.
    UnresolvedPath,
    /// The prefix has characters that arrive percent-encoded.
    UnencodedPath,
    /// The prefix ends with a slash.
    TrailingSlash,
    /// The prefix is written as a pattern.
    Pattern,
    /// The text is not the address of an upstream.
    Upstream,
    /// The address of an upstream holds a variable, as nginx has them.
    Variable,
    /// The list has no entry.
    Empty,
    /// The entry is in the list already.
    Repeated,
    /// The base path of an upstream differs from that of the first one.
    OtherBasePath,
    /// The text is not the name of an HTTP field.
    FieldName,
    /// The text is not the value of an HTTP field.
    FieldValue,
    /// The field is one that the proxy needs or writes itself.
    ReservedField,
    /// The text is not a name for `Via` and `Proxy-Status`.
    ViaName,
    /// The number or the duration is too small or too large.
    OutOfBounds,
    /// The setting contradicts another one, or has no effect beside it.
    Conflict,
    /// The other half of a pair is missing.
    Missing,
    /// The file cannot be read, or does not hold what it should.
    File,
    /// TLS cannot work: no roots, no crypto provider, or a key that does not belong to its certificate.
    Tls,
    /// The names of hosts cannot be resolved: the settings of the system are not usable.
    Dns,
    /// The crate was built without the feature that the setting needs.
    DisabledFeature,
}

impl ProxyConfigErrors {
    /// The errors; there is at least one.
    ///
    /// Not a `From`, which would be public and take an empty list.
    pub(crate) fn new(errors: Vec<ProxyConfigError>) -> Self {
        debug_assert!(!errors.is_empty(), "there is something wrong");
        Self(errors)
    }

    /// The errors, in the order of the settings.
    pub fn iter(&self) -> std::slice::Iter<'_, ProxyConfigError> {
        self.0.iter()
    }
}

impl ProxyConfigError {
    pub(crate) fn new(
        key: impl Into<Cow<'static, str>>,
        kind: ProxyConfigErrorKind,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            key: key.into(),
            index: None,
            value: None,
            kind,
            remedy: remedy.into(),
        }
    }

    pub(crate) fn value_at(
        mut self,
        index: impl Into<Option<usize>>,
        value: impl Into<String>,
    ) -> Self {
        self.index = index.into();
        self.value = Some(value.into());
        self
    }

    /// The setting, by the name of its setter, which is also its key in a configuration file:
    /// `prefix`, `timeouts.connect`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The place in the list, from 0, where the setting is a list.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The offending value as it was written; `None` where something is missing, or where two settings
    /// contradict each other.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ProxyConfigErrorKind {
        self.kind
    }

    /// The text to write instead, or another way out.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for ProxyConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.iter().enumerate() {
            let line_break = if i == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}", error.key)?;
            if let Some(index) = error.index {
                write!(f, "[{index}]")?;
            }
            write!(f, ": {error}")?;
        }
        Ok(())
    }
}

impl Error for ProxyConfigErrors {}

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
        self.0.into_iter()
    }
}

impl fmt::Display for ProxyConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = &self.value {
            // Quoted and escaped: the fault may be a line break or a blank.
            write!(f, "{value:?} ")?;
        }
        write!(f, "{}: {}", self.kind, self.remedy)
    }
}

impl Error for ProxyConfigError {}

impl fmt::Display for ProxyConfigErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAPath => "does not start with a slash",
            Self::QueryOrFragment => "has a query or a fragment",
            Self::UnresolvedPath => "has an empty segment, a dot segment or a backslash",
            Self::UnencodedPath => "has characters that arrive percent-encoded",
            Self::TrailingSlash => "ends with a slash",
            Self::Pattern => "is a pattern, and a prefix is plain text",
            Self::Upstream => "is not the address of an upstream",
            Self::Variable => "holds a variable, which nothing would replace",
            Self::Empty => "is empty",
            Self::Repeated => "is in the list already",
            Self::OtherBasePath => "has another base path than the first upstream",
            Self::FieldName => "is not the name of a field",
            Self::FieldValue => "is not the value of a field",
            Self::ReservedField => "is a field that the proxy needs or writes itself",
            Self::ViaName => "is not a name for Via and Proxy-Status",
            Self::OutOfBounds => "is out of bounds",
            Self::Conflict => "contradicts another setting",
            Self::Missing => "is missing",
            Self::File => "is not a usable file",
            Self::Tls => "TLS to upstreams cannot be set up",
            Self::Dns => "names of hosts cannot be resolved",
            Self::DisabledFeature => "needs a feature of the crate that is not enabled",
        })
    }
}
