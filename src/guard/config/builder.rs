//! The settings of a guard, as they are written.

use crate::cors::CorsPolicy;
use crate::guard::config::error::GuardErrors;
use crate::guard::config::validate;
use crate::guard::policy::Guard;
use crate::origin::OriginPattern;

/// The settings of a [`Guard`], kept as they are written until [`build`](Self::build) checks them all.
///
/// By default every unsafe request and every WebSocket handshake of another origin is refused, on any
/// host. Each setter replaces what was set before.
///
/// With the feature `serde` it is also the `[guard]` table of a configuration file: the keys are the names
/// of the setters but for [`trust_cors`](Self::trust_cors), which takes a policy, and unknown ones are
/// refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use = "settings do nothing until a guard is built of them"]
pub struct GuardBuilder {
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(crate) mode: Option<Mode>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(crate) hosts: Option<Vec<String>>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(crate) public_origins: Option<Vec<String>>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(crate) trust: Option<Vec<String>>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(crate) dangerously_exempt: Option<Vec<Exemption>>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(crate) dangerously_allow_any_extension: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(crate) require_browser_fields: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(crate) report_only: bool,
    /// The origins of the CORS policy, which were checked when it was built.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) trusted_by_cors: Vec<OriginPattern>,
}

/// The requests that are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Mode {
    /// Every unsafe request and every WebSocket handshake. Use it wherever everybody who can reach the server may
    /// use it: on loopback, in a private network, behind client certificates or NTLM, which authenticates the
    /// connection.
    #[default]
    Strict,
    /// Every WebSocket handshake, and unsafe requests that carry what a browser attaches by itself: a
    /// `Cookie`, or an `Authorization` of Basic, Digest, Negotiate or NTLM. For public APIs that pages of
    /// all sites may call with a token of their own, or with nothing.
    Credentials,
}

/// A path that is not judged, for all methods or for some.
///
/// It frees the path itself and what is below it, on segment boundaries: `/hook` frees `/hook` and
/// `/hook/a`, neither `/hooked` nor `/hook/..`. It is compared byte for byte with the public path, of which
/// nests (feature `axum`) and prefixes are a part.
///
/// ```
/// use http::Method;
/// use same_origin::guard::{Exemption, Guard};
///
/// let guard = Guard::builder()
///     .dangerously_exempt([Exemption::new("/saml/acs").methods([Method::POST])])
///     .build()?;
/// # Ok::<(), same_origin::guard::GuardErrors>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Exemption {
    pub(crate) path: String,
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub(crate) methods: Option<Vec<String>>,
}

impl GuardBuilder {
    /// The requests that are judged. Default: [`Mode::Strict`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The mode if none was set, for a server with a default of its own. Default: [`Mode::Strict`].
    pub fn default_mode(mut self, mode: Mode) -> Self {
        self.mode.get_or_insert(mode);
        self
    }

    /// The hosts that are answered, such as `app.example.com`, `[::1]` or `api.example.com:8443`; a port
    /// only where it has to be that one. Default: all.
    ///
    /// A list stops DNS rebinding, by which a page lets its own name lead to this server, so that its browser takes
    /// the page's requests for same-origin ones. Other hosts get 421, whatever the method and the path, and a request that names
    /// no single valid host gets 400.
    pub fn hosts<I>(mut self, hosts: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.hosts = Some(texts(hosts));
        self
    }

    /// The origins under which browsers know this server, such as `https://app.example.com`. Default: the
    /// scheme and authority of each request, as [`OwnOrigin`](crate::guard::OwnOrigin) has it.
    ///
    /// With it nothing else is the own origin, whatever `Host` says. One of them is not trusted by another:
    /// its page is refused where the browser says that it is of another origin.
    pub fn public_origins<I>(mut self, origins: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.public_origins = Some(texts(origins));
        self
    }

    /// The origins whose pages may send unsafe requests and open WebSockets, besides the own one: exact ones,
    /// or patterns with `*.` or `:*` (see [`OriginPattern`]). An
    /// [`OriginSet`](crate::origin::OriginSet) is given as `set.iter()`. Default: none.
    pub fn trust<I>(mut self, origins: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.trust = Some(texts(origins));
        self
    }

    /// Trusts the origins that a CORS policy allows **with credentials**, besides those of
    /// [`trust`](Self::trust): their pages may read with the visitor's cookies, and so may write. Default: none.
    ///
    /// The origins of a policy without credentials are not trusted: it lets their pages read what is public.
    /// [`Any`](crate::cors::Any) and `null` are never trusted. A policy beside a source of origins gives those that it
    /// lists itself, and none of the source's.
    pub fn trust_cors(mut self, policy: &CorsPolicy) -> Self {
        let origins = policy.credentialed_origins();
        self.trusted_by_cors = origins
            .into_iter()
            .flat_map(|set| set.iter().cloned())
            .collect();
        self
    }

    /// Paths that are not judged: webhooks, call-backs of payment and SAML, which other sites' pages post
    /// to, and which bear a proof of their own. Default: none.
    ///
    /// **Dangerous**: what is below such a path takes unsafe requests of every page, with the visitor's
    /// cookies. [`hosts`](Self::hosts) hold there, too.
    pub fn dangerously_exempt<I>(mut self, exemptions: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Exemption>,
    {
        self.dangerously_exempt = Some(exemptions.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts patterns such as `moz-extension://*` in [`trust`](Self::trust), by which every extension that a
    /// visitor has installed may act in the visitor's name. Default: `false`.
    pub fn dangerously_allow_any_extension(mut self, allow: bool) -> Self {
        self.dangerously_allow_any_extension = allow;
        self
    }

    /// Whether judged requests with neither `Sec-Fetch-Site` nor `Origin` are refused. Programs send neither, and so do
    /// browsers from before 2020 with some forms. Default: `false`.
    pub fn require_browser_fields(mut self, require: bool) -> Self {
        self.require_browser_fields = require;
        self
    }

    /// Whether requests are judged and logged, and never refused. Default: `false`.
    pub fn report_only(mut self, report_only: bool) -> Self {
        self.report_only = report_only;
        self
    }

    /// Checks the settings and compiles them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once: empty lists, `*`, origins that no browser sends, hosts with a
    /// scheme or a path, exempt paths that do not begin with a slash or hold a pattern.
    pub fn build(&self) -> Result<Guard, GuardErrors> {
        validate::build(self)
    }
}

impl Exemption {
    /// Frees the path and what is below it, for all methods and for WebSockets.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            methods: None,
        }
    }

    /// Exempts the path for these methods only; `GET` stands for WebSocket handshakes, as it is safe otherwise.
    /// Default: all.
    #[must_use]
    pub fn methods<I>(mut self, methods: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.methods = Some(texts(methods));
        self
    }
}

impl<T: Into<String>> From<T> for Exemption {
    fn from(path: T) -> Self {
        Self::new(path)
    }
}

fn texts<I>(entries: I) -> Vec<String>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let entries = entries.into_iter();
    entries.map(|entry| entry.as_ref().to_owned()).collect()
}

#[cfg(feature = "serde")]
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_off(switch: &bool) -> bool {
    !switch
}
