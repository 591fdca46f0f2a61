//! A thread that writes lines, so that no request waits for a disk, or for who reads a pipe.
//!
//! Lines of requests are gathered for a moment and written together: to wake the thread for each of them costs as much
//! as half of a request. So a line is in its file a twentieth of a second after its request has ended.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::access::Target;
use super::out::Out;

/// The most bytes of lines that wait for the writer. A disk that is slower loses the lines above, which are counted.
const MOST: usize = 4 * 1024 * 1024;
/// The most room for them that is kept after a burst.
const GATHERED_SIZE: usize = 512 * 1024;
/// The time for which the lines of requests are gathered.
const GATHERED: Duration = Duration::from_millis(50);
/// The time for which the end waits for the last lines to be written: a pipe may be one that nobody reads.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The interval at which it is told that lines cannot be written.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Lines on their way to the writer's thread. Dropped, it lets the writer finish, and waits for nothing: a request
/// may be the last that holds a log which a reload has replaced.
pub struct Sink {
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// The log whose lines these are.
#[derive(Clone, Debug)]
pub enum Kind {
    Access(Target),
    /// The log of the process, on standard error.
    Diagnostics,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Told of the first line after a pause, and of the end.
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    lost: u64,
    reopens: bool,
    is_closed: bool,
}

impl Sink {
    pub fn start(kind: Kind) -> io::Result<Self> {
        let out = Out::open(kind.target())?;
        let queue = Arc::<Queue>::default();
        let taken = Arc::clone(&queue);
        let writer = std::thread::Builder::new()
            .name(kind.thread().to_owned())
            .spawn(move || write_all(out, &kind, &taken))?;
        Ok(Self {
            queue,
            writer: Mutex::new(Some(writer)),
        })
    }

    pub fn write(&self, line: &[u8]) {
        let mut waiting = self.queue.lock();
        if waiting.lines.len() + line.len() > MOST {
            waiting.lost += 1;
            return;
        }
        let is_first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        if is_first {
            self.queue.news.notify_one();
        }
    }

    /// Waits until all lines have been written, but not for who does not take them. Later ones are lost. Whether all
    /// have been written.
    pub fn finish(&self, patience: Duration) -> bool {
        self.close();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        let Some(writer) = writer.take() else {
            return true;
        };
        while !writer.is_finished() && begun.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
        writer.is_finished()
    }

    fn close(&self) {
        self.queue.lock().is_closed = true;
        self.queue.news.notify_one();
    }

    /// Opens the file again once the lines that wait have been written to the old one.
    pub fn reopen(&self) {
        self.queue.lock().reopens = true;
        self.queue.news.notify_one();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    /// A poisoned lock guards lines that are whole.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, gathers more for a moment, and takes them; what is put in their place is empty.
    fn take(&self, empty: Vec<u8>, gathered: Duration) -> Waiting {
        let is_idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.is_urgent();
        let waiting = self.news.wait_while(self.lock(), is_idle);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let gathers = |waiting: &mut Waiting| !waiting.is_urgent();
        let waited = self.news.wait_timeout_while(waiting, gathered, gathers);
        let (mut waiting, _timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_closed = waiting.is_closed;
        let next = Waiting {
            lines: empty,
            is_closed,
            ..Waiting::default()
        };
        std::mem::replace(&mut waiting, next)
    }
}

impl Waiting {
    fn is_urgent(&self) -> bool {
        self.reopens || self.is_closed || self.lines.len() > MOST / 2
    }
}

impl Kind {
    fn target(&self) -> &Target {
        match self {
            Self::Access(target) => target,
            Self::Diagnostics => &Target::Stderr,
        }
    }

    fn thread(&self) -> &'static str {
        match self {
            Self::Access(_) => "access-log",
            Self::Diagnostics => "log",
        }
    }

    /// The process may end at once, and a line say why.
    fn gathered(&self) -> Duration {
        match self {
            Self::Access(_) => GATHERED,
            Self::Diagnostics => Duration::ZERO,
        }
    }

    /// Once for each time that somebody wants it opened. Standard error always can be.
    fn tell_not_opened(&self, error: &io::Error) {
        if let Self::Access(Target::File(path)) = self {
            let path = path.display();
            tracing::error!(%path, %error, "the access log cannot be opened again; lines go on into the file that is open");
        }
    }

    /// Tells how many lines were lost. For the log of the process that is one more line of it, after those that were
    /// written.
    fn tell_lost(&self, missed: u64) {
        match self {
            Self::Access(_) => tracing::warn!(
                missed,
                "lines of the access log were lost: it is written too slowly"
            ),
            Self::Diagnostics => tracing::warn!(
                missed,
                "lines of this log were lost: standard error is read too slowly"
            ),
        }
    }
}

/// Writes what comes, until nothing will.
fn write_all(mut out: Out, kind: &Kind, queue: &Queue) {
    let mut failure = Failure::default();
    let mut empty = Vec::new();
    loop {
        let mut taken = queue.take(empty, kind.gathered());
        if !taken.lines.is_empty() {
            failure.tell(kind, out.write(&taken.lines));
        }
        if taken.lost > 0 {
            kind.tell_lost(taken.lost);
        }
        if taken.reopens {
            // The old file goes on to be written if there is no new one.
            match Out::open(kind.target()) {
                Ok(opened) => {
                    out = opened;
                    tracing::info!("SIGHUP: the access log is opened again");
                }
                Err(error) => kind.tell_not_opened(&error),
            }
        }
        // After a loss there is one more line.
        if taken.is_closed && taken.lost == 0 {
            return;
        }
        taken.lines.clear();
        taken.lines.shrink_to(GATHERED_SIZE);
        empty = taken.lines;
    }
}

/// Tells of a log that cannot be written, and that it can be again, and not for every line of it.
#[derive(Default)]
struct Failure {
    told: Option<Instant>,
    /// Whether the last that was told is that it cannot be written.
    is_failing: bool,
}

/// News of a log.
#[derive(Debug)]
enum News {
    Fails(io::Error),
    IsWrittenAgain,
}

impl Failure {
    fn tell(&mut self, kind: &Kind, done: io::Result<()>) {
        // Of standard error there is nobody to be told.
        let Kind::Access(_) = kind else { return };
        match self.news(done) {
            Some(News::Fails(error)) => {
                tracing::error!(%error, "the access log cannot be written; lines are lost, and requests go on");
            }
            Some(News::IsWrittenAgain) => tracing::info!("the access log is written again"),
            None => {}
        }
    }

    /// The news in what a write has come to. A failure soon after one that was told is none, and neither is its end.
    fn news(&mut self, done: io::Result<()>) -> Option<News> {
        match done {
            Ok(()) => std::mem::take(&mut self.is_failing).then_some(News::IsWrittenAgain),
            Err(error) if self.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) => {
                self.told = Some(Instant::now());
                self.is_failing = true;
                Some(News::Fails(error))
            }
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_to_its_end_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let access = |path| Sink::start(Kind::Access(Target::File(path)));
        let sink = access(path.clone()).unwrap();
        sink.write(b"one\n");
        sink.reopen();
        sink.write(b"two\n");
        assert!(sink.finish(PATIENCE));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert!(access(folder.path().join("none/access.log")).is_err());
    }

    #[test]
    fn a_failure_and_its_end_are_told_once() {
        let mut failure = Failure::default();
        let full = || Err(io::ErrorKind::StorageFull.into());
        assert!(failure.news(Ok(())).is_none());
        assert!(matches!(failure.news(full()), Some(News::Fails(_))));
        assert!(failure.news(full()).is_none());
        assert!(matches!(failure.news(Ok(())), Some(News::IsWrittenAgain)));
        assert!(failure.news(Ok(())).is_none());
        // A disk that is full each other moment.
        assert!(failure.news(full()).is_none());
        assert!(failure.news(Ok(())).is_none());
    }
}
