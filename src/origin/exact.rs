//! One origin.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use super::diagnose::diagnose;
use super::error::OriginError;
use super::parse::{self, Port, Shape};
use super::pattern::OriginPattern;
use super::{OriginErrorKind, host};

/// A tuple origin as browsers serialize it: scheme, host and port.
///
/// An `Origin` is always canonical, so that two of them are the same origin exactly when their texts
/// are equal. The opaque origins, which are all serialized as `null`, are not among them.
///
/// Schemes that are not special in the URL standard have opaque hosts, whose case matters and which may
/// be empty or a mere dot: `app://.`, `file://`, `safari-web-extension://140BB581-…`. A dot at the end of
/// a name makes another origin: `https://example.com.` is not `https://example.com`. No scheme and no host is
/// longer than 253 bytes, as names of DNS are, so that origins can be remembered.
///
/// ```
/// use same_origin::origin::Origin;
///
/// let origin: Origin = "https://app.example.com:8443".parse()?;
/// assert_eq!(origin.scheme(), "https");
/// assert_eq!(origin.host(), "app.example.com");
/// assert_eq!(origin.port(), Some(8443));
///
/// let error = "https://App.example.com:443/".parse::<Origin>().unwrap_err();
/// assert_eq!(error.suggestion(), Some("https://app.example.com"));
/// # Ok::<(), same_origin::origin::OriginError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    text: Box<str>,
    shape: Shape,
}

impl Origin {
    /// The text has to have been read as an origin.
    pub(super) fn new(text: Box<str>, shape: Shape) -> Self {
        Self { text, shape }
    }

    /// The pattern that stands for this origin alone.
    pub(super) fn into_pattern(self) -> OriginPattern {
        OriginPattern::new(self.text, self.shape)
    }

    /// The serialized origin.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme, such as `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.text[..self.shape.scheme]
    }

    /// The host: a name, an IPv4 address, an IPv6 address in brackets, or for a scheme that is not
    /// special an opaque host, which may be empty.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.shape.host.clone()]
    }

    /// The port; `None` is the default port of the scheme.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self.shape.port {
            Port::Number(port) => Some(port),
            Port::Default | Port::Any => None,
        }
    }

    /// Whether the host is drawn for each installation, so that a server cannot name it.
    pub(crate) fn has_drawn_host(&self) -> bool {
        matches!(
            self.scheme(),
            "moz-extension" | "safari-web-extension" | "vscode-webview"
        )
    }

    /// Whether nobody on the network can pretend to be this origin: its scheme is `https`, or its
    /// host is this machine (`localhost` and the names below it, 127.0.0.0/8, `::1`).
    ///
    /// Schemes of applications and extensions are not in the standards, and so are not taken for secure.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme() == "https" || host::is_loopback(self.host())
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// # Errors
    ///
    /// When the text is not what a browser sends, with what it sends if that is clear.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let pattern = text
            .parse::<OriginPattern>()
            .map_err(OriginError::without_pattern)?;
        pattern
            .to_origin()
            .ok_or_else(|| OriginError::new(text, OriginErrorKind::Wildcard, None))
    }
}

impl TryFrom<&HeaderValue> for Origin {
    type Error = OriginError;

    /// # Errors
    ///
    /// When the value of the field is not what a browser sends; `null` is not an origin. There is no
    /// suggestion, as nobody is there to take it.
    fn try_from(value: &HeaderValue) -> Result<Self, OriginError> {
        let text = String::from_utf8_lossy(value.as_bytes());
        match parse::origin(text.as_bytes()) {
            Some(shape) => Ok(Self::new(text.into(), shape)),
            None => Err(OriginError::new(&text, diagnose(&text), None)),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({:?})", self.text)
    }
}

impl AsRef<str> for Origin {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl AsRef<[u8]> for Origin {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl PartialOrd for Origin {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Origin {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}
