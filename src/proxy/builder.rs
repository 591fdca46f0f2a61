//! What can be set, and what is wrong with it.

use super::balance::Upstreams;
use super::body::Body;
use super::client::Client;
use super::config_error::{ProxyConfigError, ProxyErrors};
use super::error::ProxyError;
use super::forwarded::{Forwarding, ForwardingField};
use super::head::{ErrorHook, Proxying, RequestHook, Via};
use super::mount::{Mount, Mounts, PathMap};
use super::path::check_path;
use super::service::ReverseProxy;
use super::upgrade::Tunnels;
use super::upstream::{Protocol, Upstream};
use http::header::{self, HeaderName};
use http::{Response, request};
use ipnet::IpNet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a proxy waits for what.
///
/// With the feature `serde` a duration is written like `"5s"` or `"1m 30s"`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use]
pub struct Timeouts {
    #[cfg_attr(feature = "serde", serde(with = "super::duration"))]
    connect: Duration,
    #[cfg_attr(feature = "serde", serde(with = "super::duration"))]
    response: Duration,
    #[cfg_attr(feature = "serde", serde(with = "super::duration"))]
    idle: Duration,
    #[cfg_attr(feature = "serde", serde(with = "super::duration"))]
    tunnel: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(60),
            idle: Duration::from_secs(90),
            tunnel: Duration::from_secs(600),
        }
    }
}

impl Timeouts {
    /// Until a new connection is ready, name resolution and TLS included. Default: 5 s. Then: 504.
    pub fn connect(mut self, timeout: Duration) -> Self {
        self.connect = timeout;
        self
    }

    /// Until the response's head, counted anew while a request's body is on its way. Default: 60 s.
    /// Then: 504. A body may take as long as it takes.
    pub fn response(mut self, timeout: Duration) -> Self {
        self.response = timeout;
        self
    }

    /// How long a pooled connection may lie idle. Default: 90 s. Choose less than the upstream does.
    pub fn idle(mut self, timeout: Duration) -> Self {
        self.idle = timeout;
        self
    }

    /// How long a tunnel (a WebSocket) may be silent both ways. Default: 10 min.
    pub fn tunnel(mut self, timeout: Duration) -> Self {
        self.tunnel = timeout;
        self
    }
}

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
/// # fn main() -> Result<(), same_origin::proxy::ProxyErrors> {
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
    prefix: String,
    upstream: OneOrMany,
    #[cfg_attr(feature = "serde", serde(default))]
    keep_prefix: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    preserve_host: bool,
    #[cfg_attr(feature = "serde", serde(default = "yes"))]
    rewrite_location: bool,
    #[cfg_attr(feature = "serde", serde(default = "yes"))]
    rewrite_cookies: bool,
    #[cfg_attr(feature = "serde", serde(default))]
    remove_request_headers: Vec<String>,
    #[cfg_attr(feature = "serde", serde(default))]
    timeouts: Timeouts,
    #[cfg_attr(feature = "serde", serde(default = "default_forwarding"))]
    forwarding: Vec<ForwardingField>,
    #[cfg_attr(feature = "serde", serde(default))]
    trusted_proxies: Vec<IpNet>,
    #[cfg_attr(feature = "serde", serde(default = "default_via"))]
    via: String,
    #[cfg_attr(feature = "serde", serde(default))]
    max_request_body: Option<u64>,
    #[cfg_attr(feature = "serde", serde(skip))]
    shared: Shared,
}

/// What is not data.
#[derive(Clone, Default)]
struct Shared {
    mounts: Mounts,
    tunnels: Tunnels,
    map_request: Option<RequestHook>,
    map_error: Option<ErrorHook>,
}

/// One upstream, or a list that is balanced.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(untagged, expecting = "a URL or a list of URLs")
)]
enum OneOrMany {
    One(String),
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
            timeouts: Timeouts::default(),
            forwarding: default_forwarding(),
            trusted_proxies: Vec::new(),
            via: default_via(),
            max_request_body: None,
            shared: Shared::default(),
        }
    }

    /// Several upstreams instead of one, balanced over the requests under way. They are the same
    /// service: their base paths have to be equal.
    ///
    /// One that cannot be connected to is set aside, for 1 s at first and up to 60 s, and the request
    /// goes to another; when none is left the answer is 502 at once.
    pub fn upstreams<I>(mut self, upstreams: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.upstream = OneOrMany::Many(upstreams.into_iter().map(Into::into).collect());
        self
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

    /// Request fields that the upstream never sees. Default: none.
    pub fn remove_request_headers<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.remove_request_headers = names.into_iter().map(Into::into).collect();
        self
    }

    /// How long the proxy waits for what.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The fields that tell the upstream about the client. Default: `X-Forwarded-For`,
    /// `X-Forwarded-Proto` and `X-Forwarded-Host`.
    pub fn forwarding(mut self, fields: impl IntoIterator<Item = ForwardingField>) -> Self {
        self.forwarding = fields.into_iter().collect();
        self
    }

    /// The peers whose `X-Forwarded-*`, `X-Real-IP` and `Forwarded` are believed. Default: none, so
    /// what a client says of itself is replaced.
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.trusted_proxies = networks.into_iter().collect();
        self
    }

    /// The proxy's name in `Via` and `Proxy-Status`, a token. Default: `same-origin`.
    pub fn via(mut self, name: impl Into<String>) -> Self {
        self.via = name.into();
        self
    }

    /// The longest request body that is forwarded, in bytes; a longer one is answered with 413.
    /// Default: no limit, because a body is streamed and never held.
    pub fn max_request_body(mut self, bytes: u64) -> Self {
        self.max_request_body = Some(bytes);
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

    /// A last look at the head of each outgoing request, after all that the proxy does to it.
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
    pub fn build(self) -> Result<ReverseProxy, ProxyErrors> {
        let (proxying, upstreams) = self.compile()?;
        let client = Client::builder()
            .connect_timeout(self.timeouts.connect)
            .idle_timeout(self.timeouts.idle);
        #[cfg(feature = "tls")]
        let client = client.needs_tls(upstreams.iter().any(|one| one.protocol == Protocol::Https));
        let client = client.build().map_err(|error| {
            ProxyErrors::from(vec![ProxyConfigError::new(
                "upstream",
                upstreams[0].authority.as_str(),
                error,
            )])
        })?;
        for upstream in upstreams.iter().filter(|one| one.protocol == Protocol::H2c) {
            client.enter(upstream.protocol, &upstream.authority);
        }
        Ok(ReverseProxy::from_parts(proxying, client))
    }

    /// The proxy, with a client service of one's own: a [`Client`] with other settings, perhaps under
    /// layers that sign, trace or try again, or any other tower service that takes a request with an
    /// absolute URI.
    ///
    /// The timeouts `connect` and `idle` are then that client's business, and `h2c` upstreams too.
    ///
    /// # Errors
    ///
    /// As of [`build`](Self::build).
    pub fn build_with_client<C>(self, client: C) -> Result<ReverseProxy<C>, ProxyErrors> {
        let (proxying, _) = self.compile()?;
        Ok(ReverseProxy::from_parts(proxying, client))
    }

    /// Checks everything, and enters the mount only if all is well.
    fn compile(&self) -> Result<(Arc<Proxying>, Vec<Upstream>), ProxyErrors> {
        let mut errors = Vec::new();
        self.check_prefix(&mut errors);
        let upstreams = self.parse_upstreams(&mut errors);
        let removed = self.parse_removed(&mut errors);
        self.check_timeouts(&mut errors);
        if !is_token(&self.via) {
            errors.push(ProxyConfigError::new(
                "via",
                &self.via,
                "not a token (RFC 9110 5.6.2)",
            ));
        }
        if !errors.is_empty() {
            return Err(errors.into());
        }
        let base = upstreams.first().map_or("/", |first| &first.base);
        let (base, stripped) = if self.keep_prefix {
            (
                [base.trim_end_matches('/'), self.prefix.as_str()].concat(),
                "",
            )
        } else {
            (base.to_owned(), self.prefix.trim_end_matches('/'))
        };
        let mount = Arc::new(Mount {
            map: PathMap::new(&self.prefix, &base),
            origins: upstreams.iter().map(Upstream::origin).collect(),
        });
        self.shared.mounts.enter(Arc::clone(&mount));
        let proxying = Proxying {
            mount,
            mounts: self.shared.mounts.clone(),
            upstreams: Upstreams::new(upstreams.clone()),
            preserve_host: self.preserve_host,
            rewrite_location: self.rewrite_location,
            rewrite_cookies: self.rewrite_cookies,
            remove_request_headers: removed,
            forwarding: Forwarding::new(self.forwarding.clone(), stripped),
            trusted_proxies: self.trusted_proxies.clone(),
            via: Via::new(&self.via),
            max_request_body: self.max_request_body,
            response_timeout: self.timeouts.response,
            tunnel_idle: self.timeouts.tunnel,
            tunnels: self.shared.tunnels.clone(),
            map_request: self.shared.map_request.clone(),
            map_error: self.shared.map_error.clone(),
        };
        Ok((Arc::new(proxying), upstreams))
    }

    fn check_prefix(&self, errors: &mut Vec<ProxyConfigError>) {
        let prefix = self.prefix.as_str();
        let mut wrong = |why: &str| errors.push(ProxyConfigError::new("prefix", prefix, why));
        if !prefix.starts_with('/') {
            return wrong(&format!(
                "a prefix starts with a slash; write {:?}",
                format!("/{prefix}")
            ));
        }
        if prefix.contains(['?', '#']) {
            return wrong("a prefix is a path, without query or fragment");
        }
        if prefix.contains("//") || prefix.contains('\\') || check_path(prefix).is_err() {
            return wrong("a prefix holds no empty segment, no dot segment and no backslash");
        }
        // As in RFC 3986 3.3, because that is how it arrives.
        let legal =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
        if !prefix.bytes().all(legal) {
            return wrong(
                "write what is not a plain path character percent-encoded, as it arrives",
            );
        }
        if prefix.len() > 1 && prefix.ends_with('/') {
            let bare = prefix.trim_end_matches('/');
            wrong(&format!(
                "remove the trailing slash; {bare:?} covers itself and all below it"
            ));
        }
    }

    fn parse_upstreams(&self, errors: &mut Vec<ProxyConfigError>) -> Vec<Upstream> {
        let (texts, is_list) = match &self.upstream {
            OneOrMany::One(text) => (std::slice::from_ref(text), false),
            OneOrMany::Many(texts) => (texts.as_slice(), true),
        };
        if texts.is_empty() {
            errors.push(ProxyConfigError::new(
                "upstream",
                "[]",
                "an empty list; name at least one",
            ));
        }
        let mut upstreams: Vec<Upstream> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let key = if is_list {
                format!("upstream[{index}]")
            } else {
                "upstream".to_owned()
            };
            let wrong = |why: &dyn fmt::Display| ProxyConfigError::new(key.clone(), text, why);
            match Upstream::parse(text) {
                Err(why) => errors.push(wrong(&why)),
                Ok(one) if !cfg!(feature = "tls") && one.protocol == Protocol::Https => {
                    errors.push(wrong(&"https needs the feature `tls`"));
                }
                Ok(one) => match upstreams.first() {
                    Some(first) if !same_base(first, &one) => {
                        errors.push(wrong(&"its base path differs from the first one's"));
                    }
                    _ if upstreams.iter().any(|other| other.origin() == one.origin()) => {
                        errors.push(wrong(&"it is in the list twice"));
                    }
                    _ => upstreams.push(one),
                },
            }
        }
        upstreams
    }

    fn parse_removed(&self, errors: &mut Vec<ProxyConfigError>) -> Vec<HeaderName> {
        let mut removed = Vec::new();
        for (index, name) in self.remove_request_headers.iter().enumerate() {
            let key = || format!("remove_request_headers[{index}]");
            match HeaderName::from_bytes(name.as_bytes()) {
                Err(_) => errors.push(ProxyConfigError::new(key(), name, "not a field name")),
                // What frames the message or names its target is not for a rule to take away.
                Ok(header::HOST | header::CONTENT_LENGTH | header::TRANSFER_ENCODING) => {
                    errors.push(ProxyConfigError::new(
                        key(),
                        name,
                        "the message needs this field",
                    ));
                }
                Ok(name) => removed.push(name),
            }
        }
        removed
    }

    fn check_timeouts(&self, errors: &mut Vec<ProxyConfigError>) {
        let Timeouts {
            connect,
            response,
            idle,
            tunnel,
        } = &self.timeouts;
        for (key, timeout) in [
            ("connect", connect),
            ("response", response),
            ("idle", idle),
            ("tunnel", tunnel),
        ] {
            if timeout.is_zero() {
                let key = format!("timeouts.{key}");
                errors.push(ProxyConfigError::new(key, "0s", "write a time above zero"));
            }
        }
    }
}

fn same_base(one: &Upstream, other: &Upstream) -> bool {
    one.base.trim_end_matches('/') == other.base.trim_end_matches('/')
}

/// A token that a structured field takes too (RFC 9110 5.6.2, RFC 9651 3.3.4).
fn is_token(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte))
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
