//! A thread that writes lines, so that no request waits for a disk.

use super::access::Target;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Lines that may wait for the writer. A disk that is slower loses the lines above, which are counted.
const WAITING: usize = 8 * 1024;

enum Order {
    Line(String),
    Reopen,
    /// Told when all before it has been written.
    Flush(SyncSender<()>),
}

/// The end of a queue to the writer's thread. Dropped, it waits until all that is in it has been written.
pub struct Sink {
    orders: Option<SyncSender<Order>>,
    lost: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Sink {
    pub fn open(target: &Target) -> io::Result<Self> {
        let out = Out::open(target)?;
        let (orders, queue) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let (target, counted) = (target.clone(), Arc::clone(&lost));
        let writer = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(out, &target, &queue, &counted))?;
        Ok(Self {
            orders: Some(orders),
            lost,
            writer: Mutex::new(Some(writer)),
        })
    }

    pub fn write(&self, line: String) {
        if let Some(orders) = &self.orders
            && let Err(TrySendError::Full(_)) = orders.try_send(Order::Line(line))
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn reopen(&self) {
        if let Some(orders) = &self.orders {
            let _writer_is_gone = orders.send(Order::Reopen);
        }
    }
}

impl Sink {
    /// Waits until all lines have been written.
    pub fn flush(&self) {
        let (done, written) = sync_channel(1);
        if let Some(orders) = &self.orders
            && orders.send(Order::Flush(done)).is_ok()
        {
            let _writer_is_gone = written.recv();
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.orders = None;
        let writer = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            let _panicked = writer.join();
        }
    }
}

enum Out {
    Stdout,
    Stderr,
    File(BufWriter<File>),
}

impl Out {
    fn open(target: &Target) -> io::Result<Self> {
        Ok(match target {
            Target::Stdout => Self::Stdout,
            Target::Stderr => Self::Stderr,
            Target::File(path) => Self::File(BufWriter::new(append_to(path)?)),
        })
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().write_all(line.as_bytes()),
            Self::Stderr => io::stderr().lock().write_all(line.as_bytes()),
            Self::File(file) => file.write_all(line.as_bytes()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().flush(),
            Self::Stderr => io::stderr().lock().flush(),
            Self::File(file) => file.flush(),
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Writes what comes, and flushes when nothing waits.
fn write_all(mut out: Out, target: &Target, queue: &Receiver<Order>, lost: &AtomicU64) {
    while let Ok(first) = queue.recv() {
        let mut next = Some(first);
        while let Some(order) = next {
            let done = match order {
                Order::Line(line) => out.write(&line),
                Order::Reopen => out.flush().and_then(|()| {
                    out = Out::open(target)?;
                    Ok(())
                }),
                Order::Flush(done) => out.flush().inspect(|()| {
                    let _nobody_waits = done.send(());
                }),
            };
            // The old file goes on to be written; there is nobody else to tell.
            if let Err(error) = done {
                tracing::error!(%error, "the access log cannot be written");
            }
            next = queue.try_recv().ok();
        }
        let missed = lost.swap(0, Ordering::Relaxed);
        if missed > 0 {
            tracing::warn!(
                missed,
                "lines of the access log were lost: it is written too slowly"
            );
        }
        let _reported_with_the_next_line = out.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_to_its_end_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let sink = Sink::open(&Target::File(path.clone())).unwrap();
        sink.write("one\n".to_owned());
        sink.reopen();
        sink.write("two\n".to_owned());
        drop(sink);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        let nowhere = Target::File(folder.path().join("none/access.log"));
        assert!(Sink::open(&nowhere).is_err());
    }
}
