//! What is wrong with the settings of a guard.

use crate::origin::OriginErrorKind;
use std::borrow::Cow;
use std::fmt;

/// Everything that is wrong with the settings of a guard; one error at least.
///
/// Displays one line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct GuardErrors(Vec<GuardConfigError>);

/// One thing that is wrong with the settings of a guard: where, what, and what to write instead.
///
/// Displays value, reason and remedy in one line, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct GuardConfigError {
    key: &'static str,
    index: Option<usize>,
    value: Option<String>,
    kind: GuardConfigErrorKind,
    remedy: Cow<'static, str>,
}

/// What is wrong with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum GuardConfigErrorKind {
    /// The list is empty: nobody would be answered, or nothing is said.
    EmptyList,
    /// The text is not a host: there is something about the name or address in it.
    Host(OriginErrorKind),
    /// A scheme stands before the host.
    HostWithScheme,
    /// A path, a query or a fragment stands behind the host.
    HostWithPath,
    /// A user name stands before the host.
    HostWithUserinfo,
    /// The host is a pattern. There are no patterns of hosts.
    HostPattern,
    /// The host is empty.
    NoHost,
    /// An IPv6 address has no brackets.
    Ipv6WithoutBrackets,
    /// The port is not a number from 1 to 65535 without leading zeros.
    Port,
    /// The text is not an origin, nor a pattern of origins where one may stand.
    Origin(OriginErrorKind),
    /// A pattern of origins, where one's own origin has to be.
    OriginPattern,
    /// Anybody can have an origin that the pattern stands for.
    PublicSuffix,
    /// The path does not begin with a slash.
    RelativePath,
    /// The path is that of the whole server.
    WholeServer,
    /// The path holds a pattern. There are no patterns of paths.
    PathPattern,
    /// The path holds a query or a fragment.
    PathWithQuery,
    /// A segment of the path can be read as `.` or `..`.
    DotSegment,
    /// A segment of the path is empty, or the path ends with a slash.
    EmptySegment,
    /// The path holds a character that no request has in its path.
    PathCharacter,
    /// A `%` in the path is not followed by two hexadecimal digits.
    PercentEncoding,
    /// The text is not a valid token (RFC 9110 5.6.2), and so not a method.
    Method,
    /// The method is written in another case than browsers send it in.
    MethodCase,
}

impl GuardErrors {
    /// `Err` if there is anything in the list.
    pub(crate) fn into_result(errors: Vec<GuardConfigError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// The errors, in the order of the settings.
    pub fn iter(&self) -> std::slice::Iter<'_, GuardConfigError> {
        self.0.iter()
    }
}

impl GuardConfigError {
    pub(crate) fn new(
        key: &'static str,
        kind: GuardConfigErrorKind,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            key,
            index: None,
            value: None,
            kind,
            remedy: remedy.into(),
        }
    }

    pub(crate) fn value_at(mut self, index: usize, value: impl Into<String>) -> Self {
        self.index = Some(index);
        self.value = Some(value.into());
        self
    }

    /// The setting, by the name of its setter, which is also its key in a configuration file.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The place in the list, from 0.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// What is wrong, as it was written; nothing where something is missing.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// What is wrong with it.
    #[must_use]
    pub fn kind(&self) -> GuardConfigErrorKind {
        self.kind
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for GuardErrors {
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

impl std::error::Error for GuardErrors {}

impl<'a> IntoIterator for &'a GuardErrors {
    type Item = &'a GuardConfigError;
    type IntoIter = std::slice::Iter<'a, GuardConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for GuardErrors {
    type Item = GuardConfigError;
    type IntoIter = std::vec::IntoIter<GuardConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for GuardConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = &self.value {
            // Quoted and escaped: what is wrong may be a line break or a blank.
            write!(f, "{value:?} ")?;
        }
        write!(f, "{}: {}", self.kind, self.remedy)
    }
}

impl std::error::Error for GuardConfigError {}

impl fmt::Display for GuardConfigErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyList => "the list is empty",
            Self::Host(kind) | Self::Origin(kind) => return kind.fmt(f),
            Self::HostWithScheme => "has a scheme, which is not part of a host",
            Self::HostWithPath => "has a path, query or fragment, which is not part of a host",
            Self::HostWithUserinfo => "has a user name, which is not part of a host",
            Self::HostPattern => "is a pattern, and only whole hosts are compared",
            Self::NoHost => "has no host",
            Self::Ipv6WithoutBrackets => "is an IPv6 address without brackets",
            Self::Port => "has no valid port: 1 to 65535 without leading zeros",
            Self::OriginPattern => "is a pattern, and this server has to be named",
            Self::PublicSuffix => "stands for names that anybody can have",
            Self::RelativePath => "does not begin with a slash",
            Self::WholeServer => "would exempt the whole server",
            Self::PathPattern => "holds a pattern, and only whole segments are compared",
            Self::PathWithQuery => "has a query or a fragment, which is not part of a path",
            Self::DotSegment => "has a segment that can be read as \".\" or \"..\"",
            Self::EmptySegment => "has an empty segment",
            Self::PathCharacter => "has a character that no request has in its path",
            Self::PercentEncoding => "has a \"%\" without two hexadecimal digits behind it",
            Self::Method => "is not a valid method",
            Self::MethodCase => "is not a method that browsers send, for methods have case",
        })
    }
}
