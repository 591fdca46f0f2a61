//! A look at what is stored: whether it answers a request, and what a fetch for it would be called.

use http::{HeaderMap, Response, header};

use crate::cache::http::control::RequestControl;
use crate::cache::http::status::{Forward, Status};
use crate::cache::layer::answer::{self, Found};
use crate::cache::layer::body::Body;
use crate::cache::layer::body::source::Source;
use crate::cache::rules::plan::Asked;
use crate::cache::rules::reuse::Use;
use crate::cache::shared::Shared;
use crate::cache::store::key::Key;
use crate::cache::store::stats::Outcome;

/// The outcome of a look.
pub(crate) enum Look<R> {
    Answer(Response<Body<R>>),
    Fetch(Asked, Found),
}

impl Shared {
    /// Answers a request from memory, if that can be done without asking anybody.
    pub(crate) fn look<R>(&self, asked: Asked, request: &HeaderMap) -> Look<R> {
        let found = self.find(&asked, request);
        let hit = Status {
            hit: true,
            ..Status::default()
        };
        match self.at_once(&found, &asked, request, hit) {
            Some(response) => Look::Answer(response),
            None => Look::Fetch(asked, found),
        }
    }

    pub(crate) fn find(&self, asked: &Asked, request: &HeaderMap) -> Found {
        let resource = self.store.get(&asked.key);
        answer::find(resource.as_deref(), asked, request)
    }

    pub(crate) fn at_once<R>(
        &self,
        found: &Found,
        asked: &Asked,
        request: &HeaderMap,
        status: Status,
    ) -> Option<Response<Body<R>>> {
        let name = &self.name;
        let (response, outcome) = match found {
            Found::Response(stored, Use::Answer) => {
                let is_stale = stored.age().stale_by().is_some();
                let outcome = if is_stale {
                    Outcome::Stale
                } else {
                    Outcome::Hit
                };
                (answer::whole(stored, asked, request, status, name), outcome)
            }
            Found::Part(stored, part) => (answer::part(stored, part, status, name), Outcome::Hit),
            // It is to be validated, and answers all the same: that is a task for who called.
            Found::Response(_, Use::AnswerAndValidate) => return None,
            _ if asked.control.only_if_cached => return Some(self.not_stored()),
            _ => return None,
        };
        Some(self.noted(response, outcome))
    }

    /// The answer to a client that wants what is stored only, where nothing is.
    pub(crate) fn not_stored<R>(&self) -> Response<Body<R>> {
        self.noted(answer::not_stored(&self.name), Outcome::Bypass)
    }

    /// Counts an outcome, and leaves it in the response.
    pub(crate) fn noted<R>(
        &self,
        mut response: Response<Body<R>>,
        outcome: Outcome,
    ) -> Response<Body<R>> {
        self.counters.count(outcome);
        response.extensions_mut().insert(outcome);
        response
    }

    /// A response of the upstream as it is, to a request that was not looked up.
    pub(crate) fn passed<R>(&self, response: Response<R>, why: Forward) -> Response<Body<R>> {
        let status = Status {
            forward: Some(why),
            ..Status::default()
        };
        let mut response = response.map(|body| Body::passing(Source::untouched(body), None));
        status.append(&self.name, response.headers_mut());
        self.noted(response, Outcome::Bypass)
    }

    /// Whether others may wait for the fetch that this request needs.
    pub(crate) fn flight(&self, asked: &Asked, found: &Found, request: &HeaderMap) -> Flight {
        let is_worth_it = match found {
            Found::Nothing(_) => true,
            // A response that always has to be validated has to be validated again for the next request. A response
            // that was stale when it came (RFC 9111 4.2.3: a slow upstream, or a wrong clock) will be so the next
            // time.
            Found::Response(stored, usage) => {
                let life = &stored.life;
                *usage == Use::ValidateStale && life.is_fresh()
            }
            Found::Part(..) | Found::Unclear => false,
        };
        // A request for a part waits for a fetch of the same part, if nothing is stored that the part could be cut
        // from. It does not if it has conditions, too: what is fetched may be a 304 or a part.
        let is_part_alone =
            asked.range.is_none() || !asked.conditional && matches!(found, Found::Nothing(_));
        // Conditions alone are judged by what comes, and are not sent on: see `known`.
        let is_plain = asked.control == RequestControl::default()
            && !asked.is_head
            && !asked.authorized
            && is_part_alone;
        if !is_worth_it || !is_plain {
            return Flight::Alone;
        }
        // There may be something that is for other requests, by whose fields this one is another fetch.
        let resource = match found {
            Found::Nothing(Forward::UriMiss) => None,
            _ => self.store.get(&asked.key),
        };
        let first = resource
            .as_ref()
            .and_then(|resource| resource.preferred().next());
        let name = if first.is_none() && asked.range.is_none() {
            asked.key.clone()
        } else {
            let mut name = asked.key.bytes().to_vec();
            if let Some(first) = first {
                first.selection.ask(request, &mut name);
            }
            if asked.range.is_some() {
                push_range(request, &mut name);
            }
            Key::new(&name)
        };
        match (self.store.was_unstored(&name), found) {
            (false, _) => Flight::Shared(name),
            (true, Found::Nothing(_)) => Flight::Unstored(name),
            (true, _) => Flight::Noted(name),
        }
    }
}

/// The part that a request asks for, to the letter.
fn push_range(request: &HeaderMap, name: &mut Vec<u8>) {
    for field in [header::RANGE, header::IF_RANGE] {
        for line in request.get_all(&field) {
            name.extend_from_slice(field.as_str().as_bytes());
            name.push(b':');
            name.extend_from_slice(line.as_bytes());
            name.push(b'\n');
        }
    }
}

/// The knowledge of a fetch before it begins.
pub(crate) enum Flight {
    /// Its response is for this request only, or nobody knows.
    Alone,
    /// Others may wait for it, by this name.
    Shared(Key),
    /// The last response by this name could not be stored, and nothing is.
    Unstored(Key),
    /// The last response by this name could not be stored, and an older one is. It is validated by each, and what comes
    /// of that says whether others may wait again.
    Noted(Key),
}
