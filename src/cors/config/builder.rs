//! The settings of a policy: as they are written, and read back from a policy.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;

use super::allow_list::{AllowList, IntoAllowList};
use crate::cors::policy::{Access, CorsPolicy, Headers, Methods};
use crate::origin::OriginPattern;

/// The settings of a [`CorsPolicy`], kept as they are written until [`build`](Self::build) checks
/// them all.
///
/// By default only requests without a preflight are allowed: `GET`, `HEAD` and `POST` with CORS-safelisted
/// headers. Each setter replaces what was set before.
///
/// With the feature `serde` it is also the `[cors]` table of a configuration file: the keys are the
/// names of the setters, unknown ones are refused, `max_age` is in seconds or a text such as `"10m"`, and
/// the four lists may be `"*"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a configuration file, each on its own"
)]
#[must_use = "settings do nothing until a policy is built of them"]
pub struct CorsBuilder {
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "AllowList::is_empty"))]
    pub(super) allow_origins: AllowList,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(super) allow_null_origin: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(super) allow_credentials: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "AllowList::is_empty"))]
    pub(super) allow_methods: AllowList,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "AllowList::is_empty"))]
    pub(super) allow_headers: AllowList,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "AllowList::is_empty"))]
    pub(super) expose_headers: AllowList,
    #[cfg_attr(
        feature = "serde",
        serde(with = "super::seconds", skip_serializing_if = "Option::is_none")
    )]
    pub(super) max_age: Option<Duration>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(super) debug: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(super) dangerously_allow_insecure_origins: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(super) dangerously_allow_public_suffixes: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(super) dangerously_allow_credentialed_null_origin: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(super) dangerously_allow_any_extension: bool,
}

impl CorsBuilder {
    /// The origins whose pages may read responses: exact ones, patterns with `*.` or `:*` (see
    /// [`OriginPattern`](crate::origin::OriginPattern)), or [`Any`](super::Any). Default: none, which is refused unless
    /// [`allow_null_origin`](Self::allow_null_origin) is set.
    pub fn allow_origins<F: ?Sized>(mut self, origins: impl IntoAllowList<F>) -> Self {
        self.allow_origins = origins.into_allow_list();
        self
    }

    /// Whether pages of opaque origins, which send `Origin: null`, may read responses. Default: `false`.
    ///
    /// Everybody can send it: a sandboxed frame of any site does. Its one good use is the target of a
    /// cross-origin redirect, where browsers send `null` in place of the page's origin; such a response has
    /// to be guarded by a signature in the URL, or the like.
    pub fn allow_null_origin(mut self, allow: bool) -> Self {
        self.allow_null_origin = allow;
        self
    }

    /// Whether requests with cookies, client certificates or HTTP authentication of the browser may be
    /// made and their responses read. Default: `false`.
    ///
    /// The standard then gives `*` no meaning, so that it is refused in all four lists.
    pub fn allow_credentials(mut self, allow: bool) -> Self {
        self.allow_credentials = allow;
        self
    }

    /// The methods besides `GET`, `HEAD` and `POST`, which are always allowed. They are
    /// case-sensitive. [`Any`](super::Any) is all methods; a `*` within a method is a character like another.
    /// Default: none.
    pub fn allow_methods<F: ?Sized>(mut self, methods: impl IntoAllowList<F>) -> Self {
        self.allow_methods = methods.into_allow_list();
        self
    }

    /// The request headers that scripts may set besides the CORS-safelisted ones.
    ///
    /// [`Any`](super::Any) does not cover `authorization`; `["*", "authorization"]` does. Default: none.
    pub fn allow_headers<F: ?Sized>(mut self, names: impl IntoAllowList<F>) -> Self {
        self.allow_headers = names.into_allow_list();
        self
    }

    /// The response headers that scripts may read besides the CORS-safelisted ones. Default: none.
    pub fn expose_headers<F: ?Sized>(mut self, names: impl IntoAllowList<F>) -> Self {
        self.expose_headers = names.into_allow_list();
        self
    }

    /// The time for which a browser may remember the answer to a preflight, in whole seconds.
    ///
    /// Zero switches the browser's cache off. Default: not sent, and then browsers remember for 5 seconds.
    /// They have limits of their own: Chromium 7200, Firefox 86400.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether refused preflights of allowed origins are answered in a way that lets the browser's
    /// console name the method or header at fault. Default: `false`.
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        self
    }

    /// With credentials: accepts origins whose pages anybody on the network can replace, that is all
    /// that are neither `https` nor on this machine. Default: `false`.
    pub fn dangerously_allow_insecure_origins(mut self, allow: bool) -> Self {
        self.dangerously_allow_insecure_origins = allow;
        self
    }

    /// With credentials: accepts patterns such as `https://*.github.io`, below which anybody can have
    /// an origin. Default: `false`.
    pub fn dangerously_allow_public_suffixes(mut self, allow: bool) -> Self {
        self.dangerously_allow_public_suffixes = allow;
        self
    }

    /// With credentials: accepts [`allow_null_origin`](Self::allow_null_origin), by which the pages of
    /// all sites read responses with the visitor's cookies. Default: `false`.
    pub fn dangerously_allow_credentialed_null_origin(mut self, allow: bool) -> Self {
        self.dangerously_allow_credentialed_null_origin = allow;
        self
    }

    /// With credentials: accepts patterns such as `moz-extension://*`, by which every extension that a
    /// visitor has installed reads responses with the visitor's cookies. Default: `false`.
    pub fn dangerously_allow_any_extension(mut self, allow: bool) -> Self {
        self.dangerously_allow_any_extension = allow;
        self
    }
}

impl CorsPolicy {
    /// The settings of a new policy, none of them set.
    pub fn builder() -> CorsBuilder {
        CorsBuilder::default()
    }

    /// The settings that build this policy, in canonical form: lists sorted and without repetitions,
    /// header names in lower case.
    ///
    /// A policy that stands beside a source of origins is built again as such, by `build_with_source`
    /// (feature `origin-source`): [`build`](CorsBuilder::build) refuses an empty list.
    pub fn settings(&self) -> CorsBuilder {
        let compiled = self.compiled();
        let (allow_origins, null) = match &compiled.access {
            Access::Any => (AllowList::Any, false),
            Access::Listed { origins, null, .. } => (AllowList::only(origins.iter()), *null),
        };
        let credentials = compiled.credentials();
        let any_origin = |is_dangerous: fn(&OriginPattern) -> bool| {
            credentials && compiled.origins().any(is_dangerous)
        };
        CorsBuilder {
            allow_origins,
            allow_null_origin: null,
            allow_credentials: credentials,
            allow_methods: match &compiled.methods {
                Methods::Any => AllowList::Any,
                Methods::Listed(names) => AllowList::only(names),
            },
            allow_headers: match &compiled.headers {
                Headers::Any {
                    authorization: false,
                } => AllowList::Any,
                Headers::Any {
                    authorization: true,
                } => AllowList::only(["*", "authorization"]),
                Headers::Listed(names) => AllowList::only(names),
            },
            expose_headers: match compiled.expose.as_ref().map(text) {
                None => AllowList::default(),
                Some("*") => AllowList::Any,
                Some(names) => AllowList::only(names.split(',')),
            },
            max_age: compiled.max_age.map(Duration::from_secs),
            debug: compiled.debug,
            dangerously_allow_insecure_origins: compiled.asks_insecure
                || any_origin(|pattern| !pattern.is_secure() && !pattern.covers_hosts()),
            dangerously_allow_public_suffixes: any_origin(OriginPattern::covers_public_suffix),
            dangerously_allow_credentialed_null_origin: credentials && null,
            dangerously_allow_any_extension: any_origin(OriginPattern::covers_hosts),
        }
    }
}

/// A value that was made of text.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

impl fmt::Display for CorsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings();
        for (key, list) in [
            ("allow_origins", &settings.allow_origins),
            ("allow_methods", &settings.allow_methods),
            ("allow_headers", &settings.allow_headers),
            ("expose_headers", &settings.expose_headers),
        ] {
            match list {
                AllowList::Any => writeln!(f, "{key} = \"*\"")?,
                AllowList::Only(entries) if entries.is_empty() => {}
                AllowList::Only(entries) => writeln!(f, "{key} = {entries:?}")?,
            }
        }
        if let Some(age) = settings.max_age {
            writeln!(f, "max_age = {}", age.as_secs())?;
        }
        for (key, switch) in [
            ("allow_null_origin", settings.allow_null_origin),
            ("allow_credentials", settings.allow_credentials),
            ("debug", settings.debug),
            (
                "dangerously_allow_insecure_origins",
                settings.dangerously_allow_insecure_origins,
            ),
            (
                "dangerously_allow_public_suffixes",
                settings.dangerously_allow_public_suffixes,
            ),
            (
                "dangerously_allow_credentialed_null_origin",
                settings.dangerously_allow_credentialed_null_origin,
            ),
            (
                "dangerously_allow_any_extension",
                settings.dangerously_allow_any_extension,
            ),
        ] {
            if switch {
                writeln!(f, "{key} = true")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for CorsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings().fmt(f)
    }
}

#[cfg(feature = "serde")]
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_off(switch: &bool) -> bool {
    !switch
}
