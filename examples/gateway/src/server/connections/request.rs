//! A request in flight, counted in its connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Connection;
use super::unsent::Unsent;

/// A request in flight, to the end of its response's body.
pub struct InRequest {
    connection: Arc<Connection>,
    answered: bool,
    /// Whether its response had data, which is seen when it is sent.
    had_data: bool,
    unread: bool,
}

impl InRequest {
    pub fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            answered: false,
            had_data: false,
            unread: false,
        }
    }

    /// Whether its connection is to take no further one.
    pub fn is_last(&self) -> bool {
        self.connection.is_finishing()
    }

    /// Its connection becomes a tunnel, over HTTP/1.1, whose ends are told as they come.
    pub fn switches(&self) {
        self.connection.is_switched.store(true, Ordering::Relaxed);
    }

    /// Its response has begun.
    fn answered(mut self) -> Self {
        self.answered = true;
        self.connection.answered();
        self
    }

    /// The server asks for more of the response: what it had is on its way.
    fn is_read(&mut self) {
        if self.unread {
            self.unread = false;
            self.connection.unread.fetch_sub(1, Ordering::Relaxed);
            self.connection.moves();
        }
    }

    /// The server has something of the response, and will ask for more.
    fn is_unread(&mut self) {
        self.unread = true;
        self.connection.unread.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for InRequest {
    fn drop(&mut self) {
        self.is_read();
        self.connection.one_ends(&self.connection.requests);
        if !self.answered {
            self.connection.reset();
        } else if !self.had_data {
            // A response without data (to HEAD, a 204, a 304) shows nothing else. Another stream may be paused.
            self.connection.is_heard();
        }
    }
}

/// A tunnel in a connection of HTTP/2, which is under way as a request is, for as long as its own timeout lets it.
pub struct InTunnel(Arc<Connection>);

impl InTunnel {
    pub fn new(connection: Arc<Connection>) -> Self {
        connection.tunnels.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }
}

impl Connection {
    /// A tunnel is asked for, over HTTP/2. It has ended, or was not opened, when the guard is dropped.
    pub fn tunnel(self: &Arc<Self>) -> InTunnel {
        InTunnel::new(Arc::clone(self))
    }
}

impl Drop for InTunnel {
    fn drop(&mut self) {
        self.0.one_ends(&self.0.tunnels);
    }
}

pin_project! {
    /// A response's body, with which its request ends. Its frames are counted until they are sent.
    pub struct CountedBody<B> {
        #[pin]
        body: B,
        request: InRequest,
    }
}

impl<B> CountedBody<B> {
    /// The body of a response that earns its connection credit for one reset.
    pub fn new(body: B, request: InRequest) -> Self {
        Self {
            body,
            request: request.answered(),
        }
    }

    /// The body of a refusal that cost as much as a reset, and counts as one when it ends.
    pub fn of_refusal(body: B, request: InRequest) -> Self {
        Self { body, request }
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = Unsent<B::Data>;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, B::Error>>> {
        let mut this = self.project();
        this.request.is_read();
        let polled = this.body.as_mut().poll_frame(cx);
        if matches!(polled, Poll::Ready(Some(Ok(_)))) && !this.body.is_end_stream() {
            this.request.is_unread();
        }
        let request = this.request;
        let counted = |data| {
            request.had_data = true;
            Unsent::new(data, &request.connection)
        };
        polled.map_ok(|frame| frame.map_data(counted))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
