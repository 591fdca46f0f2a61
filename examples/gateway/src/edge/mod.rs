//! The edge of a route: who the client is, how often it may ask, the id of its request, and the fields that each
//! answer gets. Off, it costs a request a few looks at empty options.

mod rate_limit;
pub mod request_id;
mod security;

use std::sync::Arc;

use http::header::{ORIGIN, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use ipnet::IpNet;
pub use rate_limit::{Quota, RateLimit, RateLimited};
use same_origin::guard::OwnOrigin;
use same_origin::proxy::{_outer_prefix, Body, ClientAddr, Peer};
pub use security::SecurityHeaders;

use crate::answer::{Reason, text};

/// The demands of a route on requests, and additions to its answers, before anything else of it.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    pub limit: Option<Arc<RateLimit>>,
    pub security: Option<Arc<SecurityHeaders>>,
    /// Whether requests have ids.
    pub ids: bool,
}

/// A request at the edge, and the additions to its answer.
pub struct Arrival {
    pub client: ClientAddr,
    /// The id of the request, if requests have ids.
    pub id: Option<HeaderValue>,
    pub security: Option<Arc<SecurityHeaders>>,
    /// Whether the client came by TLS, where that matters to the fields.
    pub is_secure: bool,
}

impl Edge {
    /// Looks at a request of `peer`, whose word is taken if it is one of the trusted ones.
    ///
    /// Its client is left in its extensions where it is not the peer: the proxy counts by it, and any layer may.
    pub fn arrive<B>(&self, peer: &Peer, trusted: &[IpNet], request: &mut Request<B>) -> Arrival {
        let is_trusted = is_in(trusted, peer);
        let client = if is_trusted {
            let client = ClientAddr::derive(peer, request.headers(), trusted);
            request.extensions_mut().insert(client);
            client
        } else {
            ClientAddr::new(peer.ip())
        };
        let id = self.ids.then(|| request_id::identify(request, is_trusted));
        let security = self.security.clone();
        // RFC 6797 7.2: never to a client without TLS, whatever its proxy speaks to us.
        let is_secure = security.is_some()
            && match is_trusted {
                true => OwnOrigin::forwarded(request.headers(), peer.is_secure()).is_secure(),
                false => peer.is_secure(),
            };
        Arrival {
            client,
            id,
            security,
            is_secure,
        }
    }

    /// The answer to a client that asks too often. `answers_preflights`: a policy does, without asking anybody.
    pub fn refusal<B>(
        &self,
        client: ClientAddr,
        request: &Request<B>,
        answers_preflights: bool,
    ) -> Option<Response<Body>> {
        let limit = self.limit.as_ref()?;
        // A browser sends them by itself, so that a page would get half as many requests as were allowed, and
        // could not read why. They cost no upstream anything.
        if answers_preflights && is_cors_preflight(request) {
            return None;
        }
        let wait = limit.check(client.ip()).err()?;
        let mut response = text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n");
        // RFC 9110 10.2.3: whole seconds, and never so few that the next request is refused, too.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        let reason = "the client is above its rate limit".to_owned();
        response.extensions_mut().insert(Reason(reason));
        response.extensions_mut().insert(RateLimited);
        Some(response)
    }
}

impl Arrival {
    /// Gives the answer its fields. Those that the upstream has set stay, but for the id, which is the request's.
    pub fn give(self, headers: &mut HeaderMap) {
        if let Some(id) = self.id {
            let _full = headers.try_insert(request_id::NAME, id);
        }
        if let Some(security) = &self.security {
            security.set_missing(headers, self.is_secure);
        }
    }
}

/// The prefix that a trusted peer took away, which a browser has before each path of an answer; empty if there is none.
pub fn outer_prefix<'a>(peer: &Peer, trusted: &[IpNet], headers: &'a HeaderMap) -> &'a str {
    // The field first: it is hardly ever there.
    match _outer_prefix(headers) {
        prefix if !prefix.is_empty() && is_in(trusted, peer) => prefix,
        _ => "",
    }
}

fn is_in(trusted: &[IpNet], peer: &Peer) -> bool {
    let ip = peer.ip().to_canonical();
    trusted.iter().any(|network| network.contains(&ip))
}

/// Fetch #cors-preflight-request, as a policy reads it.
fn is_cors_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    *request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(http::header::ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hsts_is_for_clients_with_tls_whatever_their_proxy_speaks() {
        let edge = Edge {
            security: Some(Arc::default()),
            ..Edge::default()
        };
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        for (peer, is_by_tls, told, is_secure) in [
            ("10.0.0.1:1", true, Some("http"), false),
            ("10.0.0.1:1", true, Some("https"), true),
            ("10.0.0.1:1", false, Some("https"), true),
            ("10.0.0.1:1", true, None, true),
            ("10.0.0.1:1", false, None, false),
            ("192.0.2.1:1", true, Some("http"), true),
            ("192.0.2.1:1", false, Some("https"), false),
        ] {
            let peer = Peer::new(peer.parse().unwrap()).secure(is_by_tls);
            let mut request = Request::new(());
            if let Some(told) = told {
                let told = HeaderValue::from_static(told);
                request.headers_mut().insert("x-forwarded-proto", told);
            }
            let arrival = edge.arrive(&peer, &trusted, &mut request);
            assert_eq!(arrival.is_secure, is_secure, "{peer:?} {told:?}");
        }
    }
}
