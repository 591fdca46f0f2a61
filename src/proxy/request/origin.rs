//! `Origin` as an upstream sees it that takes requests of its own pages only.
//!
//! To make the `Origin` of another site's page the upstream's own would switch its check off, so only what a guard has
//! found to be of our own or a trusted page is rewritten.

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{self, HeaderMap, HeaderValue};
use http::request;

use crate::guard::Admitted;
use crate::proxy::wire::host::scheme_name;

/// The rule of `rewrite_origin`.
#[derive(Debug)]
pub(crate) struct OriginRule {
    /// Whether the upstreams are https.
    is_secure: bool,
    has_warned: AtomicBool,
}

impl OriginRule {
    pub(crate) fn new(is_secure: bool) -> Self {
        Self {
            is_secure,
            has_warned: AtomicBool::new(false),
        }
    }

    /// The `Origin` of a request that may be rewritten.
    pub(crate) fn rewritable(&self, parts: &request::Parts) -> Option<HeaderValue> {
        let origin = parts.headers.get(header::ORIGIN)?;
        match Admitted::of(&parts.extensions) {
            Some(page) if page.is_own_or_trusted_origin() => Some(origin.clone()),
            Some(_) => None,
            None => {
                self.warn();
                None
            }
        }
    }

    /// The choice for a request whose `Origin` could be rewritten, now that settings and hook have had
    /// their say: what they have set stays.
    pub(crate) fn choose(&self, headers: &HeaderMap, rewritable: &HeaderValue) -> OriginChoice {
        match headers.get(header::ORIGIN) {
            Some(origin) if origin == rewritable => OriginChoice::Upstream {
                is_secure: self.is_secure,
            },
            _ => OriginChoice::AsItIs,
        }
    }

    fn warn(&self) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            #[cfg(feature = "tracing")]
            tracing::warn!(
                "rewrite_origin has no effect: no guard has judged the request; put a GuardLayer around the proxy"
            );
        }
    }
}

/// The `Origin` that an upstream sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OriginChoice {
    /// The page's, or that of the settings or the hook.
    AsItIs,
    /// The upstream's own.
    Upstream { is_secure: bool },
}

impl OriginChoice {
    /// Names the upstream, by the `Host` that it sees.
    pub(crate) fn apply(self, headers: &mut HeaderMap) {
        let Self::Upstream { is_secure } = self else {
            return;
        };
        let Some(host) = headers.get(header::HOST) else {
            return;
        };
        let scheme = scheme_name(is_secure).as_bytes();
        // A scheme and a host are a field value.
        if let Ok(origin) = HeaderValue::from_bytes(&[scheme, b"://", host.as_bytes()].concat()) {
            headers.insert(header::ORIGIN, origin);
        }
    }
}
