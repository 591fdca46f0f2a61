//! Signals of an operator. The handlers are installed before there is anything to serve, because what the system does
//! by itself at each of these signals is to end the process. One that came before is obeyed once the gateway serves.

use std::io;

use tokio::runtime::Builder;

use crate::server::shutdown::StopSignals;

/// The signals that the gateway listens for.
pub struct Signals {
    pub stop: StopSignals,
    /// SIGHUP.
    pub hangups: Heard,
    /// SIGUSR1.
    pub empty_caches: Heard,
}

impl Signals {
    /// Begins to listen.
    pub fn hear() -> io::Result<Self> {
        // The handlers are the process's, and who waits for them may do so on another runtime: the number of workers
        // is not known yet.
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let _there = runtime.enter();
        Ok(Self {
            stop: StopSignals::new()?,
            hangups: Heard::hangups()?,
            empty_caches: Heard::empty_caches()?,
        })
    }
}

/// A signal, where there is such a one.
pub struct Heard(#[cfg(unix)] tokio::signal::unix::Signal);

#[cfg(unix)]
impl Heard {
    fn hangups() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    fn empty_caches() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::user_defined1()).map(Self)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
impl Heard {
    fn hangups() -> io::Result<Self> {
        Ok(Self())
    }

    fn empty_caches() -> io::Result<Self> {
        Ok(Self())
    }

    /// Waits for ever.
    pub async fn next(&mut self) {
        std::future::pending().await
    }
}
