//! Changing the guard under a running server, and judging by another one beside it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::guard::layer::event::{self, GuardLog};
use crate::guard::policy::{Compiled, Guard};
use crate::guard::request::head::Head;
use crate::guard::verdict::Verdict;

/// Reads and replaces the guard of a [`GuardLayer`](crate::guard::GuardLayer) while requests are served.
///
/// A request is judged by one guard from beginning to end: the old one or the new one. No request waits for
/// a replacement.
///
/// ```
/// use same_origin::guard::{Guard, GuardLayer};
///
/// let trusting = |origin: &str| Guard::builder().trust([origin]).build();
/// let layer = GuardLayer::new(trusting("https://partner.example")?);
/// let handle = layer.handle();
/// handle.replace(trusting("https://other.example")?);
/// assert!(handle.guard().trusted().contains("https://other.example"));
/// # Ok::<(), same_origin::guard::GuardErrors>(())
/// ```
#[derive(Clone, Debug)]
pub struct GuardHandle {
    shared: Arc<Shared>,
}

/// The number of requests on which a candidate and the guard in place differed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Differences {
    /// Admitted by the guard in place, refused by the candidate: requests that would break.
    pub newly_refused: u64,
    /// Refused by the guard in place, admitted by the candidate: requests that would begin to work.
    pub newly_admitted: u64,
}

/// The state that a layer, its services and its handles share.
pub(crate) struct Shared {
    live: ArcSwap<Live>,
    log: GuardLog,
}

/// The guard in place and its candidate, replaced as a whole so that a request needs one look.
#[derive(Clone)]
struct Live {
    guard: Guard,
    candidate: Option<Arc<Candidate>>,
}

/// A guard that judges and is not obeyed.
struct Candidate {
    guard: Guard,
    newly_refused: AtomicU64,
    newly_admitted: AtomicU64,
}

/// The guard in place, and a candidate if there is one.
pub(crate) struct Current<'a> {
    live: arc_swap::Guard<Arc<Live>>,
    log: &'a GuardLog,
}

impl GuardHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Puts another guard in place, for all services of the layer at once.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the guard in place is one that nobody else need hold"
    )]
    pub fn replace(&self, guard: Guard) {
        self.shared.change(|live| live.guard = guard.clone());
    }

    /// The guard in place.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.shared.guard()
    }

    /// Judges each request by a candidate, too, which is not obeyed: so a stricter guard can be tried in
    /// production. Where it differs there is an event of the level `INFO`, and a count in
    /// [`differences`](Self::differences). Replaces the candidate before it; `None` ends it.
    pub fn report_only(&self, candidate: impl Into<Option<Guard>>) {
        let candidate = candidate.into().map(|guard| {
            Arc::new(Candidate {
                guard,
                newly_refused: AtomicU64::new(0),
                newly_admitted: AtomicU64::new(0),
            })
        });
        self.shared
            .change(|live| live.candidate.clone_from(&candidate));
    }

    /// The number of requests on which the candidate differed since [`report_only`](Self::report_only); `None`
    /// without one.
    #[must_use]
    pub fn differences(&self) -> Option<Differences> {
        let live = self.shared.live.load();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        live.candidate.as_ref().map(|candidate| Differences {
            newly_refused: count(&candidate.newly_refused),
            newly_admitted: count(&candidate.newly_admitted),
        })
    }
}

impl Shared {
    pub(crate) fn new(guard: Guard, log: GuardLog) -> Self {
        let candidate = None;
        Self {
            live: ArcSwap::from_pointee(Live { guard, candidate }),
            log,
        }
    }

    #[inline]
    pub(crate) fn current(&self) -> Current<'_> {
        Current {
            live: self.live.load(),
            log: &self.log,
        }
    }

    pub(crate) fn guard(&self) -> Guard {
        self.live.load().guard.clone()
    }

    fn change(&self, change: impl Fn(&mut Live)) {
        self.live.rcu(|live| {
            let mut live = Live::clone(live);
            change(&mut live);
            live
        });
    }
}

impl Current<'_> {
    pub(crate) fn guard(&self) -> &Compiled {
        self.live.guard.compiled()
    }

    /// The verdict, with an event where a request is refused or a candidate differs.
    #[inline]
    pub(crate) fn judge(&self, head: &Head<'_>) -> Verdict {
        let verdict = self.guard().judge(head);
        if let Verdict::Refused(refusal) = verdict {
            event::refused(self.log, self.guard(), refusal, head);
        }
        if let Some(candidate) = &self.live.candidate {
            candidate.compare(self.log, verdict, head);
        }
        verdict
    }
}

impl Candidate {
    /// Notes it if the candidate says something else than the guard in place.
    #[cold]
    fn compare(&self, log: &GuardLog, verdict: Verdict, head: &Head<'_>) {
        let guard = self.guard.compiled();
        match (verdict, guard.judge(head)) {
            (Verdict::Admitted(_), Verdict::Refused(refusal)) => {
                self.newly_refused.fetch_add(1, Ordering::Relaxed);
                event::differs(log, guard, "newly refused", Some(refusal), head);
            }
            (Verdict::Refused(_), Verdict::Admitted(_)) => {
                self.newly_admitted.fetch_add(1, Ordering::Relaxed);
                event::differs(log, guard, "newly admitted", None, head);
            }
            (Verdict::Admitted(_), Verdict::Admitted(_))
            | (Verdict::Refused(_), Verdict::Refused(_)) => {}
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard().fmt(f)
    }
}
