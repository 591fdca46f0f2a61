//! A set of origins in one text.

use std::fmt;
use std::str::FromStr;

use super::diagnose::diagnose;
use super::error::OriginError;
use super::exact::Origin;
use super::parse::{self, Hosts, Port, Shape};
use super::suggest::suggest;
use super::{OriginErrorKind, host};

/// One origin, or all that differ in their leading labels, their port, or both.
///
/// | text | stands for |
/// |---|---|
/// | `https://example.com` | that origin |
/// | `https://*.example.com` | one or more labels before `.example.com`, default port; not `https://example.com` |
/// | `http://localhost:*` | any port, the default one included |
/// | `https://*.example.com:*` | both |
/// | `moz-extension://*` | every extension: the scheme of a browser's extensions, and nothing but `*` behind it |
///
/// Nothing else is a pattern: no `*` elsewhere, none within a label, no regular expression. These
/// are the forms that mean the same to everybody who reads them.
///
/// The last form is for `chrome-extension`, `moz-extension`, `ms-browser-extension`, `safari-extension`,
/// `safari-web-extension` and `vscode-webview`. Firefox and Safari draw the host of an extension for
/// each installation, so that its server cannot name it.
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
    /// The text has to have been read as a pattern, or as an origin, which is one.
    pub(super) fn new(text: Box<str>, shape: Shape) -> Self {
        Self { text, shape }
    }

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

    /// The host without a leading `*.`; empty where the pattern [covers every
    /// host](Self::covers_hosts) of its scheme.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.shape.host.clone()]
    }

    /// Whether it stands for the names below [`host`](Self::host), rather than for the host itself.
    #[must_use]
    pub fn covers_subdomains(&self) -> bool {
        self.shape.hosts == Hosts::Below
    }

    /// Whether it stands for every host of its scheme, which is that of a browser's extensions.
    #[must_use]
    pub fn covers_hosts(&self) -> bool {
        self.shape.hosts == Hosts::Every
    }

    /// Whether it stands for all ports.
    #[must_use]
    pub fn covers_ports(&self) -> bool {
        self.shape.port == Port::Any
    }

    /// Whether it stands for one origin alone.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.shape.hosts == Hosts::One && !self.covers_ports()
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
        let host = match self.shape.hosts {
            Hosts::One => origin.host() == self.host(),
            Hosts::Below => {
                let below = origin.host().strip_suffix(self.host());
                below.is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
            }
            Hosts::Every => !origin.host().is_empty(),
        };
        let port = match self.shape.port {
            Port::Any => true,
            Port::Default => origin.port().is_none(),
            Port::Number(port) => origin.port() == Some(port),
        };
        host && port && origin.scheme() == self.scheme()
    }

    /// Whether nobody on the network can take the place of one of the origins: the scheme is `https`, or
    /// the host is this machine.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme() == "https" || host::is_loopback(self.host())
    }

    /// Whether it stands for names that anybody can have: those below a public suffix, such as `co.uk` or
    /// `github.io`, or below a name that has one below it, such as `amazonaws.com`.
    ///
    /// Without the feature `public-suffix` only names of one label are known as such.
    #[must_use]
    pub fn covers_public_suffix(&self) -> bool {
        self.covers_subdomains() && host::covers_public_suffix(self.host())
    }

    pub(super) fn hosts(&self) -> Hosts {
        self.shape.hosts
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
    /// When no page has an origin that the text stands for, with what was meant if that is clear.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let kind = match parse::pattern(text.as_bytes()) {
            Some(shape) if is_punycode_valid(text, &shape) => {
                return Ok(Self::new(text.into(), shape));
            }
            Some(_) => OriginErrorKind::Punycode,
            None => diagnose(text),
        };
        Err(OriginError::new(text, kind, suggest(text)))
    }
}

/// An opaque host is not looked at: its parser does not know punycode.
fn is_punycode_valid(text: &str, shape: &Shape) -> bool {
    !parse::is_special(&text.as_bytes()[..shape.scheme])
        || host::is_punycode_valid(&text[shape.host.clone()])
}

/// The pattern that stands for this origin alone, such as one that a program has read from a request.
impl From<Origin> for OriginPattern {
    fn from(origin: Origin) -> Self {
        origin.into_pattern()
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
