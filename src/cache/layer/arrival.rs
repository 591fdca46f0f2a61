//! Handling of a response that has come: it goes to its client, is stored, or renews what is.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, response};
use http_body::Body as _;

use crate::cache::http::status::{Forward, Status};
use crate::cache::layer::answer::{self, Found};
use crate::cache::layer::body::Body;
use crate::cache::layer::body::ahead::Client;
use crate::cache::layer::body::recording::{Draft, Place, Recording};
use crate::cache::layer::body::source::Source;
use crate::cache::layer::fetch::{Arrival, Head, Trip};
use crate::cache::layer::flight::{End, Lead};
use crate::cache::rules::freshen::{self, Heads};
use crate::cache::rules::{self, Asked, Refusal, Storable};
use crate::cache::shared::Shared;
use crate::cache::store::entry::Stored;
use crate::cache::store::stats::Outcome;

impl Trip {
    /// Answers with a stored response that is still good (RFC 9111 4.3.4).
    pub(crate) fn revalidated<R>(
        mut self,
        stored: &Arc<Stored>,
        head: &Head,
        not_modified: Response<Source<R>>,
        arrival: &Arrival,
    ) -> Response<Body<R>> {
        let (mut parts, _nothing) = not_modified.into_parts();
        let moment = arrival.moment(&parts.headers);
        parts.headers = freshen::updated(&stored.headers, &parts.headers, arrival.times.received);
        parts.status = stored.status;
        let asked = head.asked();
        let judged = self
            .shared
            .judge(asked, &parts, Some(stored.body.len() as u64), arrival);
        self.set_end(if stored.snapshot.is_current() {
            End::Over
        } else {
            End::Changed
        });
        let (store, key) = (&self.shared.store, &self.asked.key);
        let renewed = |storable| {
            let headers = rules::head_to_store(&parts.headers, arrival.times.received);
            Arc::new(stored.renewed(headers, storable, moment))
        };
        let (fresh, is_stored) = match judged {
            Ok(storable) => {
                let fresh = renewed(storable);
                let is_stored = store.replace(key, stored, Some(Arc::clone(&fresh)));
                if is_stored {
                    self.note_stored();
                }
                (fresh, is_stored)
            }
            Err(why) => {
                if why.is_of_response() {
                    store.replace(key, stored, None);
                    if let Some(lead) = &self.lead {
                        store.note_unstored(lead.name());
                    }
                }
                (renewed(Storable::used_up()), false)
            }
        };
        let status = Status {
            forward_status: Some(StatusCode::NOT_MODIFIED),
            stored: is_stored,
            ..self.status()
        };
        let name = &self.shared.name;
        let response = answer::whole(&fresh, &self.asked, &head.headers, status, name);
        self.noted(response, Outcome::Revalidated)
    }

    /// Gives a response of the upstream to the client, and stores it at the same time if it may be.
    pub(crate) async fn arrived<R>(
        mut self,
        head: Head,
        response: Response<Source<R>>,
        arrival: &Arrival,
    ) -> Response<Body<R>>
    where
        R: http_body::Body<Data = Bytes> + Send + 'static,
        R::Error: Send,
    {
        let (parts, body) = response.into_parts();
        if self.asked.is_head {
            self.compare(&parts, arrival, &head.headers);
        }
        let judged = self
            .shared
            .judge(head.asked(), &parts, body.size_hint().exact(), arrival);
        // RFC 9110 13.2.1: what may not be stored is not for a cache to judge.
        let is_held = judged.is_ok() && head.holds(&parts);
        let name = self
            .lead
            .as_ref()
            .map(Lead::name)
            .filter(|_| is_held)
            .cloned();
        let recording = self.keep(judged, head.headers, &parts, arrival);
        let status = Status {
            forward_status: is_held.then_some(parts.status),
            stored: recording.is_some(),
            ..self.status()
        };
        let body = match recording {
            Some(recording) if recording.is_shared() && !body.is_end_stream() => {
                Body::shared(Client::new(body, recording))
            }
            recording => stored_if_empty(body, recording),
        };
        let mut response = Response::from_parts(parts, body);
        if is_held {
            response = self.not_modified(response, name).await;
        }
        status.append(&self.shared.name, response.headers_mut());
        self.noted(response, Outcome::Miss)
    }

    /// Begins to store a response that may be stored. Notes otherwise, or if it serves nobody else, that there is nothing
    /// to wait for.
    fn keep(
        &mut self,
        judged: Result<Storable, Refusal>,
        request: HeaderMap,
        parts: &response::Parts,
        arrival: &Arrival,
    ) -> Option<Box<Recording>> {
        let store = &self.shared.store;
        match judged {
            Ok(storable) => {
                if self.serves_others(&storable) {
                    self.note_stored();
                } else if let Some(lead) = self.lead.take() {
                    store.note_unstored(lead.name());
                }
                let place = Place {
                    key: self.asked.key.clone(),
                    lead: self.lead.take(),
                };
                self.shared.record(place, request, parts, storable, arrival)
            }
            Err(why) => {
                let is_stored = matches!(self.found, Found::Response(..));
                let is_own = is_stored && is_about_client(parts.status);
                if let Some(lead) = self.lead.take().filter(|_| !is_own) {
                    store.note_unstored(lead.name());
                }
                self.outdate(parts, why);
                None
            }
        }
    }

    /// Whether the response serves the requests that wait. A part that nobody has asked for is not the whole, and one that is stale
    /// when it comes cannot be validated.
    pub(crate) fn serves_others(&self, storable: &Storable) -> bool {
        storable.part.is_none() || self.asked.range.is_some() && storable.life.is_fresh()
    }

    /// Lets go of what is stored if the upstream has something else by now, which may not be stored: content, or
    /// that there is none any more, or not for everybody (RFC 9111 4.3.3).
    fn outdate(&self, parts: &response::Parts, why: Refusal) {
        let Found::Response(stored, _) = &self.found else {
            return;
        };
        let is_whole = parts.status.is_success() && self.asked.range.is_none();
        // A fresh response stays: a client's own fields may be the reason why it is refused or sent elsewhere.
        let is_stale = stored.age().stale_by().is_some();
        let is_other = is_whole || is_stale && tells_of_target(parts.status);
        // It is not marked any more as something for others, or the cookie is why it is not.
        let is_over = why.is_of_response() || is_stale && why == Refusal::Unmarked;
        if is_other && !self.asked.is_head && is_over {
            self.shared.store.replace(&self.asked.key, stored, None);
        }
    }

    /// RFC 9111 4.3.5: the response to a HEAD says whether what is stored is still good.
    fn compare(&self, parts: &response::Parts, arrival: &Arrival, request: &HeaderMap) {
        let Found::Response(stored, _) = &self.found else {
            return;
        };
        if parts.status != StatusCode::OK || stored.status != StatusCode::OK {
            return;
        }
        let renewed = match freshen::compare(&parts.headers, &stored.headers) {
            Heads::Silent => return,
            // It may have been wrong about its length, and what is stale can be validated, or stand in for a failure.
            Heads::Other if stored.age().stale_by().is_some() => return,
            Heads::Other => stored.outdated().map(Arc::new),
            Heads::Same => {
                let mut updated = Response::new(()).into_parts().0;
                updated.headers =
                    freshen::updated(&stored.headers, &parts.headers, arrival.times.received);
                let asked = Asked {
                    method: &Method::GET,
                    headers: request,
                    is_at_content_location: false,
                };
                let length = Some(stored.body.len() as u64);
                let judged = self.shared.judge(asked, &updated, length, arrival);
                if judged.as_ref().is_err_and(|why| !why.is_of_response()) {
                    return;
                }
                judged.ok().map(|storable| {
                    let headers = rules::head_to_store(&updated.headers, arrival.times.received);
                    Arc::new(stored.renewed(headers, storable, arrival.moment(&parts.headers)))
                })
            }
        };
        self.shared.store.replace(&self.asked.key, stored, renewed);
    }
}

impl Shared {
    /// Gives the response to a POST to its client. Stores it as the response to a GET if it says that it is one (RFC
    /// 9110 9.3.3).
    pub(crate) fn posted<R>(
        self: &Arc<Self>,
        place: Place,
        request: HeaderMap,
        response: Response<R>,
        arrival: &Arrival,
    ) -> Response<Body<R>>
    where
        R: http_body::Body<Data = Bytes>,
    {
        let (parts, body) = response.map(Source::untouched).into_parts();
        let asked = Asked {
            method: &Method::POST,
            headers: &request,
            is_at_content_location: true,
        };
        let judged = self.judge(asked, &parts, body.size_hint().exact(), arrival);
        let recording = judged
            .ok()
            .and_then(|storable| self.record(place, request, &parts, storable, arrival));
        let status = Status {
            forward: Some(Forward::Method),
            stored: recording.is_some(),
            ..Status::default()
        };
        let mut response = Response::from_parts(parts, stored_if_empty(body, recording));
        status.append(&self.name, response.headers_mut());
        self.noted(response, Outcome::Bypass)
    }

    pub(crate) fn judge(
        &self,
        asked: Asked<'_>,
        parts: &response::Parts,
        exact: Option<u64>,
        arrival: &Arrival,
    ) -> Result<Storable, Refusal> {
        rules::judge(asked, parts, exact, arrival.times, self.limits)
    }

    fn record(
        self: &Arc<Self>,
        place: Place,
        request: HeaderMap,
        parts: &response::Parts,
        storable: Storable,
        arrival: &Arrival,
    ) -> Option<Box<Recording>> {
        Recording::begin(Draft {
            shared: Arc::clone(self),
            place,
            request,
            status: parts.status,
            version: parts.version,
            headers: rules::head_to_store(&parts.headers, arrival.times.received),
            storable,
            moment: arrival.moment(&parts.headers),
            began: arrival.began,
        })
    }
}

/// Whether a redirect or a refusal is about the target for whoever asks for it. The others are about this request,
/// its client (429), or the moment (5xx), and say nothing of what is stored.
fn tells_of_target(status: StatusCode) -> bool {
    let is_redirect = status.is_redirection() && status != StatusCode::NOT_MODIFIED;
    is_redirect || matches!(status.as_u16(), 401..=405 | 410 | 451)
}

/// Whether a refusal is about the one client that got it, and the next one's may be another: 400, 406, 429, 431 and others.
fn is_about_client(status: StatusCode) -> bool {
    status.is_client_error() && !tells_of_target(status)
}

/// A body that nobody will read, because there is nothing, is whole now.
fn stored_if_empty<R>(body: Source<R>, recording: Option<Box<Recording>>) -> Body<R>
where
    R: http_body::Body<Data = Bytes>,
{
    match recording {
        Some(recording) if body.is_end_stream() => {
            recording.finish();
            Body::passing(body, None)
        }
        recording => Body::passing(body, recording),
    }
}
