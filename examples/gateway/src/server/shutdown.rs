//! The time to stop: SIGTERM or Ctrl-C. A second one, not at once, ends the process without waiting.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::admin::Health;
use crate::observe::Diagnostics;
use crate::server::{Current, Stop, is_over, notify};

/// Exit status of a stop that did not wait for its requests.
const CUT: i32 = 1;

/// The time that the log has then for its last lines.
const LAST_LINES: Duration = Duration::from_millis(200);

/// Signals that follow each other so closely are one wish. `timeout`, and a script that hands on what the service manager
/// sends to its whole group, make two of it, and requests in flight would be cut by nobody's will.
const TOGETHER: Duration = Duration::from_millis(100);

/// Waits for the signals; what is given back hears of the first one, after the delay. Meanwhile the gateway is not
/// ready, and serves on: balancers send requests until they have heard of it.
pub fn on_signal(mut signals: StopSignals, health: &Arc<Health>, current: Current) -> Stop {
    let health = Arc::clone(health);
    let (going, stop) = watch::channel(());
    tokio::spawn(async move {
        signals.next().await;
        let begun = Instant::now();
        health.stopping();
        notify::tell(notify::STOPPING);
        let delay = current.borrow().delay;
        let stopping = async {
            if !delay.is_zero() {
                tracing::info!(
                    ?delay,
                    "stopping: not ready any more, serving on for the delay"
                );
                is_over(begun, current, |settings| settings.delay).await;
            }
            tracing::info!("stopping: requests in flight finish");
            drop(going);
            std::future::pending().await
        };
        tokio::select! {
            () = stopping => {}
            () = signals.next_after(begun + TOGETHER) => {}
        }
        tracing::warn!("stopped at once by a second signal");
        Diagnostics::finish(LAST_LINES);
        std::process::exit(CUT);
    });
    stop
}

impl StopSignals {
    /// Waits for one that comes later than the others.
    async fn next_after(&mut self, earliest: Instant) {
        loop {
            self.next().await;
            if Instant::now() >= earliest {
                return;
            }
        }
    }
}

/// SIGTERM and Ctrl-C.
#[cfg(unix)]
pub struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _signal = self.terminate.recv() => {}
            _signal = self.interrupt.recv() => {}
        }
    }
}

#[cfg(windows)]
pub struct StopSignals {
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl StopSignals {
    pub fn new() -> io::Result<Self> {
        let interrupt = tokio::signal::windows::ctrl_c()?;
        Ok(Self { interrupt })
    }

    async fn next(&mut self) {
        self.interrupt.recv().await;
    }
}
