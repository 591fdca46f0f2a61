//! Whether the gateway should be sent requests.

use std::sync::atomic::{AtomicU8, Ordering};

/// The state that `/readyz` tells. Liveness has none: whoever answers lives.
#[derive(Debug, Default)]
pub struct Health(AtomicU8);

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const STOPPING: u8 = 2;

impl Health {
    /// It listens.
    pub fn serving(&self) {
        let _stopping =
            self.0
                .compare_exchange(STARTING, SERVING, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// It is going to stop. It serves on for a while, so that a balancer hears of it before it stops.
    pub fn stopping(&self) {
        self.0.store(STOPPING, Ordering::Relaxed);
    }

    /// `None` if it is ready.
    pub fn why_not_ready(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) {
            SERVING => None,
            STARTING => Some("starting"),
            _ => Some("stopping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_between_starting_and_stopping() {
        let health = Health::default();
        assert_eq!(health.why_not_ready(), Some("starting"));
        health.serving();
        assert_eq!(health.why_not_ready(), None);
        health.stopping();
        health.serving();
        assert_eq!(health.why_not_ready(), Some("stopping"));
    }
}
