//! The settings of a policy, as they are written.

use super::error::PolicyErrors;
use super::list::List;
use super::policy::CorsPolicy;
use super::validate;
use std::time::Duration;

/// The settings of a [`CorsPolicy`], kept as they are written until [`build`](Self::build) checks
/// them all.
///
/// Nothing is allowed by default but what needs no preflight: `GET`, `HEAD` and `POST` with
/// CORS-safelisted headers. Each setter replaces what was set before.
///
/// With the feature `serde` it is also the `[cors]` table of a configuration file: the keys are the
/// names of the setters, unknown ones are refused, `max_age` is in seconds, and the four lists may be
/// `"*"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a configuration file, each on its own"
)]
#[must_use = "settings do nothing until a policy is built of them"]
pub struct CorsBuilder {
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "List::is_empty"))]
    pub(super) allow_origins: List,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(super) allow_null_origin: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_off"))]
    pub(super) allow_credentials: bool,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "List::is_empty"))]
    pub(super) allow_methods: List,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "List::is_empty"))]
    pub(super) allow_headers: List,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "List::is_empty"))]
    pub(super) expose_headers: List,
    #[cfg_attr(
        feature = "serde",
        serde(with = "seconds", skip_serializing_if = "Option::is_none")
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
    /// [`OriginPattern`](crate::origin::OriginPattern)), or [`Any`](super::Any).
    pub fn allow_origins(mut self, origins: impl Into<List>) -> Self {
        self.allow_origins = origins.into();
        self
    }

    /// Whether pages of opaque origins, which send `Origin: null`, may read responses. Default: no.
    ///
    /// Everybody can send it: a sandboxed frame of any site does. Its one good use is the target of a
    /// cross-origin redirect, where browsers send `null` in place of the page's origin; what is
    /// unlocked by it has to be guarded by a signature in the URL, or the like.
    pub fn allow_null_origin(mut self, allow: bool) -> Self {
        self.allow_null_origin = allow;
        self
    }

    /// Whether requests with cookies, client certificates or HTTP authentication of the browser may be
    /// made and their responses read. Default: no.
    ///
    /// The standard then gives `*` no meaning, so that it is refused in all four lists.
    pub fn allow_credentials(mut self, allow: bool) -> Self {
        self.allow_credentials = allow;
        self
    }

    /// The methods besides `GET`, `HEAD` and `POST`, which are always allowed. They are
    /// case-sensitive.
    pub fn allow_methods(mut self, methods: impl Into<List>) -> Self {
        self.allow_methods = methods.into();
        self
    }

    /// The request headers that scripts may set besides the CORS-safelisted ones.
    ///
    /// [`Any`](super::Any) does not cover `authorization`; `["*", "authorization"]` does.
    pub fn allow_headers(mut self, names: impl Into<List>) -> Self {
        self.allow_headers = names.into();
        self
    }

    /// The response headers that scripts may read besides the CORS-safelisted ones.
    pub fn expose_headers(mut self, names: impl Into<List>) -> Self {
        self.expose_headers = names.into();
        self
    }

    /// How long a browser may remember the answer to a preflight, in whole seconds.
    ///
    /// Zero switches the browser's cache off. Without this setting browsers remember for 5 seconds.
    /// They have limits of their own: Chromium 7200, Firefox 86400.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether refused preflights of allowed origins are answered in a way that lets the browser's
    /// console name the method or header at fault. Default: no.
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        self
    }

    /// With credentials: accepts origins whose pages anybody on the network can replace, that is all
    /// that are neither `https` nor on this machine.
    pub fn dangerously_allow_insecure_origins(mut self, allow: bool) -> Self {
        self.dangerously_allow_insecure_origins = allow;
        self
    }

    /// With credentials: accepts patterns such as `https://*.github.io`, below which anybody can have
    /// an origin.
    pub fn dangerously_allow_public_suffixes(mut self, allow: bool) -> Self {
        self.dangerously_allow_public_suffixes = allow;
        self
    }

    /// With credentials: accepts [`allow_null_origin`](Self::allow_null_origin), by which the pages of
    /// all sites read responses with the visitor's cookies.
    pub fn dangerously_allow_credentialed_null_origin(mut self, allow: bool) -> Self {
        self.dangerously_allow_credentialed_null_origin = allow;
        self
    }

    /// With credentials: accepts patterns such as `moz-extension://*`, by which every extension that a
    /// visitor has installed reads responses with the visitor's cookies.
    pub fn dangerously_allow_any_extension(mut self, allow: bool) -> Self {
        self.dangerously_allow_any_extension = allow;
        self
    }

    /// Checks the settings and compiles them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once: what no browser can send or honour, what the standard
    /// forbids, and what is dangerous with credentials.
    pub fn build(&self) -> Result<CorsPolicy, PolicyErrors> {
        validate::build(self)
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

/// A duration as a number of whole seconds; read from a text with a unit, too, such as `"10m"`.
#[cfg(feature = "serde")]
mod seconds {
    use serde::de::{Deserializer, Error, Unexpected, Visitor};
    use serde::ser::{Serialize as _, Serializer};
    use std::fmt;
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(
        age: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        age.map(|age| age.as_secs()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        deserializer.deserialize_any(SecondsVisitor)
    }

    struct SecondsVisitor;

    impl<'de> Visitor<'de> for SecondsVisitor {
        type Value = Option<Duration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("seconds, such as 600, or a text with a unit, such as \"600s\" or \"10m\"")
        }

        fn visit_u64<E: Error>(self, seconds: u64) -> Result<Self::Value, E> {
            Ok(Some(Duration::from_secs(seconds)))
        }

        fn visit_i64<E: Error>(self, seconds: i64) -> Result<Self::Value, E> {
            let unsigned = u64::try_from(seconds);
            unsigned
                .map(|seconds| Some(Duration::from_secs(seconds)))
                .map_err(|_| E::invalid_value(Unexpected::Signed(seconds), &self))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            humantime::parse_duration(text)
                .map(Some)
                .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<Self::Value, D::Error> {
            some.deserialize_any(self)
        }
    }
}
