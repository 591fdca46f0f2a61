//! HTTP on a connection, within the limits of the listener.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use same_origin::proxy::{HeldByTunnel, Peer};

use super::BoxError;
use super::connections::{
    Connection, ConnectionGuard, CountedBody, InRequest, LAST, STOP, counted_upload,
};
use super::handler::Handler;
use super::head;
use super::limits::Limits;
use super::stream::linger::{OnSocket, linger, linger_refused, tell_end};
use super::stream::rest::{Lasting, UntilRest};
use super::trailing;
use crate::observe::RefusalLog;

/// The most bytes that are held for a client of HTTP/1.1 that does not read.
const WRITE_SIZE: usize = 128 * 1024;
/// The most bytes of an upload that a client of HTTP/2 may send ahead of the upstream.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The most bytes that it may send ahead in all uploads. Half of it is what h2 allows for the cost of frames below 256
/// bytes until they are read, before it ends the connection (`too_many_data_frames`). With eight times as much one client
/// could hold 9 MiB by each of its connections, in place of 1.1: one of gRPC that streams small messages to a server that
/// does not read them loses its connection rather.
const CONNECTION_WINDOW: u32 = 8 * STREAM_WINDOW;
/// The interval at which a silent HTTP/2 peer is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// A connection that is served when this is polled.
pub(super) type Serving<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;

/// Serves HTTP/1.1. Each protocol is a function of its own: hyper's server of it is compiled for each kind of stream.
///
/// These are not `async fn`s: those would keep the room in which they were given `io` beside the connection that it
/// moves into, a kilobyte and a half by TLS.
pub(super) fn http1<I>(
    io: I,
    peer: Peer,
    limits: Limits,
    handle: impl Handler,
    entry: &ConnectionGuard,
) -> Serving<'_>
where
    I: Read + Write + OnSocket + Send + Unpin + 'static,
{
    let (connection, ip) = (Arc::clone(&entry.connection), peer.ip());
    let mut service = service_fn(move |request: Request<Incoming>| {
        let in_request = connection.request();
        connection.may_rest(request.body().is_end_stream());
        // RFC 9931 has a proxy close after a CONNECT that it rejects, as all are here: a client that has not waited for
        // the answer sends bytes of another protocol, and they are not a request.
        if request.method() == Method::CONNECT {
            connection.is_asked_no_more();
        }
        let offered = request.extensions().get::<OnUpgrade>().cloned();
        let of_offer = offered.map(|offered| (offered, Arc::clone(&connection)));
        let request = request.map(|body| trailing::body(body, &connection));
        // Mapped rather than awaited, so that the future is not stored twice.
        let answer = handle.answer(&peer, request);
        answer.map(move |response| answered::<I, _>(response, in_request, of_offer))
    });
    let builder = http1_within(&limits);
    // Before that the answer to the next request says that it is the last one.
    let obey = |until: Pin<&mut UntilRest<'_, http1::UpgradeableConnection<_, _>>>, order| {
        if order >= LAST {
            entry.connection.goes_on();
            Pin::new(&mut until.get_mut().served).graceful_shutdown();
        }
        true
    };
    let mut io = Lasting::new(io, Arc::clone(&entry.connection));
    Box::pin(async move {
        loop {
            let served = builder.serve_connection(io, service).with_upgrades();
            let mut until = Box::pin(UntilRest::new(served, &entry.connection));
            let driven = entry.drive(until.as_mut(), obey).await;
            let rest = Pin::into_inner(until).served.into_parts();
            let (served, rest) = match (driven, rest) {
                (Some(served), Some(rest)) => (served, rest),
                // It is a tunnel now.
                (Some(served), None) => {
                    return served.map_or(Ok(()), |served| ended(Some(served), ip));
                }
                (None, _) => return ended(None, ip),
            };
            if let Some(served) = served {
                let is_answered = served.as_ref().map_or_else(is_error_answered, |()| true);
                let result = ended(Some(served), ip);
                let (mut io, has_unread) = (rest.io, !rest.read_buf.is_empty());
                drop((rest.read_buf, rest.service));
                if is_answered {
                    // In a box, so that connections that do not end so have no room for it.
                    Box::pin(async {
                        if result.is_err() {
                            tell_end(&mut io).await;
                        }
                        linger(io, has_unread, entry).await;
                    })
                    .await;
                }
                return result;
            }
            (io, service) = (rest.io.behind(rest.read_buf), rest.service);
            // Until something comes or is ordered. hyper is told of either.
            let obey = |_: Pin<&mut _>, order| order < LAST;
            entry.drive(pin!(io.arrival()), obey).await;
        }
    })
}

/// hyper's server of HTTP/1.1 within the limits of the listener.
fn http1_within(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Heads that take too long are the connections' watch's business.
        .header_read_timeout(None)
        // Our own limits are below these, so that the refusal is ours and a page can read it: see `head`. With
        // a number of fields of its own hyper makes two lists anew for each request: 1,000 of a small one's
        // 38,600 instructions. Without one a head of 101 lines would be refused by hyper, readable to nobody.
        .max_header_size(head::MARGIN * limits.head_size as usize)
        .max_headers(head::MARGIN * limits.head_fields)
        .max_buf_size(WRITE_SIZE.max(head::MARGIN * limits.head_size as usize));
    builder
}

/// A response over HTTP/1.1, which may be the last one of its connection.
fn answered<I, B>(
    mut response: Response<B>,
    in_request: InRequest,
    of_offer: Option<(OnUpgrade, Arc<Connection>)>,
) -> Result<Response<CountedBody<B>>, Infallible>
where
    I: Read + Write + OnSocket + Send + Unpin + 'static,
{
    // A switch of protocols is the end of requests by itself.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        in_request.switches();
        return counted(response, in_request);
    }
    if in_request.is_last() {
        close_after(&mut response);
    }
    // An offer that is refused is kept by hyper like any other, also when further requests follow on the connection, whose
    // end is then not hyper's any more. Of two offers the earlier one is given up.
    if let Some((offered, connection)) = of_offer {
        tokio::spawn(linger_refused::<I>(offered, connection));
    }
    counted(response, in_request)
}

/// Serves HTTP/2.
pub(super) fn http2(
    io: impl Read + Write + Send + Unpin + 'static,
    peer: Peer,
    limits: Limits,
    handle: impl Handler,
    entry: &ConnectionGuard,
) -> Serving<'_> {
    let (connection, ip) = (Arc::clone(&entry.connection), peer.ip());
    let service = service_fn(move |request: Request<Incoming>| {
        let in_request = connection.request();
        let mut request = request.map(|body| counted_upload(body, &connection, true));
        // For hyper a WebSocket's request is over with the head of its response.
        if request.method() == Method::CONNECT {
            let in_tunnel = HeldByTunnel::new(connection.tunnel());
            request.extensions_mut().insert(in_tunnel);
        }
        let answer = handle.answer(&peer, request);
        answer.map(move |response| counted(response, in_request))
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(limits.head_size)
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(limits.resets as usize)
        // RFC 9113 5.2.2: an upload that its upstream does not take leaves room for others.
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        // WebSockets by HTTP/2 (RFC 8441).
        .enable_connect_protocol()
        .serve_connection(io, service);
    let mut served = Box::pin(served);
    // GOAWAY. hyper ends one whose client has not begun, so that one is left to bring its first request.
    let obey = |served: Pin<&mut http2::Connection<_, _, _>>, order| {
        if order >= STOP || entry.connection.has_served() {
            served.graceful_shutdown();
        }
        true
    };
    Box::pin(async move { ended(entry.drive(served.as_mut(), obey).await, ip) })
}

/// A response that ends its request with its body.
fn counted<B>(
    response: Response<B>,
    in_request: InRequest,
) -> Result<Response<CountedBody<B>>, Infallible> {
    // To refuse it was as costly as to be asked for what is taken back: such heads are decoded in full.
    let is_costly = response.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let counted = if is_costly {
        CountedBody::of_refusal
    } else {
        CountedBody::new
    };
    Ok(response.map(|body| counted(body, in_request)))
}

/// The result of a connection that ended by itself, or had to.
fn ended(ended: Option<Result<(), hyper::Error>>, peer: IpAddr) -> Result<(), BoxError> {
    match ended {
        Some(ended) => Ok(ended.inspect_err(|error| refused_by_hyper(error, peer))?),
        None => Err("closed: no request for too long, or too many that were reset".into()),
    }
}

/// Whether hyper has answered a head that it could not read. It does not answer the preface of HTTP/2, which is not a
/// request of HTTP/1.1: over TLS a client sends it that has not negotiated HTTP/2 (RFC 9113 3.2).
fn is_error_answered(error: &hyper::Error) -> bool {
    error.is_parse() && !error.to_string().contains("HTTP2 preface")
}

/// Tells of a head that hyper could not read, and answered without asking anybody.
fn refused_by_hyper(error: &hyper::Error, peer: IpAddr) {
    static LOG: LazyLock<RefusalLog> = LazyLock::new(|| RefusalLog::new("none"));
    // hyper tells a target that is too large from a head that is by its text alone.
    if error.is_parse_too_large() && error.to_string().starts_with("URI") {
        LOG.unreadable(StatusCode::URI_TOO_LONG, peer, error);
    } else if error.is_parse_too_large() {
        LOG.unreadable(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, peer, error);
    } else if error.is_parse() {
        LOG.unreadable(StatusCode::BAD_REQUEST, peer, error);
    }
}

/// RFC 9112 9.6: the client is told that this request is the last one.
fn close_after<B>(response: &mut Response<B>) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
}
