//! The errors of settings: where, which value, and what to write instead.

use std::fmt;

use crate::config_error::{ConfigError, ConfigErrors};
use crate::origin::OriginErrorKind;

/// All errors of the settings of a policy; at least one.
pub type PolicyErrors = ConfigErrors<PolicyErrorKind>;

/// One error of the settings of a policy: the key, the value, the kind, and what to write instead.
pub type PolicyError = ConfigError<PolicyErrorKind>;

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
    /// The source may be asked about nothing at once, so that it would never be asked.
    NoLookups,
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

impl fmt::Display for PolicyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOrigins => "no origin is allowed",
            Self::StarWithSource => "\"*\" allows all origins, so that the source would never be asked",
            Self::NoLookups => "allows no lookups, so that the source would never be asked",
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
