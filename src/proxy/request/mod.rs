//! The head of a request, on its way in.
//!
//! The order of the steps is the design: the target, then hop-by-hop fields out, then what the proxy says of
//! the client, then `Host`, then the user's hook, so that nothing that a client sends can undo what a later
//! step sets. All of it is decided from the head alone. Only the `Host` of one of several upstreams has to
//! wait until that one is chosen.

pub(crate) mod client;
pub(crate) mod forwarded;
pub(crate) mod origin;
pub(crate) mod peer;
pub(crate) mod target;
pub(crate) mod webdav;

use crate::fields;
use crate::path::is_ambiguous;
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::Mount;
use crate::proxy::wire::edits::FieldEdits;
use crate::proxy::wire::framing::{self, Unsound};
use crate::proxy::wire::host::set_host;
use crate::proxy::wire::scan::{Field, HeaderScan};
use crate::proxy::wire::via::Via;
use crate::proxy::wire::{MOST_LINES, hop_by_hop, upgrade, websocket};
use client::{ClientAddr, Requester, client_address, is_in};
use forwarded::{Forwarding, Outside};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Uri, Version, request};
use http_body::Body;
use ipnet::IpNet;
use origin::{OriginChoice, OriginRule};
use peer::peer_of;
use std::net::IpAddr;
use std::sync::Arc;
use webdav::AddressMapper;

pub(crate) type RequestHook = Arc<dyn Fn(&mut request::Parts) + Send + Sync>;

/// Rules for the head of a request, compiled by the builder.
pub(crate) struct RequestRules {
    pub(crate) mount: Arc<Mount>,
    pub(crate) preserve_host: bool,
    pub(crate) rewrite_origin: Option<OriginRule>,
    pub(crate) edits: FieldEdits,
    pub(crate) refuse_unexpected_content: bool,
    pub(crate) forwarding: Forwarding,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) via: Arc<Via>,
    /// The field that tells requests from each other, for logs.
    pub(crate) id: Option<HeaderName>,
    pub(crate) max_body: Option<u64>,
    pub(crate) map_request: Option<RequestHook>,
}

/// Decision about a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    Forward(RequestContext),
    /// The proxy is the one that is asked.
    Answer(StatusCode),
    Refuse(ProxyErrorKind),
}

/// Facts about a request that its exchange and its response's way back need.
#[derive(Debug)]
pub(crate) struct RequestContext {
    /// The method and path that the client asked for, for logs.
    pub(crate) method: Method,
    pub(crate) public: PathAndQuery,
    /// What tells the request from others, for logs. Rare, as below.
    pub(crate) id: Option<Box<HeaderValue>>,
    /// The client, if it is known.
    pub(crate) requester: Option<Requester>,
    /// The protocols that the upstream may switch to, if any. Rare, so in a box that takes no room if it is
    /// not there.
    pub(crate) upgrade: Option<Box<Upgrade>>,
    /// Whether no answer has content.
    pub(crate) is_head: bool,
    /// Whether a reference relative to the request means another thing to the upstream.
    pub(crate) at_bare_root: bool,
    /// Whether the client waits for `100 Continue`.
    pub(crate) expects_continue: bool,
    /// The host and port that the client named, if any.
    client_host: Option<HeaderValue>,
    /// The `Host` that the upstream sees.
    host: HostChoice,
    /// The `Origin` that the upstream sees.
    origin: OriginChoice,
    /// The public side as trusted proxies say it. Rare, as above.
    outside: Option<Box<Outside>>,
}

/// The `Host` that an upstream sees.
#[derive(Debug)]
enum HostChoice {
    /// Its own.
    Upstream,
    /// The client's, if it named one.
    Client,
    /// That of the hook.
    Hook(Box<HeaderValue>),
}

/// An upgrade, as it is offered to the upstream.
#[derive(Debug)]
pub(crate) struct Upgrade {
    pub(crate) protocols: HeaderValue,
    /// For a WebSocket that came by HTTP/2 and goes on by HTTP/1.1: what the upstream has to prove.
    pub(crate) bridged: Option<websocket::Handshake>,
}

impl RequestContext {
    /// Names the upstream as the host, unless another has been named for good, and as the origin, if it is to
    /// see its own.
    pub(crate) fn name_host(&self, headers: &mut HeaderMap, upstream: &HeaderValue) {
        let host = match &self.host {
            HostChoice::Upstream => upstream,
            HostChoice::Client => self.client_host.as_ref().unwrap_or(upstream),
            HostChoice::Hook(host) => host,
        };
        set_host(headers, host.clone());
        self.origin.apply(headers);
    }

    /// The host and port that the browser asked for, as `X-Forwarded-Host` says it.
    pub(crate) fn public_host(&self) -> Option<&HeaderValue> {
        let outside = self.outside.as_deref();
        outside
            .and_then(|outside| outside.host.as_ref())
            .or(self.client_host.as_ref())
    }

    /// The prefix that a trusted proxy took away before this one; empty if none did.
    pub(crate) fn outer_prefix(&self) -> &str {
        let outside = self.outside.as_deref();
        outside
            .and_then(|outside| outside.prefix.as_deref())
            .unwrap_or_default()
    }
}

impl RequestRules {
    /// Rewrites a request's head. `only_host` is the `Host` of the upstream where there is but one.
    pub(crate) fn apply(
        &self,
        parts: &mut request::Parts,
        body: &impl Body,
        only_host: Option<&HeaderValue>,
    ) -> Verdict {
        match self.rewrite(parts, body, only_host) {
            Ok(verdict) => verdict,
            Err(kind) => Verdict::Refuse(kind),
        }
    }

    fn rewrite(
        &self,
        parts: &mut request::Parts,
        body: &impl Body,
        only_host: Option<&HeaderValue>,
    ) -> Result<Verdict, ProxyErrorKind> {
        if parts.version >= Version::HTTP_2 {
            join_cookies(&mut parts.headers);
        }
        if parts.headers.len() > MOST_LINES {
            return Err(ProxyErrorKind::HeadTooLarge);
        }
        // RFC 9110 9.3.7: `OPTIONS *` is about the server as a whole, which is this one.
        if parts.method == Method::OPTIONS && parts.uri.path() == "*" {
            return Ok(Verdict::Answer(StatusCode::NO_CONTENT));
        }
        let bridged = websocket::from_http2(parts);
        let asked_for = target::public_uri(parts)?;
        let public = target::public_path(&parts.method, &asked_for)?;
        if is_ambiguous(public.path()) {
            return Err(ProxyErrorKind::AmbiguousPath);
        }
        let map = &self.mount.map;
        let at_bare_root = map.is_bare_root(public.path());
        let asked = public.clone();
        let target = map
            .to_upstream(public)
            .ok_or(ProxyErrorKind::OutsidePrefix)?;
        let target = target.map_err(|_| ProxyErrorKind::TargetTooLong)?;
        let peer = peer_of(&parts.extensions);
        let host = target::host(parts.version, &parts.uri, &parts.headers)?;
        // RFC 9112 3.2 refuses a request without a host. One without a client either came from no server but
        // from the program itself: a test, as axum's own write it.
        if host.is_none() && peer.is_some() && target::must_name_host(parts.version) {
            return Err(ProxyErrorKind::MalformedHost);
        }
        if self.refuse_unexpected_content
            && !body.is_end_stream()
            && framing::gives_content_no_meaning(&parts.method)
        {
            return Err(ProxyErrorKind::UnexpectedContent);
        }
        if let Some(status) = max_forwards(&parts.method, &mut parts.headers) {
            return Ok(Verdict::Answer(status));
        }

        let rewritable = self
            .rewrite_origin
            .as_ref()
            .and_then(|rule| Some((rule, rule.rewritable(parts)?)));
        let headers = &mut parts.headers;
        // Grows at most once for what is added below.
        headers.reserve(self.forwarding.len() + self.edits.len() + 1);
        let scan = HeaderScan::of(headers);
        if scan.has(Field::Via) && self.via.is_loop(headers) {
            return Err(ProxyErrorKind::Loop);
        }
        framing::check_coding(headers, scan).map_err(Unsound::of_request)?;
        framing::settle_length(headers, scan).map_err(Unsound::of_request)?;
        if scan.has(Field::ContentLength) {
            self.check_length(headers)?;
        }
        let offer = hop_by_hop::strip_request(headers, scan);
        let trusted = peer.as_deref().is_some_and(|peer| self.trusts(peer.ip()));
        let requester = peer.as_deref().map(|peer| {
            let said = parts.extensions.get::<ClientAddr>().copied();
            let is_multiplexed = parts.version >= Version::HTTP_2;
            Requester::new(peer, trusted, said, is_multiplexed, || {
                client_address(peer.ip(), headers, |ip| self.trusts(ip))
            })
        });
        let believed = trusted.then_some(&*self.trusted_proxies);
        let outside =
            self.forwarding
                .apply(headers, scan, peer.as_deref(), believed, host.as_ref());
        fields::append_line(headers, header::VIA, self.via.received(parts.version));
        let mut context = RequestContext {
            method: parts.method.clone(),
            public: asked,
            id: self.id_of(headers).cloned().map(Box::new),
            requester,
            upgrade: None,
            is_head: parts.method == Method::HEAD,
            at_bare_root,
            expects_continue: false,
            client_host: host,
            host: HostChoice::Upstream,
            origin: OriginChoice::AsItIs,
            outside,
        };
        if scan.has(Field::WebDav) {
            let mapper = AddressMapper {
                map,
                outer: context.outer_prefix(),
                public_host: context.public_host(),
            };
            mapper.map_fields(headers)?;
        }
        // RFC 9110 10.1.1: of a client of HTTP/1.0 it is ignored, and that of the proxy it would be to an upstream.
        if scan.has(Field::Expect) && parts.version < Version::HTTP_11 {
            headers.remove(header::EXPECT);
        }
        self.edits.apply_to_request(headers);
        // RFC 9110 7.8: an upgrade is of HTTP/1.1; with a body on its way there is nothing to switch.
        let upgrade = offer
            .upgrade
            .filter(|_| parts.version == Version::HTTP_11 && body.is_end_stream())
            .and_then(|protocols| upgrade::offer(&parts.method, &protocols))
            .or(bridged.as_ref().map(|_| websocket::PROTOCOL));
        set_connection(headers, upgrade.as_ref(), offer.trailers);
        context.upgrade = upgrade.map(|protocols| Box::new(Upgrade { protocols, bridged }));
        framing::announce_body(parts, scan, body);
        parts.uri = Uri::from(target);
        if self.preserve_host {
            context.host = HostChoice::Client;
        }
        if let Some(hook) = &self.map_request {
            let kept = context.client_host.as_ref().filter(|_| self.preserve_host);
            name_host_early(&mut parts.headers, kept.or(only_host));
            hook(parts);
            context.host = match parts.headers.get(header::HOST) {
                Some(host) => HostChoice::Hook(Box::new(host.clone())),
                None => HostChoice::Upstream,
            };
        }
        if let Some((rule, origin)) = rewritable {
            context.origin = rule.choose(&parts.headers, &origin);
        }
        context.expects_continue =
            scan.has(Field::Expect) && parts.headers.contains_key(header::EXPECT);
        Ok(Verdict::Forward(context))
    }

    /// What tells a request from others.
    pub(crate) fn id_of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        headers.get(self.id.as_ref()?)
    }

    /// A body that says itself that it is too long is refused before it is sent.
    fn check_length(&self, headers: &HeaderMap) -> Result<(), ProxyErrorKind> {
        let Some(limit) = self.max_body else {
            return Ok(());
        };
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        match length {
            Some(length) if length > limit => Err(ProxyErrorKind::BodyTooLarge),
            _ => Ok(()),
        }
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        is_in(&self.trusted_proxies, ip)
    }
}

/// For the hook, which has the last word: `Host` as the upstream will see it, or none where it depends on
/// which of several is chosen.
fn name_host_early(headers: &mut HeaderMap, host: Option<&HeaderValue>) {
    match host {
        Some(host) => set_host(headers, host.clone()),
        None => {
            headers.remove(header::HOST);
        }
    }
}

/// `Max-Forwards` counts the hops of `OPTIONS` (RFC 9110 7.6.2; `TRACE` is not forwarded): at zero the
/// proxy is the one that is asked, else there is one less.
fn max_forwards(method: &Method, headers: &mut HeaderMap) -> Option<StatusCode> {
    if *method != Method::OPTIONS {
        return None;
    }
    let value = headers.get_mut(header::MAX_FORWARDS)?;
    let digits = value.to_str().ok()?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More than can be counted is still less by one.
    match digits.parse().unwrap_or(u64::MAX).checked_sub(1) {
        None => Some(StatusCode::NO_CONTENT),
        Some(left) => {
            *value = HeaderValue::from(left);
            None
        }
    }
}

/// RFC 9113 8.2.3, RFC 9114 4.2.1: HTTP/2 and HTTP/3 may split a cookie header into crumbs, which HTTP/1.1
/// has to see as one field line.
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs = headers.get_all(header::COOKIE);
    if crumbs.iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<_> = crumbs.iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

/// The connection options of the outgoing message (RFC 9110 7.6.1: what is for the next hop only has
/// to be nominated; 10.1.4: `TE` too).
fn set_connection(headers: &mut HeaderMap, upgrade: Option<&HeaderValue>, trailers: bool) {
    const BOTH: HeaderValue = HeaderValue::from_static("te, upgrade");
    const TE: HeaderValue = HeaderValue::from_static("te");
    const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
    let connection = match (upgrade.is_some(), trailers) {
        (false, false) => return,
        (true, true) => BOTH,
        (false, true) => TE,
        (true, false) => UPGRADE,
    };
    headers.insert(header::CONNECTION, connection);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(upgrade) = upgrade {
        headers.insert(header::UPGRADE, upgrade.clone());
    }
}
