//! The runtime, and its workers.

use std::io;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use tokio::runtime::Runtime;

/// The possible numbers of workers: more than any machine has cores for.
pub const WORKERS: RangeInclusive<u32> = 1..=1024;

/// The runtime for so many workers; by default `TOKIO_WORKER_THREADS`, or as many as there are cores
/// for this process.
///
/// One worker has nobody to share work with, so it is spared the machinery for sharing.
pub fn build(workers: Option<u32>) -> Result<Runtime, String> {
    let wanted = std::env::var("TOKIO_WORKER_THREADS")
        .ok()
        .and_then(|count| count.parse().ok());
    let workers = match workers.or(wanted) {
        Some(workers) => workers.clamp(*WORKERS.start(), *WORKERS.end()) as usize,
        None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };
    // One worker is this thread. A process that never had another one is spared locks by the C library.
    let others = if workers > 1 { workers } else { 0 };
    try_threads(others)
        .and_then(|()| start(workers))
        .map_err(|error| format!("workers: cannot start {workers}, write fewer: {error}"))
}

/// Fails if the system does not give so many threads: tokio panics without one, and then waits for the
/// workers that it has, without end.
fn try_threads(count: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    std::thread::scope(|scope| {
        // Locked until all are there, so that they are there together.
        let _locked = gate.lock();
        for _ in 0..count {
            std::thread::Builder::new().spawn_scoped(scope, || drop(gate.lock()))?;
        }
        Ok(())
    })
}

fn start(workers: usize) -> io::Result<Runtime> {
    let mut builder = if workers == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder.enable_all();
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.build()
}
