//! The way of a request that is not answered at once: it waits for another one, or goes to the upstream.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use tokio::time::Instant;
use tower_service::Service;

use crate::cache::http::conditional;
use crate::cache::http::status::{Forward, Status};
use crate::cache::layer::answer::{self, Found};
use crate::cache::layer::behind::Validator;
use crate::cache::layer::body::Body;
use crate::cache::layer::body::source::Source;
use crate::cache::layer::flight::{End, Lead};
use crate::cache::layer::wait::Waited;
use crate::cache::rules::plan::Asked;
use crate::cache::rules::reuse::Use;
use crate::cache::rules::{self, Times};
use crate::cache::shared::Shared;
use crate::cache::store::entry::{Moment, Stored};
use crate::cache::store::key::Key;
use crate::cache::store::stats::Outcome;
use crate::cache::store::targets::Began;

/// A request that is looked up, on its way.
pub(crate) struct Trip {
    pub(crate) shared: Arc<Shared>,
    pub(crate) asked: Asked,
    pub(crate) found: Found,
    /// Others wait for this one.
    pub(crate) lead: Option<Lead>,
    /// The last response could not be stored, by this name.
    pub(crate) unstored: Option<Key>,
    /// The same, while an older one is stored.
    pub(crate) note: Option<Key>,
    pub(crate) collapsed: bool,
    /// Nobody waits for the response: it is fetched to be stored.
    pub(crate) is_behind: bool,
}

/// A request as its client sent it.
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// The conditions that were taken out of them.
    pub(crate) conditions: HeaderMap,
    uri: Uri,
    version: Version,
}

/// A request that has been sent.
pub(crate) struct Trial {
    pub(crate) sent: Instant,
    pub(crate) began: Began,
}

/// A response that has come.
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    /// The moment at which the request was sent.
    pub(crate) sent: Instant,
    pub(crate) times: Times,
    /// The changes before the request was sent: a target that has changed since may be another thing than this.
    pub(crate) began: Began,
}

/// Asks a service that has not been asked whether it is ready.
pub(crate) async fn send<S, Q>(
    service: &mut S,
    request: Request<Q>,
) -> Result<S::Response, S::Error>
where
    S: Service<Request<Q>>,
{
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

/// Answers a request that was not answered at once. Large values are in boxes, because a future holds its arguments
/// twice, and is moved about.
pub(crate) async fn look<S, Q, R>(
    mut trip: Box<Trip>,
    service: S,
    request: Box<Request<Q>>,
) -> Result<Response<Body<R>>, S::Error>
where
    S: Service<Request<Q>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    Q: Default + Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Send,
{
    let waited = match trip.found {
        Found::Response(_, Use::AnswerAndValidate) => Waited::Stale(Status {
            hit: true,
            ..Status::default()
        }),
        _ => trip.wait(request.headers()).await,
    };
    match waited {
        Waited::Answer(response) => return Ok(*response),
        Waited::Stale(status) => {
            if let Found::Response(stored, _) = &trip.found {
                let validator = trip.validator(request.headers());
                if let Validator::Client(lead) = validator {
                    let response = trip.go(service, request).await;
                    drop(lead);
                    return response;
                }
                let response = trip.stale(stored, request.headers(), status);
                if let Validator::Task(behind) = validator {
                    trip.validate_behind(service, *request, behind);
                }
                return Ok(response);
            }
        }
        Waited::InVain => {}
    }
    if let Some(name) = trip.unstored.take() {
        return trip.pass(service, request, &name).await;
    }
    trip.go(service, request).await
}

impl Trip {
    /// A request that a look at the store has not answered.
    pub(crate) fn new(shared: Arc<Shared>, asked: Asked, found: Found) -> Box<Self> {
        Box::new(Self {
            shared,
            asked,
            found,
            lead: None,
            unstored: None,
            note: None,
            collapsed: false,
            is_behind: false,
        })
    }

    /// Goes to the upstream.
    pub(crate) async fn go<S, Q, R>(
        mut self: Box<Self>,
        mut service: S,
        mut request: Box<Request<Q>>,
    ) -> Result<Response<Body<R>>, S::Error>
    where
        S: Service<Request<Q>, Response = Response<R>>,
        Q: Default,
        R: http_body::Body<Data = Bytes> + Send + 'static,
        R::Error: Send,
    {
        let validated = self.to_validate();
        let mut head = Box::new(Head::of(&request));
        let mut has_own = validated.is_none() && !self.leaves_conditions_out();
        let again = (!has_own).then(|| request.extensions().clone());
        match &validated {
            Some(stored) => conditional::ask(request.headers_mut(), &stored.headers),
            None if has_own => {}
            None => {
                conditional::take(request.headers_mut());
            }
        }
        let mut trial = self.trial();
        let answered = send(&mut service, *request).await;
        let stand_in = self.stand_in().cloned();
        let mut response = match stand_in {
            None => self.or_fail(answered)?.map(Source::untouched),
            Some(stored) => match sound(answered) {
                Ok(response) => response,
                Err(failed) => return Ok(self.stale_after(failed, &stored, &head.headers)),
            },
        };
        let not_about = validated.filter(|_| response.status() == StatusCode::NOT_MODIFIED);
        if let Some(stored) = &not_about {
            if conditional::is_about(response.headers(), &stored.headers) {
                return Ok(self.revalidated(stored, &head, response, &trial.arrived()));
            }
            // RFC 9111 4.3.3: the upstream says of something that is not stored that it is not modified.
            self.shared.store.replace(&self.asked.key, stored, None);
            self.found = Found::Nothing(Forward::Stale);
        }
        let is_chosen = !has_own && self.is_chosen_by_conditions(response.headers());
        if is_chosen {
            self.end_for_others();
        }
        // The client's own question has not been asked yet.
        if let Some(extensions) = again.filter(|_| not_about.is_some() || is_chosen) {
            has_own = !self.leaves_conditions_out();
            if !has_own {
                head.set_conditions_aside();
            }
            trial = self.trial();
            let answered = send(&mut service, head.repeat(extensions)).await;
            response = self.or_fail(answered)?.map(Source::untouched);
        }
        if !has_own {
            head.set_conditions_aside();
        }
        Ok(self.arrived(*head, response, &trial.arrived()).await)
    }

    /// Takes back the note that what comes for this request cannot be stored.
    pub(crate) fn note_stored(&self) {
        let name = self.lead.as_ref().map(Lead::name).or(self.note.as_ref());
        if let Some(name) = name {
            self.shared.store.note_stored(name);
        }
    }

    /// Tells the requests that wait for this fetch if it has failed.
    fn or_fail<T, E>(&mut self, answered: Result<T, E>) -> Result<T, E> {
        if answered.is_err() {
            self.set_end(End::Failed);
        }
        answered
    }

    /// Sets the outcome that the requests which wait for this fetch are told at its end.
    pub(crate) fn set_end(&mut self, end: End) {
        if let Some(lead) = &mut self.lead {
            lead.set_end(end);
        }
    }

    pub(crate) fn trial(&self) -> Trial {
        Trial {
            began: self.shared.store.targets.now(),
            sent: Instant::now(),
        }
    }

    /// The stored response that the upstream is to be asked about.
    fn to_validate(&self) -> Option<Arc<Stored>> {
        match &self.found {
            Found::Response(stored, _)
                if !self.asked.is_head
                    && self.asked.range.is_none()
                    && conditional::can_be_validated(&stored.headers) =>
            {
                Some(Arc::clone(stored))
            }
            _ => None,
        }
    }

    /// The stored response that may stand in for a failure. It may have been purged or changed since it was found.
    pub(crate) fn stand_in(&self) -> Option<&Arc<Stored>> {
        let Found::Response(stored, _) = &self.found else {
            return None;
        };
        let may = stored.snapshot.is_current() && stored.age().stands_in(&self.asked.control);
        may.then_some(stored)
    }

    /// The stale answer in the place of a failure, which had this status if it had one.
    fn stale_after<R>(
        &mut self,
        forward_status: Option<StatusCode>,
        stored: &Stored,
        request: &HeaderMap,
    ) -> Response<Body<R>> {
        let status = Status {
            forward_status,
            ..self.status()
        };
        self.set_end(End::Failed);
        self.stale(stored, request, status)
    }

    /// The answer that is stale.
    pub(crate) fn stale<R>(
        &self,
        stored: &Stored,
        request: &HeaderMap,
        status: Status,
    ) -> Response<Body<R>> {
        let response = answer::whole(stored, &self.asked, request, status, &self.shared.name);
        self.noted(response, Outcome::Stale)
    }

    /// The `Cache-Status` of a request that went to the upstream, whether or not it waited for another one before.
    pub(crate) fn status(&self) -> Status {
        Status {
            forward: Some(self.why()),
            collapsed: self.collapsed.then_some(false),
            ..Status::default()
        }
    }

    pub(crate) fn why(&self) -> Forward {
        match &self.found {
            Found::Nothing(why) => *why,
            Found::Response(_, Use::ValidateAsked) => Forward::Request,
            Found::Response(..) => Forward::Stale,
            Found::Part(..) | Found::Unclear => Forward::Bypass,
        }
    }

    pub(crate) fn noted<R>(
        &self,
        response: Response<Body<R>>,
        outcome: Outcome,
    ) -> Response<Body<R>> {
        if self.is_behind {
            return response;
        }
        self.shared.noted(response, outcome)
    }
}

/// The response; or its status, if it had one, where a stored response may stand in for it. That is so for a failure
/// of the upstream (RFC 5861 4), and for success with a body that is broken already when its head comes.
fn sound<R, E>(answered: Result<Response<R>, E>) -> Result<Response<Source<R>>, Option<StatusCode>>
where
    R: http_body::Body<Data = Bytes>,
{
    let (parts, body) = answered.map_err(|_| None)?.into_parts();
    let status = parts.status;
    if matches!(status.as_u16(), 500 | 502 | 503 | 504) {
        return Err(Some(status));
    }
    let body = if status.is_success() {
        Source::begin(body).map_err(|_| Some(status))?
    } else {
        Source::untouched(body)
    };
    Ok(Response::from_parts(parts, body))
}

impl Head {
    /// As storing depends on it.
    pub(crate) fn asked(&self) -> rules::Asked<'_> {
        rules::Asked {
            method: &self.method,
            headers: &self.headers,
            is_at_content_location: false,
        }
    }

    fn of<Q>(request: &Request<Q>) -> Self {
        Self {
            method: request.method().clone(),
            headers: request.headers().clone(),
            conditions: HeaderMap::new(),
            uri: request.uri().clone(),
            version: request.version(),
        }
    }

    /// The request once more, which had no body.
    fn repeat<Q: Default>(&self, extensions: Extensions) -> Request<Q> {
        let mut request = Request::new(Q::default());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers.clone();
        *request.extensions_mut() = extensions;
        request
    }
}

impl Arrival {
    /// The times of a response with these fields, as they came.
    pub(crate) fn moment(&self, headers: &HeaderMap) -> Moment {
        Moment::of(headers, self.sent, self.at, self.times.received)
    }
}

impl Trial {
    pub(crate) fn arrived(self) -> Arrival {
        let at = Instant::now();
        Arrival {
            at,
            sent: self.sent,
            times: Times {
                received: SystemTime::now(),
                delay: at.duration_since(self.sent),
            },
            began: self.began,
        }
    }
}
