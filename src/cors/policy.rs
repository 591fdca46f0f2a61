//! The policy: what remains of the settings when all that is wrong has been refused.

use super::acrh;
use super::builder::CorsBuilder;
use super::list::List;
use super::names;
use super::value::ready;
use crate::fields;
use crate::origin::{OriginPattern, OriginSet};
use http::header::{HeaderMap, HeaderValue};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Who may read the responses of a server, and what they may ask for.
///
/// A policy is built of settings that were all checked ([`CorsPolicy::builder`]) and never changes. Its
/// clones share one memory. [`Display`](fmt::Display) prints it in canonical form, as the table of a
/// configuration file that would build it again (see [`settings`](Self::settings)).
///
/// ```
/// use same_origin::cors::CorsPolicy;
///
/// let policy = CorsPolicy::builder()
///     .allow_origins(["https://app.example.com", "https://*.example.com"])
///     .allow_credentials(true)
///     .build()?;
/// assert_eq!(
///     policy.to_string(),
///     "allow_origins = [\"https://*.example.com\", \"https://app.example.com\"]\n\
///      allow_credentials = true\n",
/// );
/// # Ok::<(), same_origin::cors::PolicyErrors>(())
/// ```
#[derive(Clone)]
pub struct CorsPolicy(Arc<Compiled>);

/// A policy, with all values ready to be sent.
pub(super) struct Compiled {
    pub(super) access: Access,
    pub(super) methods: Methods,
    pub(super) headers: Headers,
    pub(super) expose: Option<HeaderValue>,
    pub(super) max_age: Option<u64>,
    pub(super) debug: bool,
    /// With credentials: the source beside the policy is asked about insecure origins, too.
    pub(super) asks_insecure: bool,
    /// The answer to an allowed preflight, but for the origin.
    pub(super) permission: HeaderMap,
}

/// Who may read. `*` with credentials cannot be written.
pub(super) enum Access {
    Any,
    Listed {
        origins: OriginSet,
        null: bool,
        credentials: bool,
    },
}

/// The methods that a preflight may ask for, besides the safelisted ones.
pub(super) enum Methods {
    Any,
    /// Sorted.
    Listed(Box<[String]>),
}

/// The headers that a preflight may ask for.
pub(super) enum Headers {
    Any {
        authorization: bool,
    },
    /// In lower case, sorted.
    Listed(Box<[String]>),
}

impl CorsPolicy {
    /// The settings of a new policy, none of them set.
    pub fn builder() -> CorsBuilder {
        CorsBuilder::default()
    }

    /// The settings that build this policy, in canonical form: lists sorted and without repetitions,
    /// header names in lower case.
    ///
    /// A policy that stands beside a source of origins is built again as such, by `build_beside_source`
    /// (feature `origin-source`): [`build`](CorsBuilder::build) refuses an empty list.
    pub fn settings(&self) -> CorsBuilder {
        let compiled = &*self.0;
        let (origins, null, credentials) = match &compiled.access {
            Access::Any => (List::Any, false, false),
            Access::Listed {
                origins,
                null,
                credentials,
            } => (List::from(origins.iter()), *null, *credentials),
        };
        let any_origin = |wrong: fn(&OriginPattern) -> bool| match &compiled.access {
            Access::Listed { origins, .. } => credentials && origins.iter().any(wrong),
            Access::Any => false,
        };
        CorsBuilder {
            allow_origins: origins,
            allow_null_origin: null,
            allow_credentials: credentials,
            allow_methods: match &compiled.methods {
                Methods::Any => List::Any,
                Methods::Listed(names) => List::from(&**names),
            },
            allow_headers: match &compiled.headers {
                Headers::Any {
                    authorization: false,
                } => List::Any,
                Headers::Any {
                    authorization: true,
                } => List::from(["*", "authorization"]),
                Headers::Listed(names) => List::from(&**names),
            },
            expose_headers: match compiled.expose.as_ref().map(text) {
                None => List::default(),
                Some("*") => List::Any,
                Some(names) => List::from(names.split(',')),
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

    /// The origins whose pages may read with the visitor's credentials; `None` where nobody's may.
    pub(crate) fn credentialed_origins(&self) -> Option<&OriginSet> {
        match &self.0.access {
            Access::Listed {
                origins,
                credentials: true,
                ..
            } => Some(origins),
            Access::Listed { .. } | Access::Any => None,
        }
    }

    pub(crate) fn allows_null(&self) -> bool {
        matches!(self.0.access, Access::Listed { null: true, .. })
    }

    pub(super) fn new(compiled: Compiled) -> Self {
        Self(Arc::new(compiled))
    }

    pub(super) fn compiled(&self) -> &Compiled {
        &self.0
    }
}

impl Compiled {
    pub(super) fn credentials(&self) -> bool {
        match self.access {
            Access::Any => false,
            Access::Listed { credentials, .. } => credentials,
        }
    }
}

impl Methods {
    /// Whether a browser may use the method, which is case-sensitive.
    pub(super) fn allow(&self, method: &[u8]) -> bool {
        // Fetch #cors-preflight-fetch step 7.5: safelisted methods need no permission.
        names::is_safelisted_method(method)
            || match self {
                Self::Any => fields::is_token(method),
                Self::Listed(names) => names.iter().any(|name| name.as_bytes() == method),
            }
    }

    /// The methods by name.
    pub(super) fn listed(&self) -> &[String] {
        match self {
            Self::Any => &[],
            Self::Listed(names) => names,
        }
    }

    /// `Access-Control-Allow-Methods`
    pub(super) fn to_value(&self) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(names) => (!names.is_empty()).then(|| ready(names.join(","))),
        }
    }
}

impl Headers {
    /// `Access-Control-Allow-Headers`
    pub(super) fn to_value(&self) -> Option<HeaderValue> {
        match self {
            Self::Any {
                authorization: false,
            } => Some(HeaderValue::from_static("*")),
            Self::Any {
                authorization: true,
            } => Some(HeaderValue::from_static("*,authorization")),
            Self::Listed(names) => (!names.is_empty()).then(|| ready(names.join(","))),
        }
    }

    /// Whether a list of names, which may be spread over lines, holds none but allowed ones.
    pub(super) fn allow<'a>(
        &self,
        lines: impl Iterator<Item = &'a HeaderValue>,
    ) -> Result<(), acrh::Refused<'a>> {
        match self {
            Self::Any {
                authorization: true,
            } => acrh::check(lines, |_| true),
            // Fetch #cors-preflight-fetch step 7.6: `*` does not cover it.
            Self::Any {
                authorization: false,
            } => acrh::check(lines, |name| !name.eq_ignore_ascii_case(b"authorization")),
            Self::Listed(names) => acrh::check_sorted(lines, names),
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
                List::Any => writeln!(f, "{key} = \"*\"")?,
                List::Only(entries) if entries.is_empty() => {}
                List::Only(entries) => writeln!(f, "{key} = {entries:?}")?,
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
