//! Attempts to connect, one at a time, on behalf of all who wait.

use super::connect::ConnectError;
use crate::proxy::error::ProxyErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Mutex, MutexGuard};

/// The attempts to make a connection that many share.
///
/// Who comes while one is under way waits for it. If it fails, all of them fail with it: each trying in
/// turn would take the last of them as many timeouts as there are.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failures: AtomicUsize,
    /// Held during an attempt. How the last one failed, and what it said.
    last: Mutex<Option<Failure>>,
}

type Failure = (ProxyErrorKind, String);

/// The right to try. Dropped, as with a client that has gone, it leaves the attempt to the next.
pub(super) struct Attempt<'a> {
    failures: &'a AtomicUsize,
    last: MutexGuard<'a, Option<Failure>>,
}

impl Attempts {
    /// The right to try, once nobody else does; or how the attempt failed that was waited for.
    pub(super) async fn begin(&self) -> Result<Attempt<'_>, ConnectError> {
        let before = self.failures.load(Ordering::Acquire);
        let last = self.last.lock().await;
        match &*last {
            Some((kind, cause)) if self.failures.load(Ordering::Acquire) != before => {
                Err(ConnectError::new(*kind, cause.as_str()))
            }
            _ => Ok(Attempt {
                failures: &self.failures,
                last,
            }),
        }
    }
}

impl Attempt<'_> {
    pub(super) fn failed(&mut self, error: &ConnectError) {
        *self.last = Some((error.kind, error.source.to_string()));
        self.failures.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{join, join_all};

    #[tokio::test]
    async fn all_who_waited_for_an_attempt_fail_with_it() {
        let attempts = Attempts::default();
        let mut attempt = attempts.begin().await.unwrap();
        let waiting = join_all((0..9).map(|_| attempts.begin()));
        let failing = async {
            tokio::task::yield_now().await;
            attempt.failed(&ConnectError::new(
                ProxyErrorKind::ConnectTimeout,
                "silence",
            ));
            drop(attempt);
        };
        let (outcomes, ()) = join(waiting, failing).await;
        for outcome in outcomes {
            let error = outcome.err().expect("nobody tries again");
            assert_eq!(error.kind, ProxyErrorKind::ConnectTimeout);
            assert_eq!(error.source.to_string(), "silence");
        }
        // Who comes later tries anew.
        assert!(attempts.begin().await.is_ok());
    }

    #[tokio::test]
    async fn an_attempt_that_was_given_up_is_the_next_ones() {
        let attempts = Attempts::default();
        let attempt = attempts.begin().await.unwrap();
        let (next, ()) = join(attempts.begin(), async { drop(attempt) }).await;
        assert!(next.is_ok());
    }
}
