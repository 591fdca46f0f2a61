//! The access log: where its lines go, and in which form.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::line::Line;
use super::sink::{Kind, PATIENCE, Sink};

/// The destination of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Stdout,
    Stderr,
    /// Appended to; opened again when the process gets SIGHUP, so that it can be rotated.
    File(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
}

thread_local! {
    /// Room for a line, which is as long as a target may be.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A log with a line for each request.
pub struct AccessLog {
    sink: Sink,
    format: Format,
    shows_queries: bool,
}

impl AccessLog {
    /// # Errors
    ///
    /// The file cannot be opened for writing.
    pub fn open(target: &Target, format: Format, shows_queries: bool) -> io::Result<Self> {
        Ok(Self {
            sink: Sink::start(Kind::Access(target.clone()))?,
            format,
            shows_queries,
        })
    }

    pub fn shows_queries(&self) -> bool {
        self.shows_queries
    }

    /// Opens the file again, which may be another one by now.
    pub fn reopen(&self) {
        self.sink.reopen();
    }

    /// Waits until the lines of all requests that have ended are written.
    pub fn finish(&self) {
        if !self.sink.finish(PATIENCE) {
            tracing::warn!("the last lines of the access log were lost: it is written too slowly");
        }
    }

    pub fn write(&self, line: &Line, route: &str, bytes: u64, duration: Duration) {
        // A thread that ends has no room any more.
        let _ended = BUFFER.try_with(|text| {
            let text = &mut *text.borrow_mut();
            text.clear();
            match self.format {
                Format::Text => line.text(text, route, bytes, duration),
                Format::Json => line.json(text, route, bytes, duration),
            }
            self.sink.write(text);
        });
    }
}
