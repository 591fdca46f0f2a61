//! The two heads: what becomes of a request's on its way there and of a response's on its way back.
//!
//! The order of the steps is the design. Outgoing: the target, then hop-by-hop fields out, then what
//! the proxy says of the client, then `Host`, then the user's hook, so that nothing that a client
//! sends can undo what a later step sets. All of it is decided from the head alone. Only the `Host` of
//! one of several upstreams has to wait until that one is chosen.

pub(crate) mod forwarded;
pub(crate) mod path;
pub(crate) mod peer;
pub(crate) mod target;

use crate::proxy::upstream::balance::Upstreams;
use crate::proxy::body::Body;
use crate::proxy::wire::scan::{Census, Field};
use crate::proxy::deadline::Deadline;
use crate::proxy::error::{ErrorKind, ProxyError};
use crate::proxy::request::forwarded::Forwarding;
use crate::proxy::wire::framing::{self, Unsound};
use crate::proxy::mount::map::Mount;
use crate::proxy::mount::table::Mounts;
use crate::proxy::request::path::check_path;
use crate::proxy::request::peer::{Peer, peer_of};
use crate::proxy::response::location::Standpoint;
use crate::proxy::tunnel::{self, TunnelSlots, Tunnels};
use crate::proxy::upstream::Upstream;
use crate::proxy::wire::via::Via;
use crate::proxy::response::cookie;
use crate::proxy::wire::hop_by_hop;
use crate::proxy::tunnel::websocket;
use crate::fields;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Uri, Version, request};
use http_body::Body as _;
use ipnet::IpNet;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How many lines a head may have. Above 24,576 a header map has no room for what is added, and panics;
/// no server or client lets so many in unless it was told to.
const MOST_LINES: usize = 16 * 1024;

pub(crate) type RequestHook = Arc<dyn Fn(&mut request::Parts) + Send + Sync>;
pub(crate) type ErrorHook =
    Arc<dyn Fn(&ProxyError, Response<Body>) -> Response<Body> + Send + Sync>;

/// A proxy as compiled by the builder: all that its requests have in common.
pub(crate) struct Proxying {
    pub(crate) mount: Arc<Mount>,
    pub(crate) mounts: Mounts,
    pub(crate) upstreams: Upstreams,
    pub(crate) preserve_host: bool,
    pub(crate) rewrite_location: bool,
    pub(crate) rewrite_cookies: bool,
    pub(crate) remove_request_headers: Arc<[HeaderName]>,
    pub(crate) forwarding: Forwarding,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) via: Via,
    pub(crate) max_request_body: Option<u64>,
    pub(crate) response_deadline: Deadline,
    pub(crate) tunnel_idle: Duration,
    pub(crate) tunnels: Tunnels,
    pub(crate) tunnel_slots: TunnelSlots,
    pub(crate) map_request: Option<RequestHook>,
    pub(crate) map_error: Option<ErrorHook>,
}

impl fmt::Debug for Proxying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxying")
            .field("mount", &self.mount)
            .finish_non_exhaustive()
    }
}

/// What is to be done with a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    Forward(Outgoing),
    /// The proxy is the one that is asked.
    Answer(StatusCode),
    Refuse(ErrorKind),
}

/// What has to be known of a request once its head has been rewritten.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// What the upstream may switch to, if anything. Rare, so in a box that takes no room if it is not
    /// there.
    pub(crate) upgrade: Option<Box<Upgrade>>,
    /// Whether no answer has content.
    pub(crate) is_head: bool,
    /// Whether a reference relative to the request means another thing to the upstream.
    at_bare_root: bool,
    /// Whether the client waits for `100 Continue`.
    pub(crate) expects_continue: bool,
    /// The `Host` of the client, if that is to be kept, or of the hook.
    host: Option<HeaderValue>,
}

/// An upgrade, as it is offered to the upstream.
#[derive(Debug)]
pub(crate) struct Upgrade {
    pub(crate) protocols: HeaderValue,
    /// For a WebSocket that came by HTTP/2 and goes on by HTTP/1.1: what the upstream has to prove.
    pub(crate) bridged: Option<websocket::Handshake>,
}

impl Outgoing {
    /// Names the upstream as the host, unless another has been named for good.
    pub(crate) fn name_host(&self, headers: &mut HeaderMap, upstream: &Upstream) {
        set_host(
            headers,
            self.host.as_ref().unwrap_or(&upstream.host).clone(),
        );
    }
}

impl Proxying {
    /// Rewrites a request's head.
    ///
    /// `peer` is the client's end; `None` looks for it in the extensions.
    pub(crate) fn request(
        &self,
        peer: Option<&Peer>,
        parts: &mut request::Parts,
        body: &Body,
    ) -> Verdict {
        match self.rewrite(peer, parts, body) {
            Ok(verdict) => verdict,
            Err(kind) => Verdict::Refuse(kind),
        }
    }

    fn rewrite(
        &self,
        peer: Option<&Peer>,
        parts: &mut request::Parts,
        body: &Body,
    ) -> Result<Verdict, ErrorKind> {
        if parts.headers.len() > MOST_LINES {
            return Err(ErrorKind::HeadTooLarge);
        }
        // RFC 9110 9.3.7: `OPTIONS *` is about the server as a whole, which is this one.
        if parts.method == Method::OPTIONS && parts.uri.path() == "*" {
            return Ok(Verdict::Answer(StatusCode::NO_CONTENT));
        }
        let bridged = websocket::from_http2(parts);
        let asked_for = target::public_uri(parts);
        let public = target::public_path(&parts.method, &asked_for)?;
        check_path(public.path()).map_err(|_| ErrorKind::AmbiguousPath)?;
        let at_bare_root = self.mount.map.is_bare_root(public.path());
        let target = self
            .mount
            .map
            .forward(public)
            .ok_or(ErrorKind::OutsidePrefix)?;
        let target = target.map_err(|_| ErrorKind::TargetTooLong)?;
        let host = target::host(parts.version, &parts.uri, &parts.headers)?;
        if let Some(status) = max_forwards(&parts.method, &mut parts.headers) {
            return Ok(Verdict::Answer(status));
        }

        let headers = &mut parts.headers;
        // Grows at most once for what is added below.
        headers.reserve(self.forwarding.len() + 1);
        let census = Census::of(headers);
        framing::check_coding(headers, census).map_err(Unsound::of_request)?;
        framing::settle_length(headers, census).map_err(Unsound::of_request)?;
        if census.has(Field::ContentLength) {
            self.check_length(headers)?;
        }
        let offer = hop_by_hop::strip_request(headers, census);
        let peer = peer
            .map(Cow::Borrowed)
            .or_else(|| peer_of(&parts.extensions));
        let trusted = peer.as_deref().is_some_and(|peer| self.trusts(peer));
        self.forwarding
            .apply(headers, census, peer.as_deref(), trusted, host.as_ref());
        if parts.version >= Version::HTTP_2 {
            join_cookies(headers);
        }
        fields::append_line(headers, header::VIA, self.via.received(parts.version));
        for name in self.remove_request_headers.iter() {
            headers.remove(name);
        }
        // RFC 9110 7.8: an upgrade is of HTTP/1.1; with a body on its way there is nothing to switch.
        let upgrade = offer
            .upgrade
            .filter(|offered| parts.version == Version::HTTP_11 && tunnel::may_offer(offered))
            .filter(|_| body.is_end_stream())
            .or(bridged.as_ref().map(|_| websocket::PROTOCOL));
        set_connection(headers, upgrade.as_ref(), offer.trailers);
        framing::announce_body(parts, census, body);
        parts.uri = Uri::from(target);
        let mut host = host.filter(|_| self.preserve_host);
        if let Some(hook) = &self.map_request {
            self.name_host_early(&mut parts.headers, host.as_ref());
            hook(parts);
            host = parts.headers.get(header::HOST).cloned();
        }
        Ok(Verdict::Forward(Outgoing {
            is_head: parts.method == Method::HEAD,
            at_bare_root,
            upgrade: upgrade.map(|protocols| Box::new(Upgrade { protocols, bridged })),
            expects_continue: census.has(Field::Expect)
                && parts.headers.contains_key(header::EXPECT),
            host,
        }))
    }

    /// For the hook, which has the last word: `Host` as the upstream will see it, or none where it depends
    /// on which of several is chosen.
    fn name_host_early(&self, headers: &mut HeaderMap, kept: Option<&HeaderValue>) {
        let only = self.upstreams.only().map(|only| &only.upstream.host);
        match kept.or(only) {
            Some(host) => set_host(headers, host.clone()),
            None => {
                headers.remove(header::HOST);
            }
        }
    }

    /// A body that says itself that it is too long is refused before it is sent.
    fn check_length(&self, headers: &HeaderMap) -> Result<(), ErrorKind> {
        let Some(limit) = self.max_request_body else {
            return Ok(());
        };
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        match length {
            Some(length) if length > limit => Err(ErrorKind::BodyTooLarge),
            _ => Ok(()),
        }
    }

    fn trusts(&self, peer: &Peer) -> bool {
        self.trusted_proxies
            .iter()
            .any(|net| net.contains(&peer.ip()))
    }

    /// Rewrites a response's head, and returns the protocol that a `101` switches to.
    pub(crate) fn response<B>(
        &self,
        response: &mut Response<B>,
        to: &Outgoing,
    ) -> Result<Option<HeaderValue>, ErrorKind> {
        // RFC 9112 2.3: an intermediary says its own version. Of an upstream of HTTP/1.0 the client would
        // take the end of a connection for the end of a body.
        let version = std::mem::replace(response.version_mut(), Version::HTTP_11);
        let status = response.status();
        let headers = response.headers_mut();
        if headers.len() > MOST_LINES {
            return Err(ErrorKind::MalformedResponse);
        }
        let census = Census::of(headers);
        // RFC 9112 6.1: to HEAD and in a 304 it tells what a GET would have got.
        if !to.is_head && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
            framing::check_coding(headers, census).map_err(|_| ErrorKind::MalformedResponse)?;
        }
        framing::settle_length(headers, census).map_err(|_| ErrorKind::MalformedResponse)?;
        // RFC 9110 8.6: not in a 1xx or 204.
        let has_no_length = matches!(
            status,
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT
        );
        if has_no_length && census.has(Field::ContentLength) {
            headers.remove(header::CONTENT_LENGTH);
        }
        let upgrade = hop_by_hop::strip_response(headers, census);
        if self.rewrite_location && census.has(Field::Address) {
            let standpoint = Standpoint {
                own: &self.mount,
                others: &self.mounts,
                at_bare_root: to.at_bare_root,
            };
            standpoint.map_back(headers);
        }
        if self.rewrite_cookies && census.has(Field::SetCookie) {
            cookie::map_back(headers, &self.mount.map);
        }
        fields::append_line(headers, header::VIA, self.via.received(version));
        Ok(upgrade)
    }

    /// The response that stands for an error: its status and a word, and the error in its extensions.
    ///
    /// RFC 9110 9.3.2: that to a HEAD has no content, and says what the one to a GET would say.
    pub(crate) fn error_response(&self, error: ProxyError, is_head: bool) -> Response<Body> {
        let status = error.kind().status();
        let reason = status.canonical_reason().unwrap_or("Error");
        let mut response = Response::new(Body::from(format!("{reason}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        // RFC 9209 2: who says it, and why. The type says no more than the status needs.
        let proxy_status = format!("{}; error={}", self.via.name, error.kind().proxy_status());
        if let Ok(proxy_status) = HeaderValue::try_from(proxy_status) {
            headers.insert(HeaderName::from_static("proxy-status"), proxy_status);
        }
        if let Some(hook) = &self.map_error {
            response = hook(&error, response);
        }
        if is_head {
            let body = std::mem::take(response.body_mut());
            let has_content = response.status() != StatusCode::NO_CONTENT;
            if let Some(length) = body.size_hint().exact().filter(|_| has_content) {
                let fields = response.headers_mut();
                fields
                    .entry(header::CONTENT_LENGTH)
                    .or_insert(HeaderValue::from(length));
            }
        }
        response.extensions_mut().insert(error);
        response
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

/// `Host` where it was, or first (RFC 9110 7.2: it should be) if there was none.
pub(crate) fn set_host(headers: &mut HeaderMap, host: HeaderValue) {
    match headers.entry(header::HOST) {
        header::Entry::Occupied(mut entry) => {
            entry.insert(host);
        }
        header::Entry::Vacant(_) => {
            let others = std::mem::take(headers);
            headers.reserve(others.len() + 1);
            headers.insert(header::HOST, host);
            headers.extend(others);
        }
    }
}
