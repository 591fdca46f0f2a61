//! The way of a request to its upstream: the only one, or one that is chosen from several.

use std::sync::Arc;

use http::{Request, Response};

use super::{Exchange, Held};
use crate::proxy::body::Body;
use crate::proxy::client::ClientError;
use crate::proxy::deadline::HeadTimeout;
use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::share::Places;
use crate::proxy::trace;
use crate::proxy::transport::Transport;
use crate::proxy::upstream::member::{InFlight, Member, Tried};

impl Exchange {
    /// Sends the request to the only upstream, or to one that is chosen; to another one if it could not be sent
    /// to that.
    pub(super) async fn send<T: Transport>(
        &mut self,
        transport: &mut T,
        request: Box<Request<Body>>,
    ) -> Result<(Response<Body>, Held), ProxyError> {
        let Some(only) = self.plan.upstreams.only() else {
            return Box::pin(self.balance(transport, request)).await;
        };
        let places = self.admit(only).await?;
        let response = self.carry(transport, request, only).await?;
        let held = Held {
            _places: places,
            in_flight: None,
        };
        Ok((response, held))
    }

    async fn balance<T: Transport>(
        &mut self,
        transport: &mut T,
        mut request: Box<Request<Body>>,
    ) -> Result<(Response<Body>, Held), ProxyError> {
        let plan = Arc::clone(&self.plan);
        let upstreams = &plan.upstreams;
        let (mut tried, mut reason) = (Tried::default(), None);
        // Fields that a layer has added (a cache its conditions, for instance) are meant for the upstream that they
        // were sent to.
        let is_altered = transport.may_alter() && self.upload.is_none();
        let original = is_altered.then(|| copy_of(&request));
        loop {
            let may_probe = self.upload.is_none();
            let picked = match upstreams.pick(&tried, may_probe) {
                None => upstreams.pick_late(&tried, may_probe).await,
                picked => picked,
            };
            let mut in_flight =
                picked.ok_or_else(|| reason.unwrap_or_else(|| upstreams.why_none()))?;
            let member = in_flight.member();
            self.tried = Some(member.upstream.destination.authority().clone());
            let places = self.admit(member).await?;
            match self.carry(transport, request, member).await {
                Ok(response) => {
                    if in_flight.answered() {
                        trace::serves_again(&plan, in_flight.member());
                    }
                    let held = Held {
                        _places: places,
                        in_flight: Some(in_flight),
                    };
                    return Ok((response, held));
                }
                Err(failed) => {
                    let (error, unsent) = self.moved(failed, &in_flight, &tried)?;
                    request = original.as_deref().map_or(unsent, copy_of);
                    // Where none could be connected to, the list is the reason, and this one its cause.
                    reason = Some(error).filter(|error| !error.kind().is_connect());
                    tried.add(&in_flight);
                }
            }
        }
    }

    /// The request that one upstream has not got, for another one, and why; or the error, if it cannot go on.
    fn moved(
        &self,
        failed: ClientError,
        at: &InFlight,
        tried: &Tried,
    ) -> Result<(ProxyError, Box<Request<Body>>), ProxyError> {
        let upstreams = &self.plan.upstreams;
        if !self.failed_by_its_client() {
            if let Some(pause) = upstreams.failed(at, failed.error()) {
                trace::set_aside(&self.plan, at.member(), failed.error(), pause);
            }
        }
        // A request that found no place has waited as long as it may, at the less loaded of two upstreams. A request
        // that the program has made wrong is wrong for all of them.
        let is_movable = !matches!(
            failed.kind(),
            ProxyErrorKind::Overloaded | ProxyErrorKind::UnsendableRequest
        );
        match failed.into_unsent() {
            (error, Some(unsent)) if is_movable && upstreams.may_go_on(at, tried) => {
                Ok((error, unsent))
            }
            (error, _) => Err(error),
        }
    }

    /// Returns whether the request's body is the reason why there is not an answer.
    fn failed_by_its_client(&self) -> bool {
        let upload = self.upload.as_deref();
        upload.is_some_and(|upload| upload.failure().is_some())
    }

    /// A place at an upstream of the share that the client has of them.
    async fn admit(&self, at: &Member) -> Result<Places, ProxyError> {
        let requester = self.context.requester.as_ref();
        self.plan.shares.admit(at, requester).await
    }

    /// Gives the request to the transport, which waits for the response's head until the response timeout is over.
    async fn carry<T: Transport>(
        &self,
        transport: &mut T,
        mut request: Box<Request<Body>>,
        to: &Member,
    ) -> Result<Response<Body>, ClientError> {
        self.trace.upstream(&to.upstream);
        self.context
            .name_host(request.headers_mut(), to.upstream.destination.host_value());
        let asks_upgrade = self.context.upgrade.is_some();
        let head = HeadTimeout {
            timeout: self.plan.response_timeout,
            upload: self.upload.as_ref(),
        };
        transport.carry(request, to, asks_upgrade, head).await
    }
}

/// A request without a body once more.
fn copy_of(request: &Request<Body>) -> Box<Request<Body>> {
    let mut copy = Box::new(Request::new(Body::empty()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}
