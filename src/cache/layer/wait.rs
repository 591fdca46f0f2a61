//! The wait of a request for another one that fetches the same.

use std::sync::atomic::Ordering;

use http::{HeaderMap, Response};
use tokio::time::{Instant, timeout_at};

use crate::cache::http::status::{Forward, Status};
use crate::cache::layer::answer::Found;
use crate::cache::layer::body::Body;
use crate::cache::layer::fetch::Trip;
use crate::cache::layer::flight::{End, Place};
use crate::cache::layer::look::Flight;
use crate::cache::rules::reuse::Use;

/// The most times that a request waits for others. It is more than once because the other request may get a response
/// that is not for this one, or leave before it has one.
const MOST_WAITS: u32 = 3;

/// The most times that a change of the target has a request wait once more. The first one must not send all who wait to
/// the upstream at once; if changes come all the time, waiting gains nothing.
const MOST_CHANGES: u32 = 1;

/// The outcome of a wait for another request.
pub(crate) enum Waited<R> {
    Answer(Box<Response<Body<R>>>),
    /// The stale response that was found is the answer, and is to be validated.
    Stale(Status),
    InVain,
}

impl Trip {
    /// Waits while another request fetches the same, and returns its response if that is this one's, too.
    pub(crate) async fn wait<R>(&mut self, request: &HeaderMap) -> Waited<R> {
        let deadline = Instant::now() + self.shared.wait;
        let (mut changes, mut waited_for) = (0, None);
        for _ in 0..MOST_WAITS {
            let name = match self.shared.flight(&self.asked, &self.found, request) {
                Flight::Alone => return Waited::InVain,
                Flight::Shared(name) => name,
                Flight::Unstored(name) => {
                    self.unstored = Some(name);
                    return Waited::InVain;
                }
                Flight::Noted(name) => {
                    self.note = Some(name);
                    return Waited::InVain;
                }
            };
            // This fetch brought nothing that serves this request, and the next one would bring the same.
            if waited_for.as_ref() == Some(&name) {
                return Waited::InVain;
            }
            let wait = match self.shared.flights.join(&name) {
                Place::Wait(wait) => wait,
                Place::Lead(lead) => {
                    self.lead = Some(lead);
                    // The one before may have ended since the look.
                    return self.look_again(request);
                }
            };
            if !self.collapsed {
                self.collapsed = true;
                self.shared
                    .counters
                    .collapsed
                    .fetch_add(1, Ordering::Relaxed);
            }
            let Ok(end) = timeout_at(deadline, wait.end()).await else {
                return Waited::InVain;
            };
            let before = self.why();
            let again = self.look_again(request);
            if !matches!(again, Waited::InVain) {
                return again;
            }
            match end {
                End::Failed => return self.after_failure(before, request),
                End::Changed if changes == MOST_CHANGES => return Waited::InVain,
                End::Changed => changes += 1,
                End::Left => {}
                End::Over => waited_for = Some(name),
            }
        }
        Waited::InVain
    }

    fn look_again<R>(&mut self, request: &HeaderMap) -> Waited<R> {
        let before = self.why();
        self.found = self.shared.find(&self.asked, request);
        // RFC 9211 2.1, 2.6: one that waited was forwarded, as a part of another one.
        let status = Status {
            hit: !self.collapsed,
            forward: self.collapsed.then_some(before),
            collapsed: self.collapsed.then_some(true),
            ..Status::default()
        };
        let (found, asked) = (&self.found, &self.asked);
        if let Found::Response(_, Use::AnswerAndValidate) = found {
            // A validation behind the client's back is a flight with a name of its own.
            self.lead = None;
            return Waited::Stale(status);
        }
        let answer = self.shared.at_once(found, asked, request, status);
        answer.map_or(Waited::InVain, |answer| Waited::Answer(Box::new(answer)))
    }

    /// After another one has asked for this one, too, and the upstream has failed: what stands in for that, or a fetch of
    /// its own, at the same time as those of all others who have waited.
    fn after_failure<R>(&self, before: Forward, request: &HeaderMap) -> Waited<R> {
        let Some(stored) = self.stand_in() else {
            return Waited::InVain;
        };
        let status = Status {
            forward: Some(before),
            collapsed: Some(true),
            ..Status::default()
        };
        Waited::Answer(Box::new(self.stale(stored, request, status)))
    }
}
