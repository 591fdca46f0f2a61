//! The workers: threads with a runtime each, which take no work from one another.
//!
//! A connection stays with one worker, and so do the connections to upstreams on which its requests go out. With one
//! runtime over two threads the same request cost 9 % more over HTTP/1.1, and 32 % over HTTP/2: tasks that wake each
//! other on two threads. Limits are those of the process, because what counts is shared.
//!
//! One listener is served by all: whoever accepts hands a connection to the worker with the fewest. A listener for
//! each worker (`SO_REUSEPORT`) would lose what waits in the queue of one that is closed, and could not be passed.

use std::io;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

/// The possible numbers of workers: more than any machine has cores for.
pub const WORKERS: RangeInclusive<u32> = 1..=1024;

/// Threads of all workers together that wait for files and names, as many as a runtime has by default.
const BLOCKING_THREADS: usize = 512;
/// Some of them may wait long, and a worker's own are all that it has.
const FEWEST_BLOCKING_THREADS: usize = 64;

/// Polls of tasks between two looks at sockets and timers, where tokio's default is 61. A poll may answer a request with
/// a head of 64 KiB, which takes milliseconds: a few such connections would keep all others waiting for seconds. With 64
/// busy connections a small request then costs half a look, some 1 % of its time; every 4 polls it would be a whole one.
const POLLS_BETWEEN_EVENTS: u32 = 8;

/// The workers, until the last clone is dropped.
#[derive(Clone)]
pub struct Workers {
    all: Arc<[Arc<Worker>]>,
    /// The index at which the search for the least busy worker begins, so that equals take turns.
    turn: Arc<AtomicUsize>,
    /// When all of these are gone, the others' threads end.
    _running: watch::Sender<()>,
}

struct Worker {
    runtime: Handle,
    /// `None` for the thread that has started the others, and is a worker, too.
    thread: Option<JoinHandle<()>>,
    /// The number of connections that it serves.
    connections: AtomicUsize,
}

/// A connection's place at its worker, left when dropped: with its stream, which a tunnel keeps for longer than a
/// server keeps the connection.
pub struct Place(Arc<Worker>);

impl Workers {
    /// Starts so many; by default `TOKIO_WORKER_THREADS`, or as many as there are cores for this process. The first is
    /// this thread, with the runtime that is given back: a process that never had another thread is spared locks by
    /// the C library.
    pub fn start(workers: Option<u32>) -> Result<(Runtime, Self), String> {
        let count = match workers.or_else(of_environment) {
            Some(workers) => workers as usize,
            None => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        };
        Self::start_all(count)
            .map_err(|error| format!("workers: cannot start {count}, write fewer: {error}"))
    }

    fn start_all(count: usize) -> io::Result<(Runtime, Self)> {
        let (running, stop) = watch::channel(());
        let blocking = (BLOCKING_THREADS / count).max(FEWEST_BLOCKING_THREADS);
        let first = runtime(blocking)?;
        let mut all = vec![Worker::new(first.handle(), None)];
        for index in 1..count {
            let (runtime, mut stop) = (runtime(blocking)?, stop.clone());
            let handle = runtime.handle().clone();
            let run = move || {
                let _all_are_gone = runtime.block_on(stop.changed());
                runtime.shutdown_background();
            };
            let thread = thread::Builder::new().name(format!("worker-{index}"));
            all.push(Worker::new(&handle, Some(thread.spawn(run)?)));
        }
        Ok((first, Self::of(all.into(), running)))
    }

    /// The runtime that this is called on alone.
    pub fn this() -> Self {
        let this = Worker::new(&Handle::current(), None);
        Self::of(Arc::new([this]), watch::channel(()).0)
    }

    fn of(all: Arc<[Arc<Worker>]>, running: watch::Sender<()>) -> Self {
        Self {
            all,
            turn: Arc::default(),
            _running: running,
        }
    }

    /// The number of them.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Serves a connection on the worker that has the fewest: it has them for as long as their places are kept.
    ///
    /// # Errors
    ///
    /// The worker cannot wait for the stream: it is closed.
    pub fn serve<F>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream, Place) -> F,
    ) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let place = self.place();
        let worker = Arc::clone(&place.0);
        let stream = if worker.runtime.id() == Handle::current().id() {
            stream
        } else {
            let stream = stream.into_std()?;
            let _there = worker.runtime.enter();
            TcpStream::from_std(stream)?
        };
        worker.runtime.spawn(serve(stream, place));
        Ok(())
    }

    fn place(&self) -> Place {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.all.len();
        let (later, sooner) = self.all.split_at(turn);
        let all = sooner.iter().chain(later);
        let alive = all.filter(|worker| worker.is_alive());
        let fewest = alive.min_by_key(|worker| worker.connections.load(Ordering::Relaxed));
        // The first is whoever asks.
        let worker = Arc::clone(fewest.unwrap_or(&self.all[0]));
        worker.connections.fetch_add(1, Ordering::Relaxed);
        Place(worker)
    }
}

impl Worker {
    fn new(runtime: &Handle, thread: Option<JoinHandle<()>>) -> Arc<Self> {
        Arc::new(Self {
            runtime: runtime.clone(),
            thread,
            connections: AtomicUsize::new(0),
        })
    }

    /// Whether its thread goes on. One that has ended would have the fewest connections for ever.
    fn is_alive(&self) -> bool {
        !self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number in `TOKIO_WORKER_THREADS`. A text that is not such a number is not used, and
/// a warning says so.
fn of_environment() -> Option<u32> {
    let said = std::env::var_os("TOKIO_WORKER_THREADS").filter(|said| !said.is_empty())?;
    let count = said.to_str().and_then(|said| said.trim().parse().ok());
    let count = count.filter(|count| WORKERS.contains(count));
    if count.is_none() {
        let (least, most) = WORKERS.into_inner();
        tracing::warn!(
            "TOKIO_WORKER_THREADS: {said:?} is not used, and there is a worker for each core; write a whole number \
             from {least} to {most}, or unset it"
        );
    }
    count
}

fn runtime(blocking_threads: usize) -> io::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .event_interval(POLLS_BETWEEN_EVENTS)
        .max_blocking_threads(blocking_threads)
        .build()
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::super::connections::Connections;
    use super::super::limits::Limits;
    use super::*;

    async fn connection(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, server) = tokio::join!(client, listener.accept());
        (client.unwrap(), server.unwrap().0)
    }

    #[test]
    fn a_connection_goes_to_the_worker_with_the_fewest() {
        let (runtime, workers) = Workers::start(Some(3)).unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (served, mut on) = mpsc::unbounded_channel();
            let mut clients = Vec::new();
            let mut next = async || {
                let (client, server) = connection(&listener).await;
                let served = served.clone();
                let serve = |mut stream: TcpStream, place: Place| async move {
                    let _placed = place;
                    served.send(Handle::current().id()).unwrap();
                    // Its runtime is the one that waits for it.
                    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
                };
                workers.serve(server, serve).unwrap();
                (client, on.recv().await.unwrap())
            };
            for _ in 0..3 {
                clients.push(next().await);
            }
            for worker in &*workers.all {
                assert_eq!(worker.connections.load(Ordering::Relaxed), 1);
                assert!(clients.iter().any(|(_, on)| *on == worker.runtime.id()));
            }
            let (closed, free) = clients.remove(1);
            drop(closed);
            let freed = |workers: &Workers| {
                let is_free =
                    |worker: &Arc<Worker>| worker.connections.load(Ordering::Relaxed) == 0;
                workers.all.iter().any(is_free)
            };
            while !freed(&workers) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(next().await.1, free);
        });
    }

    #[test]
    fn a_worker_that_has_ended_is_given_nothing() {
        let (runtime, workers) = Workers::start(Some(2)).unwrap();
        let ended = thread::spawn(|| {});
        while !ended.is_finished() {
            thread::yield_now();
        }
        let dead = Worker::new(runtime.handle(), Some(ended));
        let workers = Workers {
            all: Arc::new([Arc::clone(&workers.all[0]), dead]),
            ..workers
        };
        let places: Vec<_> = (0..3).map(|_| workers.place()).collect();
        assert!(places.iter().all(|place| place.0.thread.is_none()));
    }

    #[test]
    fn equals_take_turns() {
        let (_runtime, workers) = Workers::start(Some(3)).unwrap();
        // Each has gone when the next one comes.
        let on: Vec<_> = (0..6).map(|_| workers.place().0.runtime.id()).collect();
        assert_eq!(on[..3], on[3..]);
        assert!(on[0] != on[1] && on[1] != on[2] && on[2] != on[0]);
    }

    /// A tunnel's stream keeps its connection after the server has let go of it.
    #[test]
    fn a_place_is_kept_as_long_as_the_stream() {
        let (_runtime, workers) = Workers::start(Some(1)).unwrap();
        let served = || workers.all[0].connections.load(Ordering::Relaxed);
        let entry = Arc::new(Connections::new(&Limits::default())).admit(None);
        entry.connection.is_served_at(workers.place());
        let of_the_stream = Arc::clone(&entry.connection);
        drop(entry);
        assert_eq!(served(), 1);
        drop(of_the_stream);
        assert_eq!(served(), 0);
    }

    #[test]
    fn threads_end_with_the_last_clone() {
        let (_runtime, workers) = Workers::start(Some(2)).unwrap();
        let other = Arc::clone(&workers.all[1]);
        other.runtime.spawn(pending::<()>());
        drop(workers.clone());
        assert!(other.is_alive());
        drop(workers);
        while other.is_alive() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
