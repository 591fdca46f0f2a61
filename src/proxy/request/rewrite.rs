//! The steps of a request's rewriting, in their order.

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Uri, Version, request};
use http_body::Body;

use super::client::{ClientAddr, Requester, client_address};
use super::error_reader::ErrorReader;
use super::peer::peer_of;
use super::webdav::AddressMapper;
use super::{HostChoice, RequestContext, RequestRules, Upgrade, Verdict, target};
use crate::fields;
use crate::path::is_ambiguous;
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::request::origin::OriginChoice;
use crate::proxy::wire::framing::{self, Unsound};
use crate::proxy::wire::host::set_host;
use crate::proxy::wire::scan::{Field, HeaderScan};
use crate::proxy::wire::{MOST_LINES, hop_by_hop, upgrade, websocket};

/// The place that a request asks for.
struct Asked {
    public: PathAndQuery,
    /// As the upstream knows it.
    target: PathAndQuery,
    host: Option<HeaderValue>,
}

impl RequestRules {
    /// All steps. Nothing that a client sends undoes what a later one sets.
    pub(super) fn rewrite(
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
        let Asked {
            public,
            target,
            host,
        } = self.read_target(parts)?;
        self.refuse_content(&parts.method, body)?;
        if let Some(status) = max_forwards(&parts.method, &mut parts.headers) {
            return Ok(Verdict::Answer(status));
        }
        let rewritable = self
            .rewrite_origin
            .as_ref()
            .and_then(|rule| Some((rule, rule.rewritable(parts)?)));
        // Grows at most once for what is added below.
        let added = self.forwarding.len() + self.edits.len() + 1;
        parts.headers.reserve(added);
        let scan = HeaderScan::of(&parts.headers);
        self.check_framing(&mut parts.headers, scan, body)?;
        let offer = hop_by_hop::strip_request(&mut parts.headers, scan);
        let mut context = self.introduce(parts, scan, public, host);
        self.map_addresses(&mut parts.headers, scan, &context)?;
        // Below this line nothing is refused: the log of a refusal has the public path from `parts.uri`.
        parts.uri = Uri::from(target);
        // RFC 9110 10.1.1: from a client of HTTP/1.0 it is ignored. Sent on, it would be the proxy's own, of HTTP/1.1.
        if scan.has(Field::Expect) && parts.version < Version::HTTP_11 {
            parts.headers.remove(header::EXPECT);
        }
        self.edits.apply_to_request(&mut parts.headers);
        // RFC 9110 7.8: an upgrade is of HTTP/1.1; with a body on its way there is nothing to switch.
        let upgrade = offer
            .upgrade
            .filter(|_| parts.version == Version::HTTP_11 && body.is_end_stream())
            .and_then(|protocols| upgrade::offer(&parts.method, &protocols))
            .or(bridged.as_ref().map(|_| websocket::PROTOCOL));
        set_connection(&mut parts.headers, upgrade.as_ref(), offer.trailers);
        context.upgrade = upgrade.map(|protocols| Box::new(Upgrade { protocols, bridged }));
        framing::announce_body(parts, scan, body);
        self.choose_host(parts, &mut context, only_host);
        if let Some((rule, origin)) = rewritable {
            context.origin = rule.choose(&parts.headers, &origin);
        }
        context.expects_continue = scan.has(Field::Expect) && expects_continue(&parts.headers);
        Ok(Verdict::Forward(context))
    }

    /// Reads the target and the host, and maps the one to the upstream's.
    fn read_target(&self, parts: &request::Parts) -> Result<Asked, ProxyErrorKind> {
        let asked_for = target::public_uri(parts)?;
        let public = target::public_path(&parts.method, &asked_for)?;
        if is_ambiguous(public.path()) {
            return Err(ProxyErrorKind::AmbiguousPath);
        }
        let map = &self.mount.map;
        let target = map
            .to_upstream(public)
            .ok_or(ProxyErrorKind::OutsidePrefix)?;
        let target = target.map_err(|_| ProxyErrorKind::TargetTooLong)?;
        let host = target::host(parts.version, &parts.uri, &parts.headers)?;
        // RFC 9112 3.2 refuses a request without a host. A request without a client, too, was made by the program
        // itself and not by a server: a test, as axum's own write it.
        let is_missing = host.is_none() && target::must_name_host(parts.version);
        if is_missing && peer_of(&parts.extensions).is_some() {
            return Err(ProxyErrorKind::MalformedHost);
        }
        Ok(Asked {
            public: public.clone(),
            target,
            host,
        })
    }

    fn refuse_content(&self, method: &Method, body: &impl Body) -> Result<(), ProxyErrorKind> {
        let is_unexpected = self.refuse_unexpected_content
            && !body.is_end_stream()
            && framing::gives_content_no_meaning(method);
        if is_unexpected {
            return Err(ProxyErrorKind::UnexpectedContent);
        }
        Ok(())
    }

    /// Refuses loops, and bodies of which nobody can tell where they end, or that are too long by their own word.
    fn check_framing(
        &self,
        headers: &mut HeaderMap,
        scan: HeaderScan,
        body: &impl Body,
    ) -> Result<(), ProxyErrorKind> {
        if scan.has(Field::Via) && self.via.is_loop(headers) {
            return Err(ProxyErrorKind::Loop);
        }
        framing::check_coding(headers, scan).map_err(Unsound::of_request)?;
        framing::settle_length(headers, scan).map_err(Unsound::of_request)?;
        // RFC 9112 6.3: beside a transfer coding a length means nothing, and is removed.
        if scan.has(Field::ContentLength) && !scan.has(Field::TransferEncoding) {
            self.check_length(headers, body)?;
        }
        Ok(())
    }

    /// Refuses a body before it is sent, if its head says a length above the limit, or another one than the body has.
    /// The bytes of a body that does not know its length are counted on their way.
    fn check_length(&self, headers: &HeaderMap, body: &impl Body) -> Result<(), ProxyErrorKind> {
        let Some(length) = framing::length(headers).map_err(Unsound::of_request)? else {
            return Ok(());
        };
        if self.max_body.is_some_and(|limit| length > limit) {
            return Err(ProxyErrorKind::BodyTooLarge);
        }
        let can_be = framing::can_be(body, length);
        can_be.then_some(()).ok_or(ProxyErrorKind::RequestBody)
    }

    /// Says who the client is and by what way the request came, and keeps what the way back needs.
    fn introduce(
        &self,
        parts: &mut request::Parts,
        scan: HeaderScan,
        public: PathAndQuery,
        host: Option<HeaderValue>,
    ) -> RequestContext {
        let peer = peer_of(&parts.extensions);
        let peer = peer.as_deref();
        let trusted = peer.is_some_and(|peer| self.trusts(peer.ip()));
        let headers = &mut parts.headers;
        let requester = peer.map(|peer| {
            let said = parts.extensions.get::<ClientAddr>().copied();
            let is_multiplexed = parts.version >= Version::HTTP_2;
            Requester::new(peer, trusted, said, is_multiplexed, || {
                client_address(peer.ip(), headers, |ip| self.trusts(ip))
            })
        });
        let believed = trusted.then_some(&*self.trusted_proxies);
        let outside = self
            .forwarding
            .apply(headers, scan, peer, believed, host.as_ref());
        fields::append_line(headers, header::VIA, self.via.received(parts.version));
        RequestContext {
            method: parts.method.clone(),
            public,
            id: self.id_of(headers).cloned().map(Box::new),
            requester,
            upgrade: None,
            error_reader: ErrorReader::of(parts),
            expects_continue: false,
            client_host: host,
            host: HostChoice::Upstream,
            origin: OriginChoice::AsItIs,
            outside,
        }
    }

    /// Maps the addresses that WebDAV has in a request.
    fn map_addresses(
        &self,
        headers: &mut HeaderMap,
        scan: HeaderScan,
        context: &RequestContext,
    ) -> Result<(), ProxyErrorKind> {
        if !scan.has(Field::WebDav) {
            return Ok(());
        }
        let mapper = AddressMapper {
            method: &context.method,
            map: &self.mount.map,
            outer: context.outer_prefix(),
            public_host: context.public_host(),
        };
        mapper.map_fields(headers)
    }

    /// Chooses the `Host` that the upstream sees, after a last look by the hook.
    fn choose_host(
        &self,
        parts: &mut request::Parts,
        context: &mut RequestContext,
        only_host: Option<&HeaderValue>,
    ) {
        if self.preserve_host {
            context.host = HostChoice::Client;
        }
        let Some(hook) = &self.map_request else {
            return;
        };
        let kept = context.client_host.as_ref().filter(|_| self.preserve_host);
        name_host_early(&mut parts.headers, kept.or(only_host));
        hook(parts);
        context.host = match parts.headers.get(header::HOST) {
            Some(host) => HostChoice::Hook(Box::new(host.clone())),
            None => HostChoice::Upstream,
        };
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

/// RFC 9110 10.1.1: the one expectation that there is. Of another one only the upstream can say what it is.
fn expects_continue(headers: &HeaderMap) -> bool {
    let expected = headers.get(header::EXPECT);
    expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
