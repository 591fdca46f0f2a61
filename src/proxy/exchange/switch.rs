//! The switch to another protocol after a `101`: whether it was offered, and what the client is told.

use http::Response;
use http::header::{self, HeaderValue};
use hyper::upgrade::OnUpgrade;

use crate::proxy::body::Body;
use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::request::Upgrade;
use crate::proxy::tunnel::{HeldByTunnel, Spoken, TunnelSlot};
use crate::proxy::wire::upgrade::is_offered;
use crate::proxy::wire::websocket;

/// The client's side of a tunnel, if one was asked for.
#[derive(Default)]
pub(super) struct ClientSide {
    pub(super) upgrade: Option<OnUpgrade>,
    pub(super) slot: Option<TunnelSlot>,
    pub(super) held: Option<HeldByTunnel>,
}

/// The two ends of a tunnel, which may be opened.
pub(super) struct Ends {
    pub(super) client: OnUpgrade,
    pub(super) upstream: OnUpgrade,
    pub(super) spoken: Spoken,
    /// The places that the tunnel takes while it is open.
    pub(super) held: (Option<TunnelSlot>, Option<HeldByTunnel>),
}

impl ClientSide {
    /// RFC 9110 7.8, 15.2.2: the ends of the tunnel, if what the upstream switches to was offered to it. The response
    /// then says so to the client.
    pub(super) fn switch(
        self,
        response: &mut Response<Body>,
        to: HeaderValue,
        offered: Option<&Upgrade>,
    ) -> Result<Ends, ProxyError> {
        let Some(offered) = offered else {
            return Err(unexpected("101 without being asked"));
        };
        let upstream = response.extensions_mut().remove::<OnUpgrade>();
        let (Some(client), Some(upstream)) = (self.upgrade, upstream) else {
            return Err(unexpected("101 on a connection that cannot be taken over"));
        };
        if !is_offered(&offered.protocols, &to) {
            return Err(unexpected("101 to another protocol"));
        }
        let spoken = if to.as_bytes().eq_ignore_ascii_case(b"websocket") {
            Spoken::WebSocket
        } else {
            Spoken::Other
        };
        match &offered.bridged {
            Some(handshake) if !handshake.is_proved_by(response.headers()) => {
                return Err(unexpected("101 without the proof of a WebSocket"));
            }
            Some(_) => websocket::to_http2(response),
            None => {
                let headers = response.headers_mut();
                headers.insert(header::UPGRADE, to);
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            }
        }
        Ok(Ends {
            client,
            upstream,
            spoken,
            held: (self.slot, self.held),
        })
    }
}

/// The error of an upstream that switches where it must not, or does not where it must.
pub(super) fn unexpected(what: &'static str) -> ProxyError {
    ProxyError::new(ProxyErrorKind::UpgradeFailed, true, what)
}
