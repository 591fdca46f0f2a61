//! Validation behind the back of a client that has its answer already (RFC 5861 3).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body::Body as _;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tower_service::Service;

use super::flight::{Lead, Place};
use crate::cache::layer::answer::Found;
use crate::cache::layer::body::Body;
use crate::cache::layer::fetch::Trip;
use crate::cache::store::key::Key;

/// The one who validates a response that may be given meanwhile.
pub(crate) enum Validator {
    /// Somebody does it already for the same variant; or no runtime is here to do it in.
    Another,
    /// A task of its own, with a place among those of the cache.
    Task(Behind),
    /// The client, as all places are taken: it is counted in its own share of the upstream, and nobody can keep others'
    /// responses stale by taking the places. Other clients have their answers meanwhile.
    Client(Lead),
}

/// The right to validate in a task.
pub(crate) struct Behind {
    runtime: Handle,
    _lead: Lead,
    _place: OwnedSemaphorePermit,
}

impl Trip {
    /// Finds who validates what was found.
    pub(crate) fn validator(&self, request: &HeaderMap) -> Validator {
        let mut name = [self.asked.key.bytes(), b"behind\n"].concat();
        if let Found::Response(stored, _) = &self.found {
            stored.selection.ask(request, &mut name);
        }
        let name = Key::new(&name);
        let (Place::Lead(lead), Ok(runtime)) =
            (self.shared.flights.join(&name), Handle::try_current())
        else {
            return Validator::Another;
        };
        match Arc::clone(&self.shared.behind).try_acquire_owned() {
            Ok(place) => Validator::Task(Behind {
                runtime,
                _lead: lead,
                _place: place,
            }),
            Err(_) => Validator::Client(lead),
        }
    }

    /// Validates in a task.
    pub(crate) fn validate_behind<S, Q, R>(
        mut self: Box<Self>,
        service: S,
        request: Request<Q>,
        behind: Behind,
    ) where
        S: Service<Request<Q>, Response = Response<R>> + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        Q: Default + Send + 'static,
        R: http_body::Body<Data = Bytes> + Send + 'static,
        R::Error: Send,
    {
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
        let runtime = behind.runtime.clone();
        runtime.spawn(async move {
            let _held = behind;
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
