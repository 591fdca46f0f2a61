//! The errors of settings: where, which value, and what to write instead.

use std::fmt;

use crate::config_error::{ConfigError, ConfigErrors};
use crate::origin::OriginErrorKind;

/// All errors of the settings of a guard; at least one.
pub type GuardErrors = ConfigErrors<GuardConfigErrorKind>;

/// One error of the settings of a guard: the key, the value, the kind, and what to write instead.
pub type GuardConfigError = ConfigError<GuardConfigErrorKind>;

/// The kind of an error of a setting.
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
    /// Every extension that the visitor has installed is trusted.
    AnyExtension,
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
            Self::AnyExtension => {
                "stands for every extension, which then acts in the visitor's name"
            }
            Self::RelativePath => "does not begin with a slash",
            Self::WholeServer => "would exempt the whole server",
            Self::PathPattern => "holds a pattern, and only whole segments are compared",
            Self::PathWithQuery => "has a query or a fragment, which is not part of a path",
            Self::DotSegment => "has a segment that can be read as \".\" or \"..\"",
            Self::EmptySegment => "has an empty segment",
            Self::PathCharacter => "has a character that no request has in its path",
            Self::PercentEncoding => "has a \"%\" without two hexadecimal digits behind it",
            Self::Method => "is not a valid method",
            Self::MethodCase => "is in the wrong case, and methods are case-sensitive",
        })
    }
}
