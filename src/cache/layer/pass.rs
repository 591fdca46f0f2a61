//! The way of a request for something that could not be stored before.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header, response};
use tower_service::Service;

use crate::cache::layer::body::Body;
use crate::cache::layer::body::source::Source;
use crate::cache::layer::fetch::{Arrival, Trip, send};
use crate::cache::rules;
use crate::cache::store::entry;
use crate::cache::store::key::Key;
use crate::cache::store::stats::Outcome;

impl Trip {
    /// Goes to the upstream for something that could not be stored before. Nothing is kept to store it by: if
    /// it looks as if it could be this time, the next one is.
    pub(crate) async fn pass<S, Q, R>(
        self: Box<Self>,
        mut service: S,
        request: Box<Request<Q>>,
        name: &Key,
    ) -> Result<Response<Body<R>>, S::Error>
    where
        S: Service<Request<Q>, Response = Response<R>>,
        R: http_body::Body<Data = Bytes>,
    {
        // Of the request's fields this one alone counts: one with credentials waits for nobody, and is not here.
        let mut known_by = HeaderMap::new();
        if request.headers().contains_key(header::COOKIE) {
            let _full = known_by.try_insert(header::COOKIE, HeaderValue::from_static(""));
        }
        let trial = self.trial();
        let response = send(&mut service, *request).await?;
        let (parts, body) = response.into_parts();
        let length = body.size_hint().exact();
        if self.may_be_stored(&known_by, &parts, length, &trial.arrived(), name) {
            self.shared.store.note_stored(name);
        }
        let response = Response::from_parts(parts, body);
        let mut response = response.map(|body| Body::passing(Source::untouched(body), None));
        self.status()
            .append(&self.shared.name, response.headers_mut());
        Ok(self.noted(response, Outcome::Miss))
    }

    /// Whether a response that passes could be stored if it came again.
    fn may_be_stored(
        &self,
        request: &HeaderMap,
        parts: &response::Parts,
        exact: Option<u64>,
        arrival: &Arrival,
        name: &Key,
    ) -> bool {
        let asked = rules::Asked {
            method: &Method::GET,
            headers: request,
            is_at_content_location: false,
        };
        let Ok(storable) = self.shared.judge(asked, parts, exact, arrival) else {
            return false;
        };
        if !self.serves_others(&storable) {
            return false;
        }
        let (store, selection) = (&self.shared.store, &storable.selection);
        match storable.length {
            Some(length) => {
                let bare = entry::bare_size(&parts.headers, selection);
                store.fits(&self.asked.key, bare, length)
            }
            // Its head does not show that it is as long as the last one.
            None => !store.was_too_long(name),
        }
    }
}
