//! Validation behind the back of a client that has its answer already (RFC 5861 3).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body::Body as _;
use tokio::time::timeout;
use tower_service::Service;

use super::flight::Place;
use crate::cache::layer::answer::Found;
use crate::cache::layer::body::Body;
use crate::cache::layer::fetch::Trip;
use crate::cache::store::key::Key;

impl Trip {
    /// Validates in a task of its own, unless that is being done already for the same variant.
    pub(crate) fn validate_behind<S, Q, R>(mut self: Box<Self>, service: S, request: Request<Q>)
    where
        S: Service<Request<Q>, Response = Response<R>> + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        Q: Default + Send + 'static,
        R: http_body::Body<Data = Bytes> + Send + 'static,
        R::Error: Send,
    {
        let mut name = [self.asked.key.bytes(), b"behind\n"].concat();
        if let Found::Response(stored, _) = &self.found {
            stored.selection.ask(request.headers(), &mut name);
        }
        let name = Key::new(&name);
        let Place::Lead(lead) = self.shared.flights.join(&name) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        // The client has its answer. The next one who asks has it validated.
        let Ok(place) = Arc::clone(&self.shared.behind).try_acquire_owned() else {
            return;
        };
        // The client's conditions and ranges have had their answer. This is about all of it.
        self.asked.range = None;
        self.asked.is_head = false;
        self.asked.conditional = false;
        self.is_behind = true;
        let (mut parts, body) = request.into_parts();
        parts.method = Method::GET;
        for name in [
            header::RANGE,
            header::IF_RANGE,
            header::IF_NONE_MATCH,
            header::IF_MODIFIED_SINCE,
        ] {
            parts.headers.remove(name);
        }
        let request = Box::new(Request::from_parts(parts, body));
        runtime.spawn(async move {
            let _held = (lead, place);
            let response = timeout(MOST_SILENCE, Box::pin(self.go(service, request))).await;
            if let Ok(Ok(response)) = response {
                drain(response.into_body()).await;
            }
        });
    }
}

/// The time for which an upstream may say nothing to a request that no client waits for, and which nobody would
/// therefore end. Before a head, a proxy's own timeout is there first.
const MOST_SILENCE: Duration = Duration::from_secs(60);

/// Reads a body for as long as it is one to store.
pub(super) async fn drain<R>(body: Body<R>)
where
    R: http_body::Body<Data = Bytes>,
{
    let mut body = pin!(body);
    while body.is_recorded() {
        let next = timeout(MOST_SILENCE, poll_fn(|cx| body.as_mut().poll_frame(cx)));
        let Ok(Some(Ok(_))) = next.await else {
            return;
        };
    }
}
