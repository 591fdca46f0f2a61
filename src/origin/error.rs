//! The error of a text that should be an origin.

use std::fmt;

use super::suggest;
use crate::config_error::masked_address;

/// The error of a text that is neither a serialized origin nor a pattern of them.
///
/// Displays the text, the reason and, where that can be told, the text to write instead. A password and a query in
/// the text are masked in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginError {
    value: Box<str>,
    kind: OriginErrorKind,
    suggestion: Option<Box<str>>,
}

/// The kind of an error of a text that should be an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum OriginErrorKind {
    /// The text is empty.
    Empty,
    /// `null` does not name an origin: it stands for all opaque ones.
    Null,
    /// `*` is not an origin, but all of them.
    Star,
    /// Several origins stand in one text.
    Several,
    /// The text does not begin with a scheme and `://`.
    NoScheme,
    /// The scheme is not a lower-case letter followed by lower-case letters, digits, `+`, `-`, `.`.
    Scheme,
    /// The scheme is longer than 253 bytes.
    LongScheme,
    /// Documents of this scheme have an opaque origin, which is sent as `null`.
    OpaqueScheme,
    /// The text names a file, where browsers send `file://` or `null` for all of them.
    File,
    /// A WebSocket does not have an origin of its own: the browser sends that of the page.
    WebSocketScheme,
    /// A user name stands before the host.
    Userinfo,
    /// Something stands behind host and port: a path (be it only `/`), a query or a fragment.
    Path,
    /// There is no host.
    NoHost,
    /// Browsers serialize schemes in lower case, and the hosts of `http` and `https`.
    UpperCase,
    /// Browsers serialize internationalized hosts in punycode, and opaque hosts percent-encoded.
    Unicode,
    /// The host has a character that hosts of its scheme do not have.
    HostCharacter,
    /// Two dots in a row, or one in front.
    EmptyLabel,
    /// A label of the host is longer than 63 bytes.
    LongLabel,
    /// The host is longer than 253 bytes.
    LongHost,
    /// A label begins with `xn--` and is not the punycode of anything.
    Punycode,
    /// The last label is a number, so that this is an IPv4 address, but not in its canonical form.
    Ipv4,
    /// An IPv6 address that is not in its canonical form, or not in brackets.
    Ipv6,
    /// The port is not a number from 1 to 65535 without leading zeros.
    Port,
    /// Browsers leave out the default port of the scheme.
    DefaultPort,
    /// `*` stands elsewhere than as the first label, as the port or as the host of an extension's scheme.
    Wildcard,
}

/// The remedy for a host outside of ASCII that has no suggestion.
pub(crate) const UNENCODED: &str = if cfg!(feature = "idna") {
    "write a host that browsers can encode: this one has characters that names do not have"
} else {
    "write the host in punycode (\"xn--...\"), as browsers send it; with the feature `idna` the error says how"
};

impl OriginError {
    pub(super) fn new(value: &str, kind: OriginErrorKind, suggestion: Option<String>) -> Self {
        Self {
            value: value.into(),
            kind,
            suggestion: suggestion.map(String::into_boxed_str),
        }
    }

    /// Without a suggestion that is a pattern, where an origin is needed.
    pub(super) fn without_pattern(mut self) -> Self {
        self.suggestion = self.suggestion.filter(|text| !text.contains('*'));
        self
    }

    /// The origins or patterns to write, where several stand in the text.
    pub(crate) fn several(&self) -> Option<Vec<String>> {
        // A blank may be a mistake within one of them.
        let blanks = self.kind == OriginErrorKind::Several;
        suggest::several(&self.value, blanks)
    }

    /// The text as it was given.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> OriginErrorKind {
        self.kind
    }

    /// The text to write instead, where there is no doubt about what was meant.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", masked_address(&self.value), self.kind)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, ": write {suggestion:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for OriginError {}

impl fmt::Display for OriginErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::Null => "does not name an origin, as it stands for all opaque ones",
            Self::Star => "is not an origin, as it stands for all of them",
            Self::Several => "holds several origins",
            Self::NoScheme => "does not begin with a scheme and \"://\"",
            Self::Scheme => {
                "does not have a valid scheme: a letter, then letters, digits, \"+\", \"-\", \".\""
            }
            Self::LongScheme => "has a scheme of more than 253 bytes",
            Self::OpaqueScheme => "has a scheme whose documents send \"null\" as their origin",
            Self::File => "names a file, where browsers send \"file://\" or \"null\" for all files",
            Self::WebSocketScheme => {
                "has the scheme of a WebSocket, whose origin is that of its page"
            }
            Self::Userinfo => "has a user name, which is not part of an origin",
            Self::Path => "has a path, query or fragment, which is not part of an origin",
            Self::NoHost => "does not have a host",
            Self::UpperCase => "has upper-case letters, where browsers send lower case",
            Self::Unicode => "has characters outside ASCII, which browsers encode",
            Self::HostCharacter => "has a character that cannot stand in its host",
            Self::EmptyLabel => "has an empty label in its host",
            Self::LongLabel => "has a label of more than 63 bytes",
            Self::LongHost => "has a host of more than 253 bytes",
            Self::Punycode => "has a label in \"xn--\" that is not punycode",
            Self::Ipv4 => "has an IPv4 address that is not in its canonical form",
            Self::Ipv6 => "has an IPv6 address that is not in its canonical form and brackets",
            Self::Port => "does not have a valid port: 1 to 65535 without leading zeros",
            Self::DefaultPort => "has the scheme's default port, which browsers leave out",
            Self::Wildcard => {
                "has a \"*\" that is not the first label before a name, nor the port, nor the host of an \
                 extension's scheme"
            }
        })
    }
}
