//! The errors of settings: where, which value, and what to write instead.

use crate::origin::OriginErrorKind;
use std::borrow::Cow;
use std::fmt;

/// All errors of the settings of a policy; at least one.
///
/// Displays one line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct PolicyErrors(Vec<PolicyError>);

/// One error of the settings of a policy: the key, the value, the kind, and what to write instead.
///
/// Displays value, reason and remedy in one line, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PolicyError {
    key: &'static str,
    index: Option<usize>,
    value: Option<String>,
    kind: PolicyErrorKind,
    remedy: Cow<'static, str>,
}

/// The kind of an error of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PolicyErrorKind {
    /// No origin is allowed, not even `null`.
    NoOrigins,
    /// All origins are allowed, so that the source of origins would never be asked.
    StarWithSource,
    /// The text is neither an origin nor a pattern of origins.
    Origin(OriginErrorKind),
    /// `*` stands among the entries of a list.
    StarInList,
    /// `*` with credentials, where the standard gives it no meaning.
    StarWithCredentials,
    /// With credentials: somebody on the network may pretend to be the origin, or another program where the
    /// scheme is that of an application.
    InsecureWithCredentials,
    /// With credentials: anybody can have an origin that the pattern covers.
    PublicSuffixWithCredentials,
    /// With credentials: every extension that the visitor has installed is allowed.
    AnyExtensionWithCredentials,
    /// With credentials: the pages of every site can send `null`.
    NullWithCredentials,
    /// The text is not a token (RFC 9110 5.6.2), and so neither a method nor a header name.
    Token,
    /// `*` within a header name. There are no patterns of names.
    StarInName,
    /// Browsers do not let scripts use the method (Fetch #forbidden-method).
    ForbiddenMethod,
    /// Browsers send the method in upper case, and methods are case-sensitive.
    MethodCase,
    /// Browsers do not let scripts set the header (Fetch #forbidden-request-header).
    ForbiddenRequestHeader,
    /// The header belongs in responses.
    ResponseHeader,
    /// Browsers do not show the header to scripts (Fetch #forbidden-response-header-name).
    ForbiddenResponseHeader,
    /// The header belongs in requests.
    RequestHeader,
    /// The duration is not a whole number of seconds.
    FractionOfSecond,
    /// The duration is longer than recipients can be expected to read (RFC 9111 1.2.2).
    LongDuration,
}

impl PolicyErrors {
    /// An error if there is anything in the list.
    pub(super) fn into_result(errors: Vec<PolicyError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// The errors, in the order of the settings.
    pub fn iter(&self) -> std::slice::Iter<'_, PolicyError> {
        self.0.iter()
    }
}

impl PolicyError {
    pub(super) fn new(
        key: &'static str,
        kind: PolicyErrorKind,
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

    pub(super) fn value_at(
        mut self,
        index: impl Into<Option<usize>>,
        value: impl Into<String>,
    ) -> Self {
        self.index = index.into();
        self.value = Some(value.into());
        self
    }

    /// The setting, by the name of its setter, which is also its key in a configuration file.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The place in the list, from 0, where the setting is a list.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The value as it was written; `None` where something is missing or a switch is on.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> PolicyErrorKind {
        self.kind
    }

    /// The change that mends it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for PolicyErrors {
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

impl std::error::Error for PolicyErrors {}

impl<'a> IntoIterator for &'a PolicyErrors {
    type Item = &'a PolicyError;
    type IntoIter = std::slice::Iter<'a, PolicyError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for PolicyErrors {
    type Item = PolicyError;
    type IntoIter = std::vec::IntoIter<PolicyError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = &self.value {
            // Quoted and escaped: what is wrong may be a line break or a blank.
            write!(f, "{value:?} ")?;
        }
        write!(f, "{}: {}", self.kind, self.remedy)
    }
}

impl std::error::Error for PolicyError {}

impl fmt::Display for PolicyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOrigins => "no origin is allowed",
            Self::StarWithSource => "\"*\" allows all origins, so that the source would never be asked",
            Self::Origin(kind) => return kind.fmt(f),
            Self::StarInList => "is not an entry of a list",
            Self::StarWithCredentials => "has no meaning where credentials are allowed",
            Self::InsecureWithCredentials => {
                "is neither https nor this machine: somebody on the network, or another program, may pretend to be it and read with the visitor's credentials"
            }
            Self::PublicSuffixWithCredentials => {
                "covers names that anybody can register, to read with the visitor's credentials"
            }
            Self::AnyExtensionWithCredentials => {
                "covers every extension, which then reads with the visitor's credentials"
            }
            Self::NullWithCredentials => {
                "\"null\" can be sent by a page of any site, which then reads with the visitor's credentials"
            }
            Self::Token => "is not a valid token (RFC 9110 5.6.2)",
            Self::StarInName => "has a \"*\", but there are no patterns of names",
            Self::ForbiddenMethod => "is a method that browsers do not let scripts use",
            Self::MethodCase => "is a method that browsers send in upper case",
            Self::ForbiddenRequestHeader => "is a header that browsers do not let scripts set",
            Self::ResponseHeader => "is a response header",
            Self::ForbiddenResponseHeader => "is a header that browsers do not show to scripts",
            Self::RequestHeader => "is a request header",
            Self::FractionOfSecond => "is not a whole number of seconds",
            Self::LongDuration => "is longer than 2147483648 seconds",
        })
    }
}
