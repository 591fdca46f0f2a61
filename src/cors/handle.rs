//! Changing the policy under a running server.

use super::policy::{Compiled, CorsPolicy};
use arc_swap::{ArcSwap, Guard};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// Replaces and reads the policy of a [`CorsLayer`](super::CorsLayer) while requests are served.
///
/// A request is judged by one policy from beginning to end: the old one or the new one.
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

/// What a layer, its services and its handles have in common.
pub(super) struct Shared {
    /// The policy until the first replacement. It is read without any synchronization but the look
    /// at the cell below, which is a plain load: most policies are never replaced.
    first: CorsPolicy,
    replaced: OnceLock<ArcSwap<Compiled>>,
}

/// The policy that judges one request.
pub(super) enum Current<'a> {
    First(&'a Compiled),
    Replaced(Guard<Arc<Compiled>>),
}

impl CorsHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Puts another policy in place, for all services of the layer at once.
    pub fn replace(&self, policy: CorsPolicy) {
        let policy = policy.shared();
        let swap = self
            .shared
            .replaced
            .get_or_init(|| ArcSwap::new(Arc::clone(&policy)));
        swap.store(policy);
    }

    /// The policy in place.
    #[must_use]
    pub fn policy(&self) -> CorsPolicy {
        match self.shared.replaced.get() {
            None => self.shared.first.clone(),
            Some(swap) => CorsPolicy::from_shared(swap.load_full()),
        }
    }
}

impl Shared {
    pub(super) fn new(policy: CorsPolicy) -> Self {
        Self {
            first: policy,
            replaced: OnceLock::new(),
        }
    }

    pub(super) fn policy(&self) -> Current<'_> {
        match self.replaced.get() {
            None => Current::First(self.first.compiled()),
            Some(swap) => Current::Replaced(swap.load()),
        }
    }
}

impl Deref for Current<'_> {
    type Target = Compiled;

    fn deref(&self) -> &Compiled {
        match self {
            Self::First(policy) => policy,
            Self::Replaced(policy) => policy,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = match self.replaced.get() {
            None => self.first.clone(),
            Some(swap) => CorsPolicy::from_shared(swap.load_full()),
        };
        f.debug_tuple("Shared").field(&policy).finish()
    }
}
