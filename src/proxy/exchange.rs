//! One request, on its way to an upstream and back.

use crate::proxy::body::Body;
use crate::proxy::body::upload::{AbandonOnDrop, Progress, Upload};
use crate::proxy::client::{Client, ClientError};
use crate::proxy::error::{BoxError, ProxyError, ProxyErrorKind};
use crate::proxy::plan::Plan;
use crate::proxy::request::{RequestContext, Upgrade};
use crate::proxy::trace::Trace;
use crate::proxy::tunnel::TunnelSlot;
use crate::proxy::upstream::member::{InFlight, Member};
use crate::proxy::wire::upgrade::is_offered;
use crate::proxy::wire::websocket;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;
use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use tower_service::Service;

/// One request, from its rewritten head to the head of its response.
pub(crate) struct Exchange {
    plan: Arc<Plan>,
    context: RequestContext,
    trace: Trace,
    upload: Option<Arc<Progress>>,
}

impl Exchange {
    pub(crate) fn new(plan: Arc<Plan>, context: RequestContext, trace: Trace) -> Self {
        Self {
            plan,
            context,
            trace,
            upload: None,
        }
    }

    /// The request is boxed once, because each future on the way would hold it by value, twice. A block
    /// that captures, unlike a function that is `async`, holds the rest only once.
    #[expect(clippy::manual_async_fn, reason = "half the size")]
    pub(crate) fn run<C, CB>(
        mut self,
        mut client: C,
        mut request: Box<Request<Body>>,
    ) -> impl Future<Output = Response<Body>> + Send
    where
        C: Service<Request<Body>, Response = Response<CB>> + Send + 'static,
        C::Future: Send,
        C::Error: Into<BoxError>,
        CB: http_body::Body<Data = Bytes> + Send + 'static,
        CB::Error: Into<BoxError>,
    {
        async move {
            let client_upgrade = request.extensions_mut().remove::<OnUpgrade>();
            let tunnel_slot = match &self.context.upgrade {
                None => None,
                Some(_) => match self.plan.tunnels.slots.take() {
                    None => return self.failed(ProxyErrorKind::Overloaded.into()),
                    slot => slot,
                },
            };
            let expects_continue = self.context.expects_continue;
            if !request.body().is_end_stream() {
                self.upload = Some(watch(&mut request, &self.plan, expects_continue));
            }
            let mut in_flight = None;
            let answered = match self.plan.upstreams.only() {
                Some(only) => self.carry(&mut client, request, only).await,
                None => self.balance(&mut client, request, &mut in_flight).await,
            };
            let mut response = match answered {
                Ok(response) => response,
                Err(failed) => return self.failed(failed.into()),
            };
            self.trace.answered(response.status());
            let switched = match self.plan.response.apply(&mut response, &self.context) {
                Ok(switched) => switched,
                Err(kind) => return self.failed(ProxyError::new(kind, true, "unsound framing")),
            };
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                return self.switch(response, switched, client_upgrade, tunnel_slot);
            }
            // RFC 8441 5: to a client that asked by CONNECT any 2xx says that the tunnel is open.
            let is_bridged = |upgrade: &Upgrade| upgrade.bridged.is_some();
            if self.context.upgrade.as_deref().is_some_and(is_bridged)
                && response.status().is_success()
            {
                return self.unexpected("no 101 for a WebSocket");
            }
            response.map(|mut body| {
                if let Some(in_flight) = in_flight {
                    body = body.guarded(in_flight);
                }
                match self.upload {
                    Some(progress) if expects_continue => body.guarded(AbandonOnDrop(progress)),
                    _ => body,
                }
            })
        }
    }

    /// Sends a request to the upstream that is chosen; to another one if that cannot be connected to.
    async fn balance<C, CB>(
        &self,
        client: &mut C,
        mut request: Box<Request<Body>>,
        chosen: &mut Option<InFlight>,
    ) -> Result<Response<Body>, ClientError>
    where
        C: Service<Request<Body>, Response = Response<CB>> + 'static,
        C::Error: Into<BoxError>,
        CB: http_body::Body<Data = Bytes> + Send + 'static,
        CB::Error: Into<BoxError>,
    {
        let upstreams = &self.plan.upstreams;
        let mut times = 0;
        loop {
            times += 1;
            let picked = match upstreams.pick() {
                None => Box::pin(upstreams.pick_late()).await,
                picked => picked,
            };
            let Some(in_flight) = picked else {
                return Err(ProxyError::refused(upstreams.why_none()).into());
            };
            let member = in_flight.member();
            match self.carry(client, request, member).await {
                Ok(response) => {
                    member.succeeded();
                    *chosen = Some(in_flight);
                    return Ok(response);
                }
                Err(failed) if failed.kind().is_connect() => {
                    upstreams.failed(&in_flight);
                    match failed.into_unsent() {
                        (_, Some(unsent)) if upstreams.may_go_on(&in_flight, times) => {
                            request = unsent
                        }
                        (error, _) => return Err(error.into()),
                    }
                }
                failed => return failed,
            }
        }
    }

    /// Gives a request to the client, and waits for the response's head or until the response timeout
    /// is over, which does not run while a body is being uploaded.
    #[expect(clippy::manual_async_fn, reason = "half the size, as above")]
    fn carry<C, CB>(
        &self,
        client: &mut C,
        mut request: Box<Request<Body>>,
        to: &Member,
    ) -> impl Future<Output = Result<Response<Body>, ClientError>>
    where
        C: Service<Request<Body>, Response = Response<CB>> + 'static,
        C::Error: Into<BoxError>,
        CB: http_body::Body<Data = Bytes> + Send + 'static,
        CB::Error: Into<BoxError>,
    {
        async move {
            self.trace.upstream(&to.upstream);
            self.context
                .name_host(request.headers_mut(), to.upstream.destination.host_value());
            let deadline = &self.plan.response_deadline;
            let upload = self.upload.as_deref();
            let goes_on = || upload.is_some_and(Progress::has_moved);
            // Our own client needs no URI to know the upstream's connections by, and its future is part
            // of this one; as a service's it would be a box of its own.
            if let Some(own) = (client as &mut dyn Any).downcast_mut::<Client>() {
                let asks_upgrade = self.context.upgrade.is_some();
                let answer = pin!(own.forward(request, &to.connect_to, asks_upgrade));
                return deadline.bound(answer, goes_on).await;
            }
            let answer = pin!(call(client, request, to));
            deadline.bound(answer, goes_on).await
        }
    }

    /// RFC 9110 7.8, 15.2.2: opens the tunnel if what the upstream switches to was offered to it.
    fn switch(
        self,
        response: Response<Body>,
        switched: Option<HeaderValue>,
        client_upgrade: Option<OnUpgrade>,
        slot: Option<TunnelSlot>,
    ) -> Response<Body> {
        let mut response = response.map(|_| Body::empty());
        let upstream_upgrade = response.extensions_mut().remove::<OnUpgrade>();
        let (Some(offered), Some(chosen)) = (self.context.upgrade.as_deref(), switched) else {
            return self.unexpected("101 without being asked");
        };
        let (Some(client), Some(upstream)) = (client_upgrade, upstream_upgrade) else {
            return self.unexpected("101 on a connection that cannot be taken over");
        };
        if !is_offered(&offered.protocols, &chosen) {
            return self.unexpected("101 to another protocol");
        }
        match &offered.bridged {
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
        let tunnels = &self.plan.tunnels;
        tunnels.open.spawn(client, upstream, tunnels.idle, slot);
        response
    }

    fn unexpected(&self, what: &'static str) -> Response<Body> {
        self.failed(ProxyError::new(ProxyErrorKind::UpgradeFailed, true, what))
    }

    fn failed(&self, error: ProxyError) -> Response<Body> {
        self.trace.failed(&error, self.plan.upstreams.first());
        self.plan.failed(error, &self.context)
    }
}

/// Gives a request to a client that is not our own, and tells it where to connect if that is known.
async fn call<C, CB>(
    client: &mut C,
    mut request: Box<Request<Body>>,
    to: &Member,
) -> Result<Response<Body>, ClientError>
where
    C: Service<Request<Body>, Response = Response<CB>>,
    C::Error: Into<BoxError>,
    CB: http_body::Body<Data = Bytes> + Send + 'static,
    CB::Error: Into<BoxError>,
{
    to.upstream.locate(request.uri_mut());
    request.extensions_mut().insert(to.connect_to.clone());
    // A clone has to be asked for its own readiness.
    poll_fn(|cx| client.poll_ready(cx).map_err(ClientError::from_client)).await?;
    let answered = client.call(*request).await;
    answered
        .map(|response| response.map(Body::new))
        .map_err(ClientError::from_client)
}

/// Bounds and watches a request's body, and holds it back while its client waits for `100 Continue`
/// (RFC 9110 10.1.1).
fn watch(request: &mut Request<Body>, plan: &Plan, expects_continue: bool) -> Arc<Progress> {
    let body = std::mem::take(request.body_mut());
    let (mut upload, progress) = Upload::new(body, plan.request.max_body, expects_continue);
    upload.withheld = Some(Arc::clone(&plan.request.remove_request_headers));
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
