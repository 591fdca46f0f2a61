//! One request, on its way to an upstream and back: prepare, send, answer the head, then switch protocols
//! or hand on the body.

mod connection;
mod send;
mod switch;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::uri::Authority;
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;

use self::connection::{announce_close, announce_upgrade, refuse_challenge};
use self::switch::{ClientSide, Ends, unexpected};
use crate::fields;
use crate::own::own_values;
use crate::proxy::body::Body;
use crate::proxy::body::download::Hold;
use crate::proxy::body::unread::Unread;
use crate::proxy::body::upload::{Progress, Upload, UploadRules};
use crate::proxy::error::{ProxyError, ProxyErrorKind};
use crate::proxy::plan::Plan;
use crate::proxy::request::RequestContext;
use crate::proxy::share::Places;
use crate::proxy::trace::Trace;
use crate::proxy::transport::Transport;
use crate::proxy::tunnel::HeldByTunnel;
use crate::proxy::upstream::answered_by::AnsweredBy;
use crate::proxy::upstream::member::InFlight;
use crate::proxy::wire::framing;

/// The answer to a request: an exchange with an upstream, or a response that is known already. Boxed once,
/// because every server and layer around it moves it about; `benches/README.md` says how large it may be.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// One request, from its rewritten head to the head of its response.
pub(crate) struct Exchange {
    plan: Arc<Plan>,
    context: RequestContext,
    trace: Trace,
    version: Version,
    upload: Option<Arc<Progress>>,
    /// The upstream of several that was tried last, for logs.
    tried: Option<Authority>,
}

/// The request's share of its upstream, held until the last byte of the response is here, and of the request is out.
struct Held {
    _places: Places,
    in_flight: Option<InFlight>,
}

/// An exchange whose response is under way.
struct UnderWay {
    exchange: Box<Exchange>,
    held: Option<Held>,
}

impl Exchange {
    /// Boxed, as the request is: a future holds what it is given twice, and each one on the way does.
    pub(crate) fn new(
        plan: Arc<Plan>,
        context: RequestContext,
        trace: Trace,
        version: Version,
    ) -> Box<Self> {
        Box::new(Self {
            plan,
            context,
            trace,
            version,
            upload: None,
            tried: None,
        })
    }

    pub(crate) async fn run<T: Transport>(
        mut self: Box<Self>,
        mut transport: T,
        mut request: Box<Request<Body>>,
    ) -> Response<Body> {
        let client = match self.prepare(&mut request, &transport) {
            Ok(client) => client,
            Err(error) => return self.failed(error),
        };
        let (mut response, held) = match self.send(&mut transport, request).await {
            Ok(answered) => answered,
            Err(error) => return self.failed(error),
        };
        self.tell_upstream(&mut response);
        let may_alter = transport.may_alter();
        drop(transport);
        let answered = match self.answer(&mut response, may_alter) {
            Ok(answered) => answered,
            Err(error) => return self.failed(error),
        };
        match answered {
            Answered::Switched(to) => {
                match client.switch(&mut response, to, self.context.upgrade.as_deref()) {
                    Ok(ends) => {
                        self.open_tunnel(ends, held);
                        response.map(|_| Body::empty())
                    }
                    Err(error) => self.failed(error),
                }
            }
            Answered::Final => self.hand_on(response, held),
        }
    }

    /// Takes what a tunnel will need, and watches the request's body.
    fn prepare<T: Transport>(
        &mut self,
        request: &mut Request<Body>,
        transport: &T,
    ) -> Result<ClientSide, ProxyError> {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        // The hook has the last word on the head, and may have said what is not so.
        if self.plan.request.map_request.is_some() {
            framing::agree(request).map_err(|wrong| {
                ProxyError::new(ProxyErrorKind::UnsendableRequest, false, wrong)
            })?;
        }
        if !request.body().is_end_stream() {
            self.upload = Some(self.watch(request, transport.tells_when_sent()));
        }
        if self.context.upgrade.is_none() {
            return Ok(ClientSide::default());
        }
        let requester = self.context.requester.as_ref();
        let slot = self.plan.tunnels.slots.take(requester)?;
        Ok(ClientSide {
            upgrade,
            slot: Some(slot),
            held: request.extensions_mut().remove::<HeldByTunnel>(),
        })
    }

    /// Bounds and watches a request's body, and holds it back while its client waits for `100 Continue`
    /// (RFC 9110 10.1.1).
    fn watch(&self, request: &mut Request<Body>, is_told_when_sent: bool) -> Arc<Progress> {
        let rules = UploadRules {
            limit: self.plan.request.max_body,
            announced: framing::length(request.headers()).unwrap_or_default(),
            expects_continue: self.context.expects_continue,
            is_told_when_sent,
            is_stream: self.is_http2(),
            withheld: Arc::clone(self.plan.request.edits.removed()),
            patience: self.plan.client_timeout,
        };
        let (upload, progress) = Upload::new(std::mem::take(request.body_mut()), rules);
        *request.body_mut() = Body::own(upload);
        if self.context.expects_continue {
            let progress = Arc::clone(&progress);
            hyper::ext::on_informational(request, move |response| {
                if response.status() == StatusCode::CONTINUE {
                    progress.open();
                }
            });
        }
        progress
    }

    /// Rewrites the response's head. `may_alter`: a layer may have given it another body, or made it up.
    fn answer(
        &self,
        response: &mut Response<Body>,
        may_alter: bool,
    ) -> Result<Answered, ProxyError> {
        self.trace.answered(response.status());
        refuse_challenge(response.status())?;
        let ends_connection = self.ends_connection(response);
        let switched = self.plan.response.apply(response, &self.context);
        let switched = switched.map_err(|kind| ProxyError::new(kind, true, "unsound framing"))?;
        if may_alter && !self.is_as_long_as_told(response) {
            let wrong = "the response's body is not as long as its Content-Length";
            let kind = ProxyErrorKind::MalformedResponse;
            return Err(ProxyError::new(kind, true, wrong));
        }
        if self.is_http2() {
            own_values(response.headers_mut());
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return match switched {
                Some(to) => Ok(Answered::Switched(to)),
                None => Err(unexpected("101 without a protocol")),
            };
        }
        // RFC 8441 5: to a client that asked by CONNECT any 2xx says that the tunnel is open.
        let upgrade = self.context.upgrade.as_deref();
        let is_bridged = upgrade.is_some_and(|upgrade| upgrade.bridged.is_some());
        if is_bridged && response.status().is_success() {
            return Err(unexpected("no 101 for a WebSocket"));
        }
        if self.version == Version::HTTP_11 {
            announce_upgrade(response, switched.as_ref());
        }
        if ends_connection {
            announce_close(response);
        }
        Ok(Answered::Final)
    }

    /// Whether a response's body can be what its head announces. hyper writes both as they are, and its client would
    /// take what is too much, or the next response, for another one. A response of our own client is as it came.
    fn is_as_long_as_told(&self, response: &Response<Body>) -> bool {
        let may_have_content = self.may_have_content(response.status());
        match framing::length(response.headers()) {
            Ok(Some(length)) if may_have_content => framing::can_be(response.body(), length),
            _ => true,
        }
    }

    /// RFC 9110 6.4.1. Over HTTP/1.1 a client takes none by itself; over HTTP/2 the upstream's would go on, and some
    /// clients reset a stream for it.
    fn may_have_content(&self, status: StatusCode) -> bool {
        let is_without = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        !self.context.is_head() && !is_without
    }

    /// Whether the rest of the request's body will not be read, so that nothing can follow it on its connection: the
    /// client waits for `100 Continue`, or the upstream closes its own connection and takes no more (RFC 9112 9.6).
    /// One that goes on reading gets all of it, and the connection goes on.
    fn ends_connection(&self, response: &Response<Body>) -> bool {
        let Some(upload) = self.http1_upload() else {
            return false;
        };
        let says = |word| fields::has_token(response.headers(), &header::CONNECTION, word);
        // RFC 9112 9.3: one of HTTP/1.0 closes unless it says that it does not.
        let closes =
            || says("close") || (response.version() < Version::HTTP_11 && !says("keep-alive"));
        // A refusal over HTTP/2, where the client was asked without its upstream's word.
        let refuses = || response.version() == Version::HTTP_2 && !response.status().is_success();
        let is_due = self.context.expects_continue && upload.last_moved().is_none();
        upload.is_held_back() || (!upload.is_over() && (closes() || (is_due && refuses())))
    }

    /// The request's body, if it came by HTTP/1: a stream ends without its connection.
    fn http1_upload(&self) -> Option<&Progress> {
        let is_http1 = self.version < Version::HTTP_2;
        self.upload.as_deref().filter(|_| is_http1)
    }

    fn is_http2(&self) -> bool {
        self.version == Version::HTTP_2
    }

    /// Opens the tunnel. It has a place among the tunnels, not among the requests; for the balance it weighs as one.
    fn open_tunnel(&self, ends: Ends, held: Held) {
        let tunnels = &self.plan.tunnels;
        let held = (ends.held, held.in_flight);
        tunnels
            .open
            .spawn(ends.client, ends.upstream, ends.spoken, tunnels.idle, held);
    }

    /// Hands on the response, and keeps its place at the upstream until the last byte is here.
    fn hand_on(self: Box<Self>, response: Response<Body>, held: Held) -> Response<Body> {
        if let Some(upload) = &self.upload {
            upload.set_conversation(true);
        }
        let (parts, body) = response.into_parts();
        let (downloads, is_http2) = (Arc::clone(&self.plan.downloads), self.is_http2());
        let under_way = UnderWay {
            exchange: self,
            held: Some(held),
        };
        let may_have_content = under_way.exchange.may_have_content(parts.status);
        match downloads.begin(body, under_way, is_http2) {
            Ok(body) if may_have_content => Response::from_parts(parts, body),
            // A client of HTTP/1.1 has its server drop this at once.
            Ok(body) if parts.status == StatusCode::NO_CONTENT && !body.is_end_stream() => {
                Response::from_parts(parts, Body::new(Unread::new(body)))
            }
            Ok(_none) => Response::from_parts(parts, Body::absent()),
            // RFC 9110 15.6.3: the upstream may have acted, and its answer cannot be read. One status cannot say
            // both, and the client has to know the second.
            Err((error, under_way)) => under_way.exchange.failed(error),
        }
    }

    /// The response to a request that failed.
    fn failed(&self, error: ProxyError) -> Response<Body> {
        let error = self.with_reason(error);
        self.tell(&error);
        let mut response = self.plan.failed(error, &self.context);
        // One of which nothing was asked for is small, most often, and here: the server skips it. A client that waits for
        // a 100 has sent nothing, and what it sends after one comes too late.
        let is_cut = |upload: &Progress| {
            let has_begun = upload.last_moved().is_some() || upload.failure().is_some();
            let is_to_come = has_begun || self.context.expects_continue;
            upload.is_held_back() || (is_to_come && !upload.is_over())
        };
        if self.http1_upload().is_some_and(is_cut) {
            announce_close(&mut response);
        }
        self.tell_upstream(&mut response);
        response
    }

    /// An error for the reason that the request's body gave, if it gave one.
    fn with_reason(&self, error: ProxyError) -> ProxyError {
        match self.upload.as_deref().and_then(Progress::failure) {
            Some(reason) => error.because_of(reason),
            None => error,
        }
    }

    fn tell(&self, error: &ProxyError) {
        self.trace
            .failed(&self.plan, &self.context, self.upstream(), error);
    }

    /// Tells layers outside whose response this is, if anybody asked for it.
    fn tell_upstream(&self, response: &mut Response<Body>) {
        if self.plan.tell_upstream {
            let answered_by = AnsweredBy::new(self.upstream());
            response.extensions_mut().insert(answered_by);
        }
    }

    /// The upstream that was tried last.
    fn upstream(&self) -> &Authority {
        let first = self.plan.upstreams.first();
        let first = first.destination.authority();
        self.tried.as_ref().unwrap_or(first)
    }
}

/// The continuation of a response after its head.
enum Answered {
    /// Another protocol.
    Switched(HeaderValue),
    /// The body.
    Final,
}

impl Hold for UnderWay {
    fn cut_off(&self, error: &ProxyError) {
        let exchange = &self.exchange;
        exchange.tell(&exchange.with_reason(error.clone()));
    }
}

/// The response is here as a whole, or given up.
impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(upload) = &self.exchange.upload {
            upload.set_conversation(false);
            upload.abandon_unwanted();
            // RFC 9113 5.1, RFC 9112 9.3: an upstream that has answered early has the rest of the request before it.
            upload.keep(self.held.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Client;

    fn size_of_output<F>(_: impl FnOnce(Box<Exchange>, Client, Box<Request<Body>>) -> F) -> usize {
        size_of::<F>()
    }

    /// Above this glibc leaves its fast path; see `benches/README.md`.
    #[test]
    fn an_exchange_fits_into_a_small_allocation() {
        let size = size_of_output(Exchange::run::<Client>);
        assert!(size <= 1032, "{size}");
    }
}
