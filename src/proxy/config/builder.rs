//! What can be set, and what is wrong with it.

use crate::proxy::body::Body;
use crate::proxy::client::Client;
use crate::proxy::config::compile::Compiled;
use crate::proxy::config::error::{ProxyConfigError, ProxyConfigErrors};
use crate::proxy::config::settings::{Limits, Timeouts};
#[cfg(feature = "tls")]
use crate::proxy::config::tls::UpstreamTls;
use crate::proxy::error::ProxyError;
use crate::proxy::mount::table::Mounts;
use crate::proxy::request::RequestHook;
use crate::proxy::request::forwarded::{Forwarding, ForwardingField};
use crate::proxy::response::error_page::ErrorHook;
use crate::proxy::service::ReverseProxy;
use crate::proxy::tunnel::Tunnels;
use crate::proxy::upstream::Changes;
#[cfg(feature = "dns")]
use crate::proxy::upstream::dns::Dns;
use http::{Response, request};
use ipnet::IpNet;
use std::fmt;
use std::sync::Arc;

/// Settings of a [`ReverseProxy`], checked all at once by [`build`](Self::build).
///
/// With the feature `serde` it is also the proxy's configuration: its keys are the names of the
/// setters, `prefix` and `upstream` are required, unknown keys are refused. What is not data (hooks,
/// shared tables, a client) has setters only.
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
    #[cfg_attr(feature = "serde", serde(default = "yes"))]
    pub(crate) rewrite_location: bool,
    #[cfg_attr(feature = "serde", serde(default = "yes"))]
    pub(crate) rewrite_cookies: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) remove_request_headers: Vec<String>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) refuse_unexpected_content: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) timeouts: Timeouts,
    #[cfg_attr(feature = "serde", serde(default = "default_forwarding"))]
    pub(crate) forwarding: Vec<ForwardingField>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) trusted_proxies: Vec<IpNet>,
    #[cfg_attr(feature = "serde", serde(default = "default_via"))]
    pub(crate) via: String,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) limits: Limits,
    #[cfg(feature = "tls")]
    #[cfg_attr(feature = "serde", serde(default))]
    upstream_tls: Option<UpstreamTls>,
    #[cfg(feature = "dns")]
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) dns: Option<Dns>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) shared: Shared,
}

/// What is not data.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    pub(crate) mounts: Mounts,
    pub(crate) tunnels: Tunnels,
    pub(crate) map_request: Option<RequestHook>,
    pub(crate) map_error: Option<ErrorHook>,
}

/// One upstream, or a list that is balanced.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(untagged, expecting = "a URL or a list of URLs")
)]
pub(crate) enum OneOrMany {
    One(String),
    #[cfg_attr(
        not(any(feature = "balance", feature = "serde")),
        expect(dead_code, reason = "who could give a list is not there")
    )]
    Many(Vec<String>),
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
            rewrite_location: true,
            rewrite_cookies: true,
            remove_request_headers: Vec::new(),
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

    /// Whether the prefix stays in the upstream's path, as in a CloudFront behaviour. Default: `false`.
    pub fn keep_prefix(mut self, keep: bool) -> Self {
        self.keep_prefix = keep;
        self
    }

    /// Whether the upstream sees the client's `Host` instead of its own. Default: `false`, because
    /// virtual hosts, API gateways and SigV4 need their own.
    pub fn preserve_host(mut self, preserve: bool) -> Self {
        self.preserve_host = preserve;
        self
    }

    /// Whether `Location`, `Content-Location` and `Refresh` are mapped back under the prefix. Default:
    /// `true`.
    pub fn rewrite_location(mut self, rewrite: bool) -> Self {
        self.rewrite_location = rewrite;
        self
    }

    /// Whether `Set-Cookie` loses its `Domain` and has its `Path` mapped back. Default: `true`.
    pub fn rewrite_cookies(mut self, rewrite: bool) -> Self {
        self.rewrite_cookies = rewrite;
        self
    }

    /// Request fields that the upstream never sees, as text or as [`HeaderName`](http::HeaderName)s.
    /// Default: none.
    pub fn remove_request_headers<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let names = names.into_iter().map(|name| name.as_ref().to_owned());
        self.remove_request_headers = names.collect();
        self
    }

    /// Whether a `GET`, `HEAD`, `DELETE` or `OPTIONS` with content is refused with 400. Default: `false`.
    ///
    /// Such content has no meaning (RFC 9110 9.3.1), yet some APIs give it one, so it is forwarded. Some
    /// servers leave it unread and take it for the next request on their connection: over HTTP/1.1 the proxy
    /// uses no such connection again, so that nobody else gets the answer to it. What such a server does
    /// with the hidden request itself, past every check in front of it, is left to that server: switch
    /// this on where the upstream is one, or where you do not know.
    pub fn refuse_unexpected_content(mut self, refuse: bool) -> Self {
        self.refuse_unexpected_content = refuse;
        self
    }

    /// How long the proxy waits for what.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The fields that tell the upstream about the client. Default: `X-Forwarded-For`,
    /// `X-Forwarded-Proto` and `X-Forwarded-Host`.
    ///
    /// Address and scheme are those of the [`Peer`](crate::proxy::Peer) that the server inserts, or of axum's
    /// `into_make_service_with_connect_info::<SocketAddr>()`, which knows of no TLS. Without either there
    /// is no `X-Forwarded-For`, and `X-Forwarded-Proto` is `http`.
    pub fn forwarding(mut self, fields: impl IntoIterator<Item = ForwardingField>) -> Self {
        self.forwarding = fields.into_iter().collect();
        self
    }

    /// The peers whose `X-Forwarded-*`, `X-Real-IP` and `Forwarded` are believed. Default: none, so
    /// what a client says of itself is replaced.
    ///
    /// The server has to say who the peer is, by a [`Peer`](crate::proxy::Peer) or axum's
    /// `into_make_service_with_connect_info::<SocketAddr>()`: one that is unknown is not trusted, and its
    /// `X-Forwarded-Proto: https` is replaced by `http` even if it is the balancer's.
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.trusted_proxies = networks.into_iter().collect();
        self
    }

    /// The proxy's name in `Via` and `Proxy-Status`, a token. Default: `same-origin`.
    pub fn via(mut self, name: impl Into<String>) -> Self {
        self.via = name.into();
        self
    }

    /// How much the proxy takes on.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whom https upstreams are trusted by, and who the proxy is to them. Default: the system's roots,
    /// and nobody.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn upstream_tls(mut self, tls: UpstreamTls) -> Self {
        self.upstream_tls = Some(tls);
        self
    }

    /// The table of mounts that this proxy enters and looks up redirects in. Default: its own alone.
    pub fn mounts(mut self, mounts: &Mounts) -> Self {
        self.shared.mounts = mounts.clone();
        self
    }

    /// Where this proxy's tunnels are counted. Default: nowhere else.
    pub fn tunnels(mut self, tunnels: &Tunnels) -> Self {
        self.shared.tunnels = tunnels.clone();
        self
    }

    /// A last look at the head of each outgoing request, after all that the proxy does to it: what it sets
    /// is what the upstream sees, `Host` included. One of several upstreams is chosen later, so that
    /// there is no `Host` yet, unless it is [preserved](Self::preserve_host); the upstream's own is set
    /// then if the hook sets none.
    pub fn map_request(
        mut self,
        map: impl Fn(&mut request::Parts) + Send + Sync + 'static,
    ) -> Self {
        self.shared.map_request = Some(Arc::new(map));
        self
    }

    /// An error page of one's own: gets the error and the response that stands for it.
    pub fn map_error(
        mut self,
        map: impl Fn(&ProxyError, Response<Body>) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        self.shared.map_error = Some(Arc::new(map));
        self
    }

    /// The proxy, with a [`Client`] of its own.
    ///
    /// # Errors
    ///
    /// Every problem of the settings, each with the key, the value, and what to write instead.
    pub fn build(self) -> Result<ReverseProxy, ProxyConfigErrors> {
        self.build_from(None)
    }

    pub(crate) fn build_from(
        self,
        changes: Option<Changes>,
    ) -> Result<ReverseProxy, ProxyConfigErrors> {
        let compiled = self.compile(changes);
        #[cfg(feature = "tls")]
        let (tls, compiled) = {
            let tls = self.upstream_tls.as_ref().map(UpstreamTls::config);
            both(tls.transpose(), compiled)?
        };
        #[cfg(not(feature = "tls"))]
        let compiled = compiled?;
        let Compiled { plan, upstreams } = compiled;
        let client = Client::builder()
            .timeouts(self.timeouts)
            .limits(self.limits);
        #[cfg(feature = "tls")]
        let client = match tls {
            Some(tls) => client.tls_config(tls),
            None => client.needs_tls(
                upstreams
                    .iter()
                    .any(|one| one.destination.protocol().is_tls()),
            ),
        };
        let client = client.build().map_err(|error| {
            let first = upstreams
                .first()
                .map_or("", |first| first.destination.authority().as_str());
            ProxyConfigErrors::new(vec![ProxyConfigError::new("upstream", first, error)])
        })?;
        Ok(ReverseProxy::from_parts(plan, client))
    }

    /// The proxy, with a client service of one's own: a [`Client`] with other settings, perhaps under
    /// layers that sign, trace or try again, or any other tower service that takes a request with an
    /// absolute URI. The example `signed_upstream` signs requests for AWS in that place.
    ///
    /// Connections are then that client's business: the timeouts `connect` and `idle`, all limits but
    /// `request_body` and `tunnels`, TLS and `h2c`.
    ///
    /// # Errors
    ///
    /// As of [`build`](Self::build), and [`upstream_tls`](Self::upstream_tls), which would have no
    /// effect.
    pub fn build_with_client<C>(self, client: C) -> Result<ReverseProxy<C>, ProxyConfigErrors> {
        self.build_with_client_from(client, None)
    }

    pub(crate) fn build_with_client_from<C>(
        self,
        client: C,
        changes: Option<Changes>,
    ) -> Result<ReverseProxy<C>, ProxyConfigErrors> {
        let compiled = self.compile(changes);
        #[cfg(feature = "tls")]
        let ((), compiled) = both(self.no_upstream_tls(), compiled)?;
        #[cfg(not(feature = "tls"))]
        let compiled = compiled?;
        Ok(ReverseProxy::from_parts(compiled.plan, client))
    }
}

#[cfg(feature = "tls")]
impl ProxyBuilder {
    /// A client of one's own knows nothing of it, and whoever set it would think that it does.
    fn no_upstream_tls(&self) -> Result<(), ProxyConfigErrors> {
        if self.upstream_tls.is_none() {
            return Ok(());
        }
        let why = "the client is given; set TLS there, as `ClientBuilder::tls_config` does";
        let error = ProxyConfigError::new("upstream_tls", "", why);
        Err(ProxyConfigErrors::new(vec![error]))
    }
}

/// Two outcomes, or the problems of both.
#[cfg(feature = "tls")]
fn both<A, B>(
    tls: Result<A, ProxyConfigErrors>,
    compiled: Result<B, ProxyConfigErrors>,
) -> Result<(A, B), ProxyConfigErrors> {
    match (tls, compiled) {
        (Ok(tls), Ok(compiled)) => Ok((tls, compiled)),
        (tls, compiled) => {
            let problems = compiled.err().into_iter().flatten();
            let all = problems.chain(tls.err().into_iter().flatten());
            Err(ProxyConfigErrors::new(all.collect()))
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
