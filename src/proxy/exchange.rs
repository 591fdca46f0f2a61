//! One request, on its way to an upstream and back.

use super::balance::{InFlight, Member};
use super::body::Body;
use super::client::{Client, ClientError};
use super::error::{BoxError, ErrorKind, ProxyError};
use super::head::{Outgoing, Proxying};
use super::trace::Trace;
use super::upgrade::TunnelSlot;
use super::upload::{AbandonOnDrop, Progress, Upload};
use super::{upgrade, websocket};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;
use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use tower_service::Service;

/// One request, from its rewritten head to the head of its response.
pub(crate) struct Exchange<C> {
    pub(crate) proxying: Arc<Proxying>,
    pub(crate) client: C,
    pub(crate) trace: Trace,
}

impl<C, CB> Exchange<C>
where
    C: Service<Request<Body>, Response = Response<CB>> + Clone + Send + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    CB: http_body::Body<Data = Bytes> + Send + 'static,
    CB::Error: Into<BoxError>,
{
    /// The request is boxed once, because each future on the way would hold it by value, twice.
    pub(crate) async fn run(
        mut self,
        mut request: Box<Request<Body>>,
        outgoing: Outgoing,
    ) -> Response<Body> {
        let client_upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let tunnel_slot = match &outgoing.upgrade {
            None => None,
            Some(_) => match self.proxying.tunnel_slots.take() {
                None => return self.failed(ErrorKind::Overloaded.into()),
                slot => slot,
            },
        };
        let expects_continue = outgoing.expects_continue;
        let mut upload = None;
        if !request.body().is_end_stream() {
            let limit = self.proxying.max_request_body;
            let progress = watch(&mut request, limit, expects_continue);
            upload = Some(progress);
        }
        let (mut response, in_flight) = match self.send(request, &outgoing, upload.as_deref()).await
        {
            Ok(answered) => answered,
            Err(error) => return self.failed(error),
        };
        self.trace.answered(response.status());
        let version = response.version();
        let switched = self.proxying.response(version, response.headers_mut());
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(response, outgoing, switched, client_upgrade, tunnel_slot);
        }
        // RFC 8441 5: to a client that asked by CONNECT any 2xx says that the tunnel is open.
        if outgoing.bridged.is_some() && response.status().is_success() {
            return self.unexpected("no 101 for a WebSocket");
        }
        response.map(|mut body| {
            if let Some(in_flight) = in_flight {
                body = body.guarded(in_flight);
            }
            match upload {
                Some(progress) if expects_continue => body.guarded(AbandonOnDrop(progress)),
                _ => body,
            }
        })
    }

    /// Sends a request to an upstream; to another one if the first cannot be connected to.
    async fn send(
        &mut self,
        mut request: Box<Request<Body>>,
        outgoing: &Outgoing,
        upload: Option<&Progress>,
    ) -> Result<(Response<Body>, Option<InFlight>), ProxyError> {
        let upstreams = &self.proxying.upstreams;
        if let Some(only) = upstreams.only() {
            self.address(&mut request, only, outgoing);
            let answer = pin!(carry(&mut self.client, request, only, outgoing));
            let response = self.proxying.in_time(answer, upload).await?;
            return Ok((response, None));
        }
        let mut times = 0;
        loop {
            times += 1;
            let picked = match upstreams.pick() {
                None => Box::pin(upstreams.pick_late()).await,
                picked => picked,
            };
            let Some(in_flight) = picked else {
                return Err(ProxyError::refused(upstreams.why_none()));
            };
            let member = in_flight.member();
            self.address(&mut request, member, outgoing);
            let answered = {
                let answer = pin!(carry(&mut self.client, request, member, outgoing));
                self.proxying.in_time(answer, upload).await
            };
            match answered {
                Ok(response) => {
                    member.succeeded();
                    return Ok((response, Some(in_flight)));
                }
                Err(failed) if failed.kind().is_connect() => {
                    upstreams.failed(&in_flight);
                    match failed.into_parts() {
                        (_, Some(unsent)) if upstreams.may_go_on(&in_flight, times) => {
                            request = unsent
                        }
                        (error, _) => return Err(error),
                    }
                }
                Err(failed) => return Err(failed.into()),
            }
        }
    }

    fn address(&self, request: &mut Request<Body>, to: &Member, outgoing: &Outgoing) {
        self.trace.upstream(&to.upstream);
        outgoing.name_host(request.headers_mut(), &to.upstream);
    }

    /// RFC 9110 7.8, 15.2.2: opens the tunnel if what the upstream switches to was offered to it.
    fn switch(
        self,
        response: Response<Body>,
        outgoing: Outgoing,
        switched: Option<HeaderValue>,
        client_upgrade: Option<OnUpgrade>,
        slot: Option<TunnelSlot>,
    ) -> Response<Body> {
        let mut response = response.map(|_| Body::empty());
        let upstream_upgrade = response.extensions_mut().remove::<OnUpgrade>();
        let (Some(offered), Some(chosen)) = (outgoing.upgrade, switched) else {
            return self.unexpected("101 without being asked");
        };
        let (Some(client), Some(upstream)) = (client_upgrade, upstream_upgrade) else {
            return self.unexpected("101 on a connection that cannot be taken over");
        };
        if !upgrade::is_offered(&offered, &chosen) {
            return self.unexpected("101 to another protocol");
        }
        match outgoing.bridged {
            Some(handshake) if !handshake.is_proved_by(response.headers()) => {
                return self.unexpected("101 without the proof of a WebSocket");
            }
            Some(_) => websocket::to_http2(&mut response),
            None => {
                let headers = response.headers_mut();
                headers.insert(header::UPGRADE, chosen);
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            }
        }
        let idle = self.proxying.tunnel_idle;
        self.proxying.tunnels.spawn(client, upstream, idle, slot);
        response
    }

    fn unexpected(&self, what: &'static str) -> Response<Body> {
        self.failed(ProxyError::new(ErrorKind::UpgradeFailed, true, what))
    }

    fn failed(&self, error: ProxyError) -> Response<Body> {
        self.trace.failed(&error, self.proxying.upstreams.first());
        self.proxying.error_response(error)
    }
}

impl Proxying {
    /// Until the response's head, or the response timeout, which does not run while a body is being
    /// uploaded.
    async fn in_time(
        &self,
        answer: Pin<&mut impl Future<Output = Result<Response<Body>, ClientError>>>,
        upload: Option<&Progress>,
    ) -> Result<Response<Body>, ClientError> {
        let goes_on = || upload.is_some_and(Progress::has_moved);
        match self.response_deadline.bound(answer, goes_on).await {
            Ok(answered) => answered,
            Err(late) => Err(ProxyError::new(ErrorKind::ResponseTimeout, true, late).into()),
        }
    }
}

/// Gives a request to the client service, which is told where to connect if that is known.
async fn carry<C, CB>(
    client: &mut C,
    mut request: Box<Request<Body>>,
    to: &Member,
    outgoing: &Outgoing,
) -> Result<Response<Body>, ClientError>
where
    C: Service<Request<Body>, Response = Response<CB>> + 'static,
    C::Error: Into<BoxError>,
    CB: http_body::Body<Data = Bytes> + Send + 'static,
    CB::Error: Into<BoxError>,
{
    // Our own client needs no URI to know the upstream's connections by, and its future is part of this
    // one; as a service's it would be a box of its own.
    if let Some(client) = (client as &mut dyn Any).downcast_mut::<Client>() {
        let asks_upgrade = outgoing.upgrade.is_some();
        return client.forward(request, &to.way, asks_upgrade).await;
    }
    to.upstream.locate(request.uri_mut());
    if let Some(place) = to.way.place() {
        request.extensions_mut().insert(place.clone());
    }
    // A clone has to be asked for its own readiness.
    poll_fn(|cx| client.poll_ready(cx).map_err(ClientError::from_client)).await?;
    let answered = client.call(*request).await;
    answered
        .map(|response| response.map(Body::new))
        .map_err(ClientError::from_client)
}

/// Bounds and watches a request's body, and holds it back while its client waits for `100 Continue`
/// (RFC 9110 10.1.1).
fn watch(request: &mut Request<Body>, limit: Option<u64>, expects_continue: bool) -> Arc<Progress> {
    let body = std::mem::take(request.body_mut());
    let (mut upload, progress) = Upload::new(body, limit, expects_continue);
    upload.is_stream = request.version() == Version::HTTP_2;
    *request.body_mut() = Body::from(upload);
    if expects_continue {
        let progress = Arc::clone(&progress);
        hyper::ext::on_informational(request, move |response| {
            if response.status() == StatusCode::CONTINUE {
                progress.open();
            }
        });
    }
    progress
}
