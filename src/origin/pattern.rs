//! A set of origins in one text.

use super::diagnose::diagnose;
use super::error::OriginError;
use super::exact::Origin;
use super::parse::{self, Port, Shape};
use super::suggest::suggest;
use super::{OriginErrorKind, host};
use std::fmt;
use std::str::FromStr;

/// One origin, or all that differ in their leading labels, their port, or both.
///
/// | text | stands for |
/// |---|---|
/// | `https://example.com` | that origin |
/// | `https://*.example.com` | one or more labels before `.example.com`, default port; not `https://example.com` |
/// | `http://localhost:*` | any port, the default one included |
/// | `https://*.example.com:*` | both |
///
/// Nothing else is a pattern: no `*` elsewhere, none within a label, no regular expression. These
/// are the forms that mean the same to everybody who reads them.
///
/// ```
/// use same_origin::origin::{Origin, OriginPattern};
///
/// let pattern: OriginPattern = "https://*.example.com".parse()?;
/// let matches = |origin: &str| Ok::<_, same_origin::origin::OriginError>(pattern.matches(&origin.parse()?));
/// assert!(matches("https://a.b.example.com")?);
/// assert!(!matches("https://example.com")?);
/// assert!(!matches("https://evilexample.com")?);
/// # Ok::<(), same_origin::origin::OriginError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OriginPattern {
    text: Box<str>,
    shape: Shape,
}

impl OriginPattern {
    /// The text of the pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme, such as `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.text[..self.shape.scheme]
    }

    /// The host without a leading `*.`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.shape.host.clone()]
    }

    /// Whether it stands for the names below [`host`](Self::host), rather than for the host itself.
    #[must_use]
    pub fn covers_subdomains(&self) -> bool {
        self.shape.subdomains
    }

    /// Whether it stands for all ports.
    #[must_use]
    pub fn covers_ports(&self) -> bool {
        self.shape.port == Port::Any
    }

    /// Whether it stands for one origin alone.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.covers_subdomains() && !self.covers_ports()
    }

    /// The origin, if it stands for one alone.
    #[must_use]
    pub fn to_origin(&self) -> Option<Origin> {
        self.is_exact()
            .then(|| Origin::new(self.text.clone(), self.shape.clone()))
    }

    /// Whether the origin is one of those that the pattern stands for.
    #[must_use]
    pub fn matches(&self, origin: &Origin) -> bool {
        let host = if self.covers_subdomains() {
            let below = origin.host().strip_suffix(self.host());
            below.is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
        } else {
            origin.host() == self.host()
        };
        let port = match self.shape.port {
            Port::Any => true,
            Port::Default => origin.port().is_none(),
            Port::Number(port) => origin.port() == Some(port),
        };
        host && port && origin.scheme() == self.scheme()
    }

    /// Whether none of the origins can be taken by somebody on the network: `https`, or this machine.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme() == "https" || host::is_loopback(self.host())
    }

    /// Whether it stands for names that anybody can have: those below a public suffix such as
    /// `co.uk` or `github.io`.
    ///
    /// Without the feature `public-suffix` only names of one label are known as such.
    #[must_use]
    pub fn is_open_to_registration(&self) -> bool {
        self.covers_subdomains() && host::is_public_suffix(self.host())
    }

    /// Whether a label in `xn--` was believed, as without the feature `idna` nothing here reads punycode.
    pub(crate) fn has_unchecked_punycode(&self) -> bool {
        cfg!(not(feature = "idna"))
            && self
                .host()
                .split('.')
                .any(|label| label.starts_with("xn--"))
    }

    pub(super) fn port(&self) -> Port {
        self.shape.port
    }
}

impl FromStr for OriginPattern {
    type Err = OriginError;

    /// # Errors
    ///
    /// When the text stands for nothing that a browser would ever send, with what was meant if that
    /// is clear.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let kind = match parse::pattern(text.as_bytes()) {
            Some(shape) if host::is_punycode_valid(&text[shape.host.clone()]) => {
                let text = text.into();
                return Ok(Self { text, shape });
            }
            Some(_) => OriginErrorKind::Punycode,
            None => diagnose(text),
        };
        Err(OriginError::new(text, kind, suggest(text)))
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OriginPattern({:?})", self.text)
    }
}

impl AsRef<str> for OriginPattern {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl PartialOrd for OriginPattern {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OriginPattern {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}
