//! The setters of a proxy's builder, one for each key.

#[cfg(feature = "balance")]
mod upstreams;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, Response, request};
use ipnet::IpNet;

use crate::proxy::body::Body;
use crate::proxy::config::builder::ProxyBuilder;
use crate::proxy::config::settings::{Limits, Timeouts};
#[cfg(feature = "tls")]
use crate::proxy::config::tls::UpstreamTls;
use crate::proxy::error::ProxyError;
use crate::proxy::mount::table::Mounts;
use crate::proxy::request::forwarded::ForwardingField;
use crate::proxy::response::cookie::attributes::CookieAttributes;
use crate::proxy::response::cookie::rewrite::CookieRewrite;
use crate::proxy::tunnel::Tunnels;

impl ProxyBuilder {
    /// The prefix of the public path, as it was given.
    #[must_use]
    pub fn public_prefix(&self) -> &str {
        &self.prefix
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

    /// Whether the upstream sees its own origin in `Origin`: its scheme, and the `Host` that it sees. Default:
    /// `false`. For upstreams that take requests and WebSockets of their own pages only (Vite, Jupyter,
    /// Phoenix), which are told that a page is theirs.
    ///
    /// The proxy must know that it is: a [`GuardLayer`](crate::guard::GuardLayer) around it leaves its word,
    /// and only the `Origin` of a page that is [own or trusted](crate::guard::Admitted) is rewritten. Without
    /// a guard nothing is, and a warning says so once. An `Origin` that
    /// [`set_request_headers`](Self::set_request_headers) or [`map_request`](Self::map_request) sets stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use same_origin::guard::{Guard, GuardLayer};
    /// use same_origin::proxy::ReverseProxy;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let notebook = ReverseProxy::builder("/notebook", "http://127.0.0.1:8888")
    ///     .rewrite_origin(true)
    ///     .build()?;
    /// let guard = GuardLayer::new(Guard::builder().build()?);
    /// let app: axum::Router = axum::Router::new().nest_service("/notebook", notebook).layer(guard);
    /// # Ok(()) }
    /// ```
    pub fn rewrite_origin(mut self, rewrite: bool) -> Self {
        self.rewrite_origin = rewrite;
        self
    }

    /// Whether `Location`, `Content-Location` and `Refresh` are mapped back under the prefix. Default:
    /// `true`.
    ///
    /// An upstream that knows its public prefix says public addresses already: send it
    /// [`XForwardedPrefix`](ForwardingField::XForwardedPrefix), and what is below that prefix stays.
    pub fn rewrite_location(mut self, rewrite: bool) -> Self {
        self.rewrite_location = rewrite;
        self
    }

    /// Rewriting of `Set-Cookie`: `true`, `false`, or a [`CookieRewrite`]. Default: `true`.
    ///
    /// `Path` comes back under the prefix, or under that of another proxy for the same upstream in the same
    /// table of [`mounts`](Self::mounts), but `/` stays: it means the whole origin, and pages outside of
    /// the prefix read such cookies (the double-submit cookies of Spring, Angular, Laravel and Django).
    /// A path above the upstream's base, `/shop` of `/shop/api`, becomes the prefix; where other proxies of the
    /// upstream lead below it too, the longest path that is above all of them, so that each gets the cookie.
    /// [`Confine`](CookieRewrite::Confine), in a configuration `"confine"`, maps `/` to the prefix too,
    /// whether the cookie says it or has it by default, and so every path above the base or beside it, and nothing to
    /// another proxy's.
    /// `Domain` stays where it covers the public host and is not a public suffix, else it is dropped;
    /// without the feature `public-suffix` it always is.
    pub fn rewrite_cookies(mut self, rewrite: impl Into<CookieRewrite>) -> Self {
        self.rewrite_cookies = rewrite.into();
        self
    }

    /// Attributes that the upstream's cookies get where they lack them. None is removed, and none that is
    /// there is weakened. Default: none.
    pub fn cookies(mut self, attributes: CookieAttributes) -> Self {
        self.cookies = attributes;
        self
    }

    /// Request fields that the upstream never sees, as text or as [`HeaderName`](http::HeaderName)s; in
    /// trailers neither, nor spelled with `_` for `-`, which many servers take for the same. Default: none.
    pub fn remove_request_headers<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.remove_request_headers = owned(names);
        self
    }

    /// Request fields that the upstream sees with these values, whatever the client sends. Default: none.
    ///
    /// They are set after [`remove_request_headers`](Self::remove_request_headers), and before
    /// [`map_request`](Self::map_request), which can set what depends on the request.
    ///
    /// # Examples
    ///
    /// ```
    /// use same_origin::proxy::ReverseProxy;
    ///
    /// let api = ReverseProxy::builder("/api", "https://api.example")
    ///     .set_request_headers([("x-api-key", "0123456789")])
    ///     .set_response_headers([("cross-origin-opener-policy", "same-origin"), ("vary", "accept")])
    ///     .build()?;
    /// # let _ = api;
    /// # Ok::<(), same_origin::proxy::ProxyConfigErrors>(())
    /// ```
    pub fn set_request_headers<I, N, V>(mut self, fields: I) -> Self
    where
        I: IntoIterator<Item = (N, V)>,
        N: AsRef<str>,
        V: AsRef<str>,
    {
        self.set_request_headers = owned_pairs(fields);
        self
    }

    /// Response fields of the upstream that the client never sees, in trailers too. Default: none.
    pub fn remove_response_headers<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.remove_response_headers = owned(names);
        self
    }

    /// Response fields that the client sees with these values, whatever the upstream sends; what is set in
    /// `Vary` is added to what is there. Default: none.
    ///
    /// They are not on responses of the proxy's own, its errors, for which there is
    /// [`map_error`](Self::map_error).
    pub fn set_response_headers<I, N, V>(mut self, fields: I) -> Self
    where
        I: IntoIterator<Item = (N, V)>,
        N: AsRef<str>,
        V: AsRef<str>,
    {
        self.set_response_headers = owned_pairs(fields);
        self
    }

    /// Whether a `GET`, `HEAD`, `DELETE` or `OPTIONS` with content is refused with 400. Default: `false`.
    ///
    /// Such content has no meaning (RFC 9110 9.3.1), yet some APIs give it one, so it is forwarded. Some
    /// servers leave it unread and take it for the next request on their connection: over HTTP/1.1 the proxy
    /// uses no such connection again, so that nobody else gets the answer to it. But such a server still
    /// acts on the hidden request, past every check in front of it: switch this on where the upstream is one, or where
    /// you do not know. A client that announces content and sends none, by
    /// a last chunk or an empty DATA frame, has a second to do so.
    pub fn refuse_unexpected_content(mut self, refuse: bool) -> Self {
        self.refuse_unexpected_content = refuse;
        self
    }

    /// Timeouts. Default: those of [`Timeouts`].
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
    /// Their fields are continued. Scheme, host and client that they say in `X-Forwarded-*` or `Forwarded` alone
    /// are told in each of [`forwarding`](Self::forwarding), and the client in
    /// [`X-Real-IP`](ForwardingField::XRealIp) is [`ClientAddr::derive`](crate::proxy::ClientAddr::derive)'s,
    /// whatever they send there. If a proxy sends `X-Forwarded-For`, `-Proto` or `-Host`, its `Forwarded` may
    /// be the client's own: scheme and host are then not taken from there.
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

    /// Limits. Default: those of [`Limits`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Trust anchors for https upstreams, and an optional client certificate. Default: the system's roots,
    /// and none.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn upstream_tls(mut self, tls: UpstreamTls) -> Self {
        self.upstream_tls = Some(tls);
        self
    }

    /// Whether responses tell which upstream gave them, by an [`AnsweredBy`](crate::proxy::AnsweredBy) in
    /// their extensions: for logs and metrics of layers outside. Costs an allocation for each. Default: `false`.
    pub fn tell_upstream(mut self, tell: bool) -> Self {
        self.shared.tell_upstream = tell;
        self
    }

    /// The request's field that tells it from others, such as `X-Request-Id`, for the events of `tracing`: one about a
    /// request that failed has its value as `id`, if it is 1 to 128 visible characters of ASCII. Layers outside decide
    /// who may set the field. Default: none, and events have no `id`.
    pub fn request_id(mut self, name: HeaderName) -> Self {
        self.shared.request_id = Some(name);
        self
    }

    /// The texts in which variables of other servers are looked for (`$host`, `$1`), in the place of the upstreams
    /// themselves: a configuration can have another way to write a plain dollar sign. For the gateway, and not part
    /// of the API.
    #[doc(hidden)]
    pub fn _marked_upstreams(mut self, marked: Vec<String>) -> Self {
        self.shared.marked = marked;
        self
    }

    /// The table of mounts in which this proxy registers itself and looks up redirects. Default: its own alone.
    pub fn mounts(mut self, mounts: &Mounts) -> Self {
        self.shared.mounts = mounts.clone();
        self
    }

    /// A count of tunnels that other proxies share. Default: this proxy's own.
    pub fn tunnels(mut self, tunnels: &Tunnels) -> Self {
        self.shared.tunnels = tunnels.clone();
        self
    }

    /// A last look at the head of each outgoing request, after all that the proxy does to it: what it sets
    /// is what the upstream sees, `Host` included. One of several upstreams is chosen later, so that
    /// there is no `Host` yet, unless it is [preserved](Self::preserve_host); the upstream's own is set
    /// then if the hook sets none. A `Content-Length` that the body does not have is a 502.
    pub fn map_request(
        mut self,
        map: impl Fn(&mut request::Parts) + Send + Sync + 'static,
    ) -> Self {
        self.shared.map_request = Some(Arc::new(map));
        self
    }

    /// An error page of one's own: gets the error and the response that stands for it. A call of gRPC over HTTP/2 has one
    /// without content, and does best without it.
    pub fn map_error(
        mut self,
        map: impl Fn(&ProxyError, Response<Body>) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        self.shared.map_error = Some(Arc::new(map));
        self
    }
}

fn owned<I>(names: I) -> Vec<String>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let names = names.into_iter();
    names.map(|name| name.as_ref().to_owned()).collect()
}

fn owned_pairs<N, V>(fields: impl IntoIterator<Item = (N, V)>) -> BTreeMap<String, String>
where
    N: AsRef<str>,
    V: AsRef<str>,
{
    let owned = |(name, value): (N, V)| (name.as_ref().to_owned(), value.as_ref().to_owned());
    fields.into_iter().map(owned).collect()
}
