//! The head of a request, on its way in.
//!
//! The order of the steps is the design: the target, then hop-by-hop fields out, then what the proxy says of
//! the client, then `Host`, then the user's hook, so that nothing that a client sends can undo what a later
//! step sets. All of it is decided from the head alone. Only the `Host` of one of several upstreams has to
//! wait until that one is chosen.

pub(crate) mod client;
pub(crate) mod error_reader;
pub(crate) mod forwarded;
pub(crate) mod origin;
pub(crate) mod peer;
mod rewrite;
pub(crate) mod target;
pub(crate) mod webdav;

use std::net::IpAddr;
use std::sync::Arc;

use client::{Requester, is_in};
use error_reader::ErrorReader;
use forwarded::{Forwarding, Outside};
use http::header::{CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, StatusCode, request};
use http_body::Body;
use ipnet::IpNet;
use origin::{OriginChoice, OriginRule};

use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::Mount;
use crate::proxy::wire::edits::FieldEdits;
use crate::proxy::wire::framing;
use crate::proxy::wire::host::set_host;
use crate::proxy::wire::via::Via;
use crate::proxy::wire::websocket;

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
    /// The method that the client asked for, for logs.
    pub(crate) method: Method,
    /// The path that the client asked for.
    pub(crate) public: PathAndQuery,
    /// The value that tells the request from others, for logs. Rare, as below.
    pub(crate) id: Option<Box<HeaderValue>>,
    /// The client, if it is known.
    pub(crate) requester: Option<Requester>,
    /// The protocols that the upstream may switch to, if any. Rare, so in a box that takes no room if it is
    /// not there.
    pub(crate) upgrade: Option<Box<Upgrade>>,
    /// The kind of the request, on which the content of an error depends.
    pub(crate) error_reader: ErrorReader,
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
    /// As the hook has set it.
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
    /// Whether no answer has content (RFC 9110 9.3.2).
    pub(crate) fn is_head(&self) -> bool {
        self.error_reader == ErrorReader::Head
    }

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

    /// Whether only the first bytes of a body, or its end, tell that a request is refused for having one. A client that
    /// asks whether to send it (RFC 9110 10.1.1) is not told to.
    pub(crate) fn waits_for_content<B: Body>(&self, request: &Request<B>) -> bool {
        let length = request.headers().get(CONTENT_LENGTH);
        self.refuse_unexpected_content
            && framing::gives_content_no_meaning(request.method())
            && !request.body().is_end_stream()
            && length.is_none_or(|length| length == "0")
            && !request.headers().contains_key(EXPECT)
    }

    /// The value that tells a request from others, if it has one.
    pub(crate) fn id_of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        headers.get(self.id.as_ref()?)
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        is_in(&self.trusted_proxies, ip)
    }
}
