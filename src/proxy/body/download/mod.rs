//! A response's body on its way to the client.
//!
//! It holds a place at the upstream, which others wait for. The place is given back when the upstream's last
//! byte is here, whether the client has taken it or not; and it is taken back from a client that takes
//! nothing of what is there for it. hyper asks a body for its next frame only when the client has room for
//! it, so a body that is not asked cannot look at the time itself: [`Downloads`] looks after all of them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderName;
use http_body::{Body as _, Frame, SizeHint};
use slab::Slab;
use tokio::time::Instant;

use crate::proxy::body::Body;
use crate::proxy::error::{BoxError, ProxyError, ProxyErrorKind};
use crate::proxy::ticker::{self, Ticked, Ticker};

/// Bytes that are read of a response whose client takes nothing, to see whether the upstream has sent it all.
const AHEAD: usize = 64 * 1024;
/// The largest frame for a stream of HTTP/2, so that it is seen that a slow client takes something: a stream
/// is not asked for the next frame before there is room for all of the last one.
const STREAM_FRAME: usize = 64 * 1024;

/// A place at an upstream, dropped when the upstream's last byte is here.
pub(crate) trait Hold: Send + 'static {
    /// The rest of the response does not come: it is broken, or its client has taken nothing for too long.
    fn cut_off(&self, error: &ProxyError);
}

/// The responses that are on their way to their clients.
pub(crate) struct Downloads {
    /// The time for which a client may take nothing.
    patience: Duration,
    /// Fields that are taken out of trailers, as out of the head.
    withheld: Arc<[HeaderName]>,
    ticker: Ticker,
    all: Mutex<Slab<Arc<dyn Download>>>,
}

trait Download: Send + Sync {
    /// Ends a response whose client has had so much time, and reads on where a client lets it lie.
    fn look_after(&self, now: Instant, patience: Duration);
}

impl Downloads {
    pub(crate) fn new(patience: Duration, withheld: Arc<[HeaderName]>) -> Arc<Self> {
        Arc::new(Self {
            patience,
            withheld,
            ticker: Ticker::new(patience),
            all: Mutex::default(),
        })
    }

    /// A response's body that is looked after, and keeps `hold` until its end. `is_stream`: the client
    /// speaks HTTP/2.
    ///
    /// Most responses are small and here as a whole already. Their place is free before the client has seen
    /// the head.
    ///
    /// # Errors
    ///
    /// The body is broken, and the client has not seen anything yet. `hold` is given back with the error.
    pub(crate) fn begin<H: Hold>(
        self: &Arc<Self>,
        mut body: Body,
        hold: H,
        is_stream: bool,
    ) -> Result<Body, (ProxyError, H)> {
        if body.is_end_stream() {
            return Ok(body);
        }
        let is_exact = body.size_hint().exact();
        // Nobody is to be woken: the server asks for the next frame as soon as the head is out.
        let first = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
        let mut ahead = VecDeque::new();
        match first {
            Poll::Pending => {}
            Poll::Ready(None) => body = Body::empty(),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                // Of no other length than its head said, if it said one.
                Ok(data) if body.is_end_stream() && is_exact == Some(data.len() as u64) => {
                    return Ok(Body::from(data));
                }
                Ok(data) => ahead.push_back(Ok(Frame::data(data))),
                Err(frame) => ahead.push_back(Ok(frame)),
            },
            Poll::Ready(Some(Err(error))) => return Err((broken(error), hold)),
        }
        let mut state = State {
            body,
            ahead,
            is_exact: is_exact.is_some(),
            largest: if is_stream { STREAM_FRAME } else { usize::MAX },
            withheld: Arc::clone(&self.withheld),
            hold: Some(hold),
            is_written: false,
            offered: Some(Instant::now()),
        };
        state.settle();
        let is_over = state.hold.is_none();
        let shared = Arc::new(Shared(Mutex::new(state)));
        Ok(Body::own(Guarded {
            key: (!is_over).then(|| self.enter(shared.clone())),
            shared,
            downloads: Arc::clone(self),
        }))
    }

    fn enter(self: &Arc<Self>, download: Arc<dyn Download>) -> usize {
        let key = self.all().insert(download);
        ticker::start(self);
        key
    }

    fn leave(&self, key: usize) {
        let download = self.all().try_remove(key);
        // Not under the lock.
        drop(download);
    }

    fn all(&self) -> MutexGuard<'_, Slab<Arc<dyn Download>>> {
        self.all.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Ticked for Downloads {
    fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    fn tick(self: &Arc<Self>) -> bool {
        let now = Instant::now();
        let all: Vec<_> = self.all().iter().map(|(_, one)| Arc::clone(one)).collect();
        for download in &all {
            download.look_after(now, self.patience);
        }
        !all.is_empty()
    }
}

/// A body that is looked after while its client reads it.
struct Guarded<H: Hold> {
    shared: Arc<Shared<H>>,
    downloads: Arc<Downloads>,
    /// Its place among the others, while the upstream has more to send.
    key: Option<usize>,
}

struct Shared<H>(Mutex<State<H>>);

struct State<H> {
    body: Body,
    /// Frames that were read before the client wanted them.
    ahead: VecDeque<Result<Frame<Bytes>, ProxyError>>,
    /// Whether the head said how long it is. To read ahead must not make a length known that was not.
    is_exact: bool,
    /// The largest frame.
    largest: usize,
    withheld: Arc<[HeaderName]>,
    /// None when the upstream has no more to send.
    hold: Option<H>,
    /// Whether the server has had time to write what it was given.
    is_written: bool,
    /// The time at which it became the client's turn to take something; `None` while it is the upstream's to send.
    offered: Option<Instant>,
}

impl<H> Shared<H> {
    fn lock(&self) -> MutexGuard<'_, State<H>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl<H: Hold> State<H> {
    /// Lets go of the upstream if nothing more comes from there.
    fn settle(&mut self) {
        if self.hold.is_some() && self.body.is_end_stream() {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.body = Body::empty();
        self.hold = None;
    }

    /// Gives the rest up, and says why.
    fn cut_off(&mut self, error: &ProxyError) {
        if let Some(hold) = &self.hold {
            hold.cut_off(error);
        }
        self.finish();
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let frame = frame.map(|frame| frame.map_err(broken));
        match &frame {
            None => self.finish(),
            Some(Err(error)) => self.cut_off(error),
            Some(Ok(_)) => self.settle(),
        }
        Poll::Ready(frame)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = match self.ahead.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => self.poll_body(cx),
        };
        match polled {
            // hyper drops what it has not written yet when a body fails, the head too. A client that gets not a
            // byte takes the request for one that was never read, and browsers send it again.
            Poll::Ready(Some(Err(error))) if !self.is_written => {
                self.ahead.push_front(Err(error));
                self.is_written = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => self.is_written = polled.is_pending(),
        }
        self.offered = polled.is_ready().then(Instant::now);
        polled.map(|frame| match frame? {
            Ok(frame) => self.cut(frame).map(Ok),
            Err(error) => Some(Err(error.into())),
        })
    }

    /// The frame, or the first piece of it if it is too large; trailers without what the client is not to see.
    fn cut(&mut self, mut frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        if let Some(trailers) = frame.trailers_mut() {
            for name in self.withheld.iter() {
                trailers.remove(name);
            }
            return (!trailers.is_empty()).then_some(frame);
        }
        let is_small = |data: &Bytes| data.len() <= self.largest;
        if frame.data_ref().is_none_or(is_small) {
            return Some(frame);
        }
        Some(frame.map_data(|mut data| {
            let first = data.split_to(self.largest);
            self.ahead.push_front(Ok(Frame::data(data)));
            first
        }))
    }

    fn len_ahead(&self) -> u64 {
        let frames = self.ahead.iter().flatten();
        let data = frames.filter_map(Frame::data_ref);
        data.map(|data| data.len() as u64).sum()
    }

    /// Reads on without a client that wants it. Whoever reads next looks for itself when more is there.
    fn read_ahead(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        while self.hold.is_some() && self.len_ahead() < AHEAD as u64 {
            match self.poll_body(&mut cx) {
                Poll::Ready(Some(frame)) => self.ahead.push_back(frame),
                Poll::Ready(None) | Poll::Pending => return,
            }
        }
    }
}

impl<H: Hold> Download for Shared<H> {
    fn look_after(&self, now: Instant, patience: Duration) {
        let mut state = self.lock();
        let Some(offered) = state.offered else {
            return;
        };
        state.read_ahead();
        if now.saturating_duration_since(offered) < patience {
            return;
        }
        if state.hold.is_some() {
            let late = ProxyError::new(ProxyErrorKind::ClientTimeout, true, Late);
            state.cut_off(&late);
            state.ahead.clear();
            state.ahead.push_back(Err(late));
        }
    }
}

impl<H: Hold> Guarded<H> {
    fn leave(&mut self) {
        if let Some(key) = self.key.take() {
            self.downloads.leave(key);
        }
    }
}

impl<H: Hold> http_body::Body for Guarded<H> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.shared.lock();
        let polled = state.poll_frame(cx);
        let is_over = state.hold.is_none();
        drop(state);
        if is_over {
            self.leave();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let state = self.shared.lock();
        state.hold.is_none() && state.ahead.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.shared.lock();
        let ahead = state.len_ahead();
        let rest = state.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper().filter(|_| state.is_exact) {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }
}

impl<H: Hold> Drop for Guarded<H> {
    /// A client that is gone holds nothing.
    fn drop(&mut self) {
        self.leave();
    }
}

/// The error of a body as one of the proxy's, unless it is one already.
fn broken(error: BoxError) -> ProxyError {
    match error.downcast() {
        Ok(error) => *error,
        Err(error) => ProxyError::new(ProxyErrorKind::ResponseBody, true, error),
    }
}

/// The reason for which a response was given up.
#[derive(Debug, thiserror::Error)]
#[error("the client took nothing of its response for the client timeout")]
struct Late;

#[cfg(test)]
mod tests;
