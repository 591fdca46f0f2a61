//! The errors of settings: where, which value, and what to write instead.

use std::fmt;

use crate::config_error::{ConfigError, ConfigErrors};

/// All errors of the settings of a proxy; at least one.
pub type ProxyConfigErrors = ConfigErrors<ProxyConfigErrorKind>;

/// One error of the settings of a proxy: the key, the value, the kind, and what to write instead.
pub type ProxyConfigError = ConfigError<ProxyConfigErrorKind>;

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
            Self::Tls => "cannot be used for TLS to upstreams",
            Self::Dns => "names of hosts cannot be resolved",
            Self::DisabledFeature => "needs a feature of the crate that is not enabled",
        })
    }
}
