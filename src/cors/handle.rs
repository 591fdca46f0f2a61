//! Changing the policy under a running server, and judging by another one beside it.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};
use http::Request;

use super::event::{self, Asked, CorsLog};
use super::judge::Verdict;
use super::policy::CorsPolicy;

/// Reads and replaces the policy of a [`CorsLayer`](super::CorsLayer) while requests are served.
///
/// A request is judged by one policy from beginning to end: the old one or the new one. No request
/// waits for a replacement.
///
/// ```
/// use same_origin::cors::{CorsLayer, CorsPolicy};
///
/// let policy = |origin: &str| CorsPolicy::builder().allow_origins([origin]).build();
/// let layer = CorsLayer::new(policy("https://app.example.com")?);
/// let handle = layer.handle();
/// handle.replace(policy("https://new.example.com")?);
/// assert_eq!(handle.policy().to_string(), "allow_origins = [\"https://new.example.com\"]\n");
/// # Ok::<(), same_origin::cors::PolicyErrors>(())
/// ```
#[derive(Clone, Debug)]
pub struct CorsHandle {
    shared: Arc<Shared>,
}

/// Numbers of requests, preflights included, about which a candidate and the policy in place differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Differences {
    /// Allowed by the policy in place, refused by the candidate: pages that would break.
    pub newly_refused: u64,
    /// Refused by the policy in place, allowed by the candidate: pages that would begin to work.
    pub newly_allowed: u64,
    /// Allowed by both, of which one alone allows credentials.
    pub other_credentials: u64,
}

/// The state that a layer shares with its services and handles.
pub(super) struct Shared {
    /// In place until a handle replaces something, which most layers never see. To look whether one did is
    /// a plain load; a swap alone would add 4 to 10 % to what the layer costs (`benches/cors.rs`).
    first: Live,
    replaced: OnceLock<ArcSwap<Live>>,
    log: CorsLog,
}

/// The policy in place, and a candidate beside it. Both are replaced together, so that a request is
/// judged by what stood together.
#[derive(Clone)]
pub(super) struct Live {
    policy: CorsPolicy,
    candidate: Option<Arc<Candidate>>,
}

/// The state that judges one request from beginning to end.
pub(super) enum Current<'a> {
    First(&'a Live),
    Replaced(Guard<Arc<Live>>),
}

/// A policy that is judged and not obeyed.
struct Candidate {
    policy: CorsPolicy,
    newly_refused: AtomicU64,
    newly_allowed: AtomicU64,
    other_credentials: AtomicU64,
}

impl CorsHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Puts another policy in place, for all services of the layer at once.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "handed over, as a reader expects; its clone is a reference"
    )]
    pub fn replace(&self, policy: CorsPolicy) {
        self.shared.replace(|live| Live {
            policy: policy.clone(),
            candidate: live.candidate.clone(),
        });
    }

    /// The policy in place.
    #[must_use]
    pub fn policy(&self) -> CorsPolicy {
        self.shared.current().policy.clone()
    }

    /// Judges each request by a candidate, too, which is not obeyed: so a stricter policy can be tried
    /// in production. Where it differs there is an event of the level `INFO`, and a count in
    /// [`differences`](Self::differences). Replaces the candidate before it; `None` ends it.
    pub fn report_only(&self, candidate: impl Into<Option<CorsPolicy>>) {
        let candidate = candidate.into().map(|policy| {
            Arc::new(Candidate {
                policy,
                newly_refused: AtomicU64::new(0),
                newly_allowed: AtomicU64::new(0),
                other_credentials: AtomicU64::new(0),
            })
        });
        self.shared.replace(|live| Live {
            policy: live.policy.clone(),
            candidate: candidate.clone(),
        });
    }

    /// The requests about which the candidate differed since [`report_only`](Self::report_only); `None`
    /// without a candidate.
    #[must_use]
    pub fn differences(&self) -> Option<Differences> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let live = self.shared.current();
        live.candidate.as_ref().map(|candidate| Differences {
            newly_refused: count(&candidate.newly_refused),
            newly_allowed: count(&candidate.newly_allowed),
            other_credentials: count(&candidate.other_credentials),
        })
    }
}

impl Shared {
    pub(super) fn new(policy: CorsPolicy, log: CorsLog) -> Self {
        let candidate = None;
        Self {
            first: Live { policy, candidate },
            replaced: OnceLock::new(),
            log,
        }
    }

    pub(super) fn log(&self) -> &CorsLog {
        &self.log
    }

    #[inline]
    pub(super) fn current(&self) -> Current<'_> {
        match self.replaced.get() {
            None => Current::First(&self.first),
            Some(live) => Current::Replaced(live.load()),
        }
    }

    fn replace(&self, change: impl FnMut(&Arc<Live>) -> Live) {
        let live = || ArcSwap::from_pointee(self.first.clone());
        self.replaced.get_or_init(live).rcu(change);
    }
}

impl Deref for Current<'_> {
    type Target = Live;

    fn deref(&self) -> &Live {
        match self {
            Self::First(live) => live,
            Self::Replaced(live) => live,
        }
    }
}

impl Live {
    pub(super) fn policy(&self) -> &CorsPolicy {
        &self.policy
    }

    /// The verdict, with an event where a request is refused or a candidate differs.
    #[inline]
    pub(super) fn judge<'a, B>(&'a self, log: &CorsLog, request: &'a Request<B>) -> Verdict<'a> {
        let policy = self.policy.compiled();
        let headers = request.headers();
        let verdict = policy.judge(request.method(), headers);
        if let Some(refusal) = verdict.refusal() {
            let asked = Asked::of(request, verdict.is_preflight());
            event::refused(log, refusal, asked, || {
                policy.refused_name(refusal, headers)
            });
        }
        if let Some(candidate) = &self.candidate {
            candidate.compare(log, verdict, request);
        }
        verdict
    }
}

impl Candidate {
    /// Counts the request if the candidate differs from the policy in place.
    #[cold]
    fn compare<B>(&self, log: &CorsLog, verdict: Verdict<'_>, request: &Request<B>) {
        let policy = self.policy.compiled();
        let tried = policy.judge(request.method(), request.headers());
        let (difference, counter) = match (verdict.grant(), tried.grant()) {
            (Some(_), None) if tried.refusal().is_some() => ("newly refused", &self.newly_refused),
            (None, Some(_)) => ("newly allowed", &self.newly_allowed),
            (Some(old), Some(new)) if old.credentials() != new.credentials() => {
                ("other credentials", &self.other_credentials)
            }
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        event::differs(log, difference, Asked::of(request, verdict.is_preflight()));
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current().policy.fmt(f)
    }
}
