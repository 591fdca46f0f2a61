//! Settings of a proxy, as the setters of a builder and as the keys of a configuration.

use std::collections::BTreeMap;
use std::fmt;

use http::HeaderName;
use ipnet::IpNet;

use crate::proxy::config::settings::{Limits, Timeouts};
#[cfg(feature = "tls")]
use crate::proxy::config::tls::UpstreamTls;
use crate::proxy::mount::table::Mounts;
use crate::proxy::request::RequestHook;
use crate::proxy::request::forwarded::{Forwarding, ForwardingField};
use crate::proxy::response::cookie::attributes::CookieAttributes;
use crate::proxy::response::cookie::rewrite::CookieRewrite;
use crate::proxy::response::error_page::ErrorHook;
use crate::proxy::tunnel::Tunnels;
#[cfg(feature = "dns")]
use crate::proxy::upstream::dns::Dns;

/// Settings of a [`ReverseProxy`](crate::proxy::ReverseProxy), checked all at once by [`build`](Self::build).
///
/// With the feature `serde` it is also the proxy's configuration: its keys are the names of the
/// setters, `prefix` and `upstream` are required, unknown keys are refused. Hooks, shared tables and a client
/// are not data and have setters only.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::{ReverseProxy, Timeouts};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
/// let files = ReverseProxy::builder("/files", "https://bucket.s3.eu-west-1.amazonaws.com")
///     .remove_request_headers(["authorization", "cookie"]) // a signed URL takes no second authority
///     .timeouts(Timeouts::default().response(Duration::from_secs(20)))
///     .build()?;
/// # let _ = files;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[must_use]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a key of its own in a configuration file"
)]
pub struct ProxyBuilder {
    pub(crate) prefix: String,
    pub(crate) upstream: OneOrMany,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) keep_prefix: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) preserve_host: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) rewrite_origin: bool,
    #[cfg_attr(feature = "serde", serde(default = "yes"))]
    pub(crate) rewrite_location: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) rewrite_cookies: CookieRewrite,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) cookies: CookieAttributes,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) remove_request_headers: Vec<String>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) set_request_headers: BTreeMap<String, String>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) remove_response_headers: Vec<String>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) set_response_headers: BTreeMap<String, String>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) refuse_unexpected_content: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) timeouts: Timeouts,
    #[cfg_attr(feature = "serde", serde(default = "default_forwarding"))]
    pub(crate) forwarding: Vec<ForwardingField>,
    #[cfg_attr(
        feature = "serde",
        serde(default, deserialize_with = "crate::units::networks::deserialize")
    )]
    pub(crate) trusted_proxies: Vec<IpNet>,
    #[cfg_attr(feature = "serde", serde(default = "default_via"))]
    pub(crate) via: String,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) limits: Limits,
    #[cfg(feature = "tls")]
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub(crate) upstream_tls: Option<UpstreamTls>,
    #[cfg(feature = "dns")]
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub(crate) dns: Option<Dns>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) shared: Shared,
}

/// Settings that are not data.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    pub(crate) mounts: Mounts,
    pub(crate) tunnels: Tunnels,
    pub(crate) map_request: Option<RequestHook>,
    pub(crate) map_error: Option<ErrorHook>,
    pub(crate) tell_upstream: bool,
    pub(crate) request_id: Option<HeaderName>,
    /// The upstreams, without the dollar signs that are known to be plain ones.
    pub(crate) marked: Vec<String>,
}

/// One upstream, or a list that is balanced.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(untagged))]
pub(crate) enum OneOrMany {
    One(String),
    #[cfg_attr(
        not(any(feature = "balance", feature = "serde")),
        expect(dead_code, reason = "who could give a list is not there")
    )]
    Many(Vec<String>),
}

impl OneOrMany {
    /// The text of one of them as it is written, for messages.
    pub(crate) fn text(&self, index: usize) -> &str {
        match self {
            Self::One(text) => text,
            Self::Many(texts) => texts.get(index).map_or("", String::as_str),
        }
    }
}

/// Not derived: of an untagged enum serde does not say what stands there instead.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Upstreams;

        impl<'de> serde::de::Visitor<'de> for Upstreams {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL or a list of URLs")
            }

            fn visit_str<E>(self, url: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(url.to_owned()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut urls: A,
            ) -> Result<OneOrMany, A::Error> {
                let mut list = Vec::new();
                while let Some(url) = urls.next_element()? {
                    list.push(url);
                }
                Ok(OneOrMany::Many(list))
            }
        }

        from.deserialize_any(Upstreams)
    }
}

#[cfg(feature = "serde")]
fn yes() -> bool {
    true
}

fn default_forwarding() -> Vec<ForwardingField> {
    Forwarding::DEFAULT.to_vec()
}

fn default_via() -> String {
    "same-origin".to_owned()
}

impl ProxyBuilder {
    pub(crate) fn new(prefix: impl Into<String>, upstream: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            upstream: OneOrMany::One(upstream.into()),
            keep_prefix: false,
            preserve_host: false,
            rewrite_origin: false,
            rewrite_location: true,
            rewrite_cookies: CookieRewrite::default(),
            cookies: CookieAttributes::default(),
            remove_request_headers: Vec::new(),
            set_request_headers: BTreeMap::new(),
            remove_response_headers: Vec::new(),
            set_response_headers: BTreeMap::new(),
            refuse_unexpected_content: false,
            timeouts: Timeouts::default(),
            forwarding: default_forwarding(),
            trusted_proxies: Vec::new(),
            via: default_via(),
            limits: Limits::default(),
            #[cfg(feature = "tls")]
            upstream_tls: None,
            #[cfg(feature = "dns")]
            dns: None,
            shared: Shared::default(),
        }
    }
}

impl fmt::Debug for ProxyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyBuilder")
            .field("prefix", &self.prefix)
            .field("upstream", &self.upstream)
            .field("keep_prefix", &self.keep_prefix)
            .field("preserve_host", &self.preserve_host)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}
