//! The log of the process on standard error: written by a thread of its own, as whoever reads standard error may not.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use super::sink::{Kind, Sink};

/// Begun by the first line: a process without another thread is spared locks by the C library.
static LOG: OnceLock<Option<Sink>> = OnceLock::new();

/// The writer of the log for a subscriber: a line that is given to it never waits.
#[derive(Clone, Copy)]
pub struct Diagnostics;

impl Diagnostics {
    /// Waits for the lines to be written, for so long at most. Later ones are lost.
    pub fn finish(patience: Duration) {
        if let Some(Some(log)) = LOG.get() {
            log.finish(patience);
        }
    }
}

impl Write for Diagnostics {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match LOG.get_or_init(|| Sink::start(Kind::Diagnostics).ok()) {
            Some(log) => log.write(lines),
            // The system gives no thread: a log that may have to wait is more than none.
            None => io::stderr().write_all(lines)?,
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
