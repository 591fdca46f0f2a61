//! The configuration is read again: on SIGHUP, or where `reload_on_change` says so when a file has changed. All of
//! it is good, or nothing changes.

mod late;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use late::Late;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use crate::config::{Config, Kept, Problems, Seen, Text, routes_made};
use crate::live::{Live, NextLog};
use crate::observe;
use crate::signals::Heard;

/// The time that files have to be read, for each route: a pipe may be one that nobody writes to, and a file system may
/// have gone.
const READ: Duration = Duration::from_secs(10);
/// The time after which a configuration that was refused is read again, where changes are looked for.
const AGAIN: Duration = Duration::from_secs(2);

/// The settings that a process keeps until its end, whatever a new configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    pub listen: Source,
    pub admin: Source,
    pub workers: Option<u32>,
}

/// The source of an address that a process listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file, which has this address or none.
    File(Option<SocketAddr>),
    /// The command line, or a socket that was passed. The file may say anything.
    Elsewhere,
}

/// A configuration and its log, or all that is wrong with it.
type Made = Result<(Config, NextLog), Problems>;

/// A thread that has panicked.
struct Failed;

/// Reads the configuration again, and again.
pub struct Reloader {
    pub path: PathBuf,
    /// The address of the command line, if one is given.
    pub listen: Option<SocketAddr>,
    pub fixed: Fixed,
    pub live: Arc<Live>,
}

/// A configuration that was refused.
struct Refused {
    problems: Vec<String>,
    /// The time at which it may be read again. Never, if its reader still waits for a file: readers would pile up.
    again_at: Option<Instant>,
}

impl Fixed {
    /// The settings of a configuration that cannot be had without a restart, one line each.
    fn ignored(&self, config: &Config) -> Vec<String> {
        let quoted = |address: Option<SocketAddr>| match address {
            Some(address) => format!("\"{address}\""),
            None => "absent".to_owned(),
        };
        let mut lines = Vec::new();
        let mut add = |key: &str, old: String, new: String| {
            if old != new {
                let line = format!(
                    "{key}: {new} is not taken over, as it cannot change while the gateway runs: \
                     it stays {old} until a restart"
                );
                lines.push(line);
            }
        };
        if let Source::File(listen) = self.listen {
            add("listen", quoted(listen), quoted(Some(config.listen)));
        }
        if let Source::File(admin) = self.admin {
            add("admin.listen", quoted(admin), quoted(config.admin));
        }
        let number = |workers: Option<u32>| {
            workers.map_or_else(|| "absent".to_owned(), |count| count.to_string())
        };
        add("workers", number(self.workers), number(config.workers));
        lines
    }
}

impl Refused {
    /// A file that it names may have come since, which was not looked at: secrets are mounted when they are mounted.
    fn is_due(&self) -> bool {
        self.again_at.is_some_and(|at| Instant::now() >= at)
    }

    /// The old state goes on; all that is wrong with the new one is told.
    fn tell(&self, reason: &str) {
        observe::reload("refused");
        for problem in &self.problems {
            error!("{problem}");
        }
        error!(
            problems = self.problems.len(),
            "{reason}: the new configuration is not served, and nothing has changed"
        );
    }
}

impl Reloader {
    /// Waits for reasons to read the configuration again. Never ends itself.
    pub async fn run(self, mut hangups: Heard) {
        let asked = Notify::new();
        // Whoever rotates the log does not wait for a configuration that takes its time. SIGHUPs that come meanwhile
        // are one more reading.
        let heard = async {
            loop {
                hangups.next().await;
                self.live.reopen_log();
                asked.notify_one();
            }
        };
        join(heard, self.read_when(&asked)).await;
    }

    async fn read_when(&self, asked: &Notify) {
        let mut known = self.live.now().files.clone();
        let mut last = known.clone();
        let mut refused = None;
        let mut late = Late::default();
        loop {
            let interval = self.live.now().reload_on_change;
            tokio::select! {
                () = asked.notified() => {
                    let seen = look(&known).await;
                    refused = self.reload("SIGHUP", None, &mut late).await;
                    known = self.known_after(refused.as_ref(), seen);
                }
                // An earlier signal asked for it, and it was not there yet.
                text = late.written() => {
                    let seen = look(&known).await;
                    refused = self.reload_of(text, "SIGHUP, late", None).await;
                    known = self.known_after(refused.as_ref(), seen);
                }
                () = pause(interval) => {
                    let seen = look(&known).await;
                    // Seen twice alike: who writes it has done so.
                    let (is_still, is_new) = (seen == last, seen != known);
                    if is_still && (is_new || refused.as_ref().is_some_and(Refused::is_due)) {
                        let before = refused.filter(|_| !is_new);
                        refused = self.reload("a file has changed", before, &mut late).await;
                        known = self.known_after(refused.as_ref(), seen.clone());
                    }
                    last = seen;
                }
            }
        }
    }

    /// The files whose next change is news: those of what is served now, or those that were refused.
    fn known_after(&self, refused: Option<&Refused>, seen: Vec<Seen>) -> Vec<Seen> {
        match refused {
            None => self.live.now().files.clone(),
            Some(_) => seen,
        }
    }

    /// Gives the configuration that was refused, if it was. One with the problems of `before` is not told of again.
    async fn reload(
        &self,
        reason: &str,
        before: Option<Refused>,
        late: &mut Late,
    ) -> Option<Refused> {
        let text = late.text(&self.path).await;
        self.reload_of(text, reason, before).await
    }

    async fn reload_of(
        &self,
        text: Option<Result<Text, JoinError>>,
        reason: &str,
        before: Option<Refused>,
    ) -> Option<Refused> {
        match self.read(text).await {
            Ok((config, log)) => {
                self.apply(config, log, reason).await;
                None
            }
            Err(refused) => {
                if before.is_none_or(|before| before.problems != refused.problems) {
                    refused.tell(reason);
                }
                Some(refused)
            }
        }
    }

    async fn apply(&self, config: Config, log: NextLog, reason: &str) {
        let ignored = self.fixed.ignored(&config);
        for warning in config.warnings.lines() {
            warn!("{warning}");
        }
        let routes = config.table.len();
        // A thousand routes to begin and as many to let go of take tenths of a second, which are not a worker's.
        let live = Arc::clone(&self.live);
        let replacing = spawn_blocking(move || live.replace(config, log));
        let Ok(unchanged) = replacing.await else {
            observe::reload("refused");
            error!("{reason}: the thread that begins to serve the new configuration has failed");
            return;
        };
        for line in ignored {
            warn!("{line}");
        }
        observe::reload("applied");
        info!(
            routes,
            unchanged, "{reason}: the configuration was read again and is served"
        );
    }

    async fn read(
        &self,
        text: Option<Result<Text, JoinError>>,
    ) -> Result<(Config, NextLog), Refused> {
        let read = match text {
            Some(Ok(text)) => self.made_of(text).await,
            Some(Err(_)) => Some(Err(Failed)),
            None => None,
        };
        let problem = match read {
            Some(Ok(read)) => {
                return read.map_err(|problems| Refused {
                    problems: problems.lines().collect(),
                    // A pipe has nothing until somebody writes, and whoever waits there takes it from the next reader.
                    again_at: self.path.is_file().then(|| Instant::now() + AGAIN),
                });
            }
            Some(Err(Failed)) => {
                "the configuration could not be read: its reader has failed".to_owned()
            }
            None => format!(
                "{}: it, or a file that it names, could not be read within {READ:?}; look for a pipe that nobody \
                 writes to, or a file system that does not answer",
                self.path.display()
            ),
        };
        Err(Refused {
            problems: vec![problem],
            again_at: None,
        })
    }

    /// The configuration of a text, or `None` if a file that it names takes too long.
    async fn made_of(&self, text: Text) -> Option<Result<Made, Failed>> {
        let (listen, live) = (self.listen, Arc::clone(&self.live));
        let (gives, given) = oneshot::channel();
        spawn_blocking(move || {
            let is_late = || gives.is_closed();
            let made = make(&text, listen, &live, is_late);
            let _nobody_waits = gives.send(made);
        });
        let made = patiently(given, routes_made).await?;
        Some(made.map_err(|_| Failed))
    }
}

/// Makes all of it as if for the first time, which nobody sees, and then what has changed. A late one is not made:
/// its routes would be known to the others, and never be served.
fn make(text: &Text, listen: Option<SocketAddr>, live: &Live, is_late: impl Fn() -> bool) -> Made {
    // Both of the same text: a pipe holds it no second time, and a file may be another one by then.
    let config = Config::of(text, listen, &Kept::default())?;
    let log = live.next_log(&config).map_err(|problem| {
        let mut problems = Problems::default();
        problems.push("", problem);
        problems
    })?;
    if is_late() {
        return Err(Problems::default());
    }
    let kept = live.now().kept.clone();
    let mut next = Config::of(text, listen, &kept)?;
    // Of all routes, and not of those alone that are new.
    next.warnings = config.warnings;
    Ok((next, log))
}

/// The result of a reader, or `None` if it has made nothing for too long, and so waits for a file. A reader that makes
/// many routes may take its time.
async fn patiently<T>(
    mut given: oneshot::Receiver<T>,
    made: impl Fn() -> usize,
) -> Option<Result<T, oneshot::error::RecvError>> {
    let mut before = made();
    loop {
        if let Ok(given) = timeout(READ, &mut given).await {
            return Some(given);
        }
        if made() == before {
            return None;
        }
        before = made();
    }
}

/// The files as they are now, or as they were where that cannot be told in time.
async fn look(files: &[Seen]) -> Vec<Seen> {
    let before = files.to_vec();
    let looking = spawn_blocking(move || before.iter().map(Seen::again).collect());
    match timeout(READ, looking).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(_)) | Err(_) => files.to_vec(),
    }
}

/// Between two looks; for ever if none is asked for.
async fn pause(interval: Option<Duration>) {
    match interval {
        Some(interval) => sleep(interval).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_late_when_it_makes_nothing_for_too_long() {
        let begun = Instant::now();
        // A route a second, for a minute.
        let made = || begun.elapsed().min(READ * 6).as_secs() as usize;
        let (gives, given) = oneshot::channel();
        let reader = async {
            sleep(READ * 6).await;
            gives.send(1)
        };
        let (_, given) = join(reader, patiently(given, made)).await;
        assert_eq!(given, Some(Ok(1)));
        let (_gives, given) = oneshot::channel::<u8>();
        assert_eq!(patiently(given, made).await, None);
        assert_eq!(begun.elapsed(), READ * 7);
    }

    #[test]
    fn what_cannot_change_is_named_with_both_values() {
        const ROUTE: &str = "[[routes]]\nprefix = '/'\nupstream = 'http://127.0.0.1:1'";
        let config = |text: &str| Config::parse(text, "test", Path::new(""), None).unwrap();
        let fixed = Fixed {
            listen: Source::File(Some(([127, 0, 0, 1], 8080).into())),
            admin: Source::File(None),
            workers: None,
        };
        assert_eq!(fixed.ignored(&config(ROUTE)), [""; 0]);
        let other = format!(
            "listen = ':9000'\nworkers = 2\nadmin = {{ listen = '127.0.0.1:9090' }}\n{ROUTE}"
        );
        let ignored = fixed.ignored(&config(&other));
        for (line, key, words) in [
            (
                &ignored[0],
                "listen: \"[::]:9000\"",
                "stays \"127.0.0.1:8080\"",
            ),
            (
                &ignored[1],
                "admin.listen: \"127.0.0.1:9090\"",
                "stays absent",
            ),
            (&ignored[2], "workers: 2", "stays absent"),
        ] {
            assert!(line.starts_with(key) && line.contains(words), "{line}");
        }
        // If the file's address is not in use, it may be any.
        let elsewhere = Fixed {
            listen: Source::Elsewhere,
            admin: Source::Elsewhere,
            ..fixed
        };
        assert_eq!(elsewhere.ignored(&config(&other)).len(), 1);
    }
}
