//! The cost of a server: the CPU time of its threads, the kernel's work for its sockets included.
//!
//! It hardly moves when others take the core away, whereas requests per second do.

use std::fs;
use std::time::Duration;

/// The threads whose time is counted.
#[derive(Clone)]
pub enum Meter {
    /// One thread of this process, by its directory below `/proc`.
    Thread(String),
    /// All threads of another process, by its id.
    Process(u32),
}

impl Meter {
    /// The calling thread.
    pub fn this_thread() -> Self {
        let link = fs::read_link("/proc/thread-self").expect("CPU time is read from Linux's /proc");
        Self::Thread(link.to_string_lossy().into_owned())
    }

    /// The time on a CPU up to now.
    pub fn read(&self) -> Duration {
        match self {
            Self::Thread(thread) => on_cpu(&format!("/proc/{thread}")),
            Self::Process(id) => {
                let tasks = fs::read_dir(format!("/proc/{id}/task")).expect("a process");
                tasks
                    .flatten()
                    .map(|task| on_cpu(&task.path().to_string_lossy()))
                    .sum()
            }
        }
    }
}

/// The first number of `schedstat`, in nanoseconds.
fn on_cpu(task: &str) -> Duration {
    let text = fs::read_to_string(format!("{task}/schedstat")).unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
