//! The text of a configuration that takes its time: a pipe has none until somebody writes.

use std::future::pending;
use std::path::Path;

use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::READ;
use crate::config::Text;

/// The outcome of a thread that reads, or `None` if it takes too long.
pub type Read = Option<Result<Text, JoinError>>;

/// A reading that was given up on, if there is one.
///
/// Whoever waits at a pipe cannot be called back, and a second one beside it would share what is written with it. So what
/// it reads is served when it comes.
#[derive(Default)]
pub struct Late(Option<Reading>);

struct Reading {
    pipe: Option<Pipe>,
    text: JoinHandle<Text>,
}

/// Something other than a plain file, told from another one at its path by its device and its number there.
type Pipe = (u64, u64);

impl Late {
    /// The text of the file.
    pub async fn text(&mut self, path: &Path) -> Read {
        let at = path.to_owned();
        let pipe = timeout(READ, spawn_blocking(move || pipe_at(&at))).await;
        let pipe = pipe.ok()?.ok().flatten();
        let late = self.0.take();
        let late_at_it = late.filter(|late| pipe.is_some() && late.pipe == pipe);
        let mut reading = late_at_it.unwrap_or_else(|| {
            let path = path.to_owned();
            let text = spawn_blocking(move || Text::read(&path));
            Reading { pipe, text }
        });
        let text = timeout(READ, &mut reading.text).await;
        if text.is_err() {
            self.0 = Some(reading);
        }
        text.ok()
    }

    /// The text that a pipe gives late, when it comes.
    pub async fn written(&mut self) -> Read {
        let Some(late) = self.0.as_mut().filter(|late| late.pipe.is_some()) else {
            return pending().await;
        };
        let text = (&mut late.text).await;
        self.0 = None;
        Some(text)
    }
}

/// The pipe at a path, if one is there.
fn pipe_at(path: &Path) -> Option<Pipe> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path).ok().filter(|it| !it.is_file())?;
        Some((found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
