//! A client's own conditions, on a request that others may wait for.
//!
//! Such a request is sent on without `If-None-Match` and `If-Modified-Since`, so that what comes is something to store,
//! and the conditions are judged by that, as those of the ones who wait are (RFC 9111 4.3.2). So do nginx, Varnish and
//! Traffic Server with each miss. To send them on would save the upstream a body where its client holds the right tag,
//! but leave nothing for the others: after a purge of something popular nearly all who come are browsers that validate,
//! and each of them would be a fetch. One body fills the store for all of them, and the client gets its 304 when it is there.
//!
//! The conditions are sent on where the response would not serve others: if the last response could not be stored,
//! which is known for two minutes; with credentials, ranges and directives of its own; and after a wait in vain. A
//! response that may not be stored is handed on as it came.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header, response};

use crate::cache::http::conditional;
use crate::cache::layer::behind::drain;
use crate::cache::layer::body::Body;
use crate::cache::layer::fetch::{Head, Trip};
use crate::cache::rules::freshen;
use crate::cache::store::key::Key;
use crate::fields;

/// The time for which a client that holds a body waits until it is stored; a proxy's timeout for a head goes on meanwhile.
/// If the body takes longer, the next requests are sent on with their conditions.
const LONGEST_READ: Duration = Duration::from_secs(1);

impl Trip {
    /// Whether it is sent on without its client's conditions, for those who may wait for it.
    pub(crate) fn leaves_conditions_out(&self) -> bool {
        self.asked.conditional && self.lead.is_some()
    }

    /// Whether a response to the request without its conditions is not one to the request with them. Servers of messages
    /// read a place in their queue out of them, and say so in `Vary`.
    pub(crate) fn is_chosen_by_conditions(&self, response: &HeaderMap) -> bool {
        self.asked.conditional
            && conditional::OF_CLIENT
                .iter()
                .any(|name| fields::has_token(response, &header::VARY, name.as_str()))
    }

    /// A response in its short form, for a client that holds it. If it is being stored, it is read for that first: the
    /// client keeps its place at the upstream meanwhile, as any other that fetches. Were it answered at once, one client
    /// could have an upstream read for it without end, whatever its share is.
    ///
    /// `name` is what others wait for.
    pub(crate) async fn not_modified<R>(
        &self,
        response: Response<Body<R>>,
        name: Option<Key>,
    ) -> Response<Body<R>>
    where
        R: http_body::Body<Data = Bytes>,
    {
        let (mut parts, body) = response.into_parts();
        let read = tokio::time::timeout(LONGEST_READ, drain(body)).await;
        if let (Err(_), Some(name)) = (read, name) {
            self.shared.store.note_unstored(&name);
        }
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers = freshen::storable(&parts.headers);
        conditional::strip_content(&mut parts.headers);
        Response::from_parts(parts, Body::absent())
    }

    /// Lets those who wait go on, and the next ones not wait at all.
    pub(crate) fn end_for_others(&mut self) {
        if let Some(lead) = self.lead.take() {
            self.shared.store.note_unstored(lead.name());
        }
    }
}

impl Head {
    /// Sets the client's conditions aside, because the upstream has been asked without them.
    pub(crate) fn set_conditions_aside(&mut self) {
        if self.conditions.is_empty() {
            self.conditions = conditional::take(&mut self.headers);
        }
    }

    /// Whether the client holds a response already, by the conditions that were set aside. RFC 9110 13.2.1: they are about
    /// what would have been a success, and a part is not what was asked for. A `Date` stands for a `Last-Modified` in what is
    /// stored (RFC 9111 4.3.2); here it is that of now, which a client whose clock is fast would always be ahead of.
    pub(crate) fn holds(&self, response: &response::Parts) -> bool {
        let can_be_judged = self.conditions.contains_key(header::IF_NONE_MATCH)
            || !self.conditions.is_empty() && response.headers.contains_key(header::LAST_MODIFIED);
        can_be_judged
            && response.status.is_success()
            && response.status != StatusCode::PARTIAL_CONTENT
            && conditional::is_not_modified(&self.conditions, &response.headers)
    }
}
