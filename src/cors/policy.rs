//! The policy: the settings, checked and compiled.

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, VARY,
};

use super::acrh;
use super::names;
use crate::fields;
use crate::origin::{OriginPattern, OriginSet};

/// The origins that may read the responses of a server, and the requests that they may make.
///
/// A policy is built of settings that were all checked ([`CorsPolicy::builder`]) and never changes. Its
/// clones share one memory. [`Display`](std::fmt::Display) prints it in canonical form, as the table of a
/// configuration file that builds it again (see [`settings`](Self::settings)). It is a layer itself;
/// take a [`CorsLayer`](super::CorsLayer) to replace the policy while requests are served.
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

/// The origins that may read. `*` with credentials cannot be written.
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

pub(super) const TRUE: HeaderValue = HeaderValue::from_static("true");

/// OPTIONS is not cacheable (RFC 9110 9.3.7), yet some shared caches keep it.
pub(super) const PREFLIGHT_VARY: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

impl CorsPolicy {
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
        self.access.credentials()
    }

    /// The origins by name, and the patterns.
    pub(super) fn origins(&self) -> impl Iterator<Item = &OriginPattern> {
        let origins = match &self.access {
            Access::Any => None,
            Access::Listed { origins, .. } => Some(origins),
        };
        origins.into_iter().flat_map(OriginSet::iter)
    }
}

impl Access {
    fn credentials(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Listed { credentials, .. } => *credentials,
        }
    }
}

impl Methods {
    /// Whether a browser may use the method, which is case-sensitive.
    pub(super) fn allow(&self, method: &[u8]) -> bool {
        // Fetch #cors-preflight-fetch step 7.5: browsers ask no permission for safelisted methods, which
        // a preflight has where a header needs it. To demand them in the list would break a POST of JSON
        // under `allow_methods = ["PUT"]`, and gain nothing: a form makes the same POST unasked.
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
    fn to_value(&self) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(names) => (!names.is_empty()).then(|| ready(names.join(","))),
        }
    }
}

impl Headers {
    /// Whether a list of names, which may be spread over lines, holds none but allowed ones.
    pub(super) fn allow<'a>(
        &self,
        lines: impl Iterator<Item = &'a HeaderValue>,
    ) -> Result<(), acrh::Refused<'a>> {
        match self {
            Self::Any {
                authorization: true,
            } => acrh::check(lines, |_| true),
            // Fetch #cors-preflight-fetch step 7.6: `*` does not cover it. Chromium says it does. To agree
            // with it would work today, and fail in every browser that follows the standard.
            Self::Any {
                authorization: false,
            } => acrh::check(lines, |name| !name.eq_ignore_ascii_case(b"authorization")),
            Self::Listed(names) => acrh::check_sorted(lines, names),
        }
    }

    /// `Access-Control-Allow-Headers`
    fn to_value(&self) -> Option<HeaderValue> {
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
}

/// The answer to all allowed preflights of a policy. Where the origin depends on the request, its value
/// only keeps the place, so that a clone does not have to grow.
///
/// It has the whole lists, where the one method and the headers asked for would do. Browsers remember
/// each entry (Fetch #cors-preflight-fetch step 7.13), and so have to ask less often: with `PUT,DELETE`
/// the first `DELETE` of a URL goes out without a preflight of its own. The price is the length of the
/// lists in each answer, and that allowed pages learn them.
pub(super) fn permission(
    access: &Access,
    methods: &Methods,
    headers: &Headers,
    max_age: Option<u64>,
) -> HeaderMap {
    let fields = [
        (
            ACCESS_CONTROL_ALLOW_ORIGIN,
            Some(HeaderValue::from_static("*")),
        ),
        (
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            access.credentials().then_some(TRUE),
        ),
        (ACCESS_CONTROL_ALLOW_METHODS, methods.to_value()),
        (ACCESS_CONTROL_ALLOW_HEADERS, headers.to_value()),
        (
            ACCESS_CONTROL_MAX_AGE,
            max_age.map(|age| ready(age.to_string())),
        ),
        (VARY, Some(PREFLIGHT_VARY)),
    ];
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// The value of a list of tokens, or of a number.
pub(super) fn ready(text: String) -> HeaderValue {
    let value =
        HeaderValue::try_from(text).expect("tokens, commas and digits can stand in a field");
    // The first clone of a value allocates its counter: let it be this one.
    let _counted = value.clone();
    value
}
