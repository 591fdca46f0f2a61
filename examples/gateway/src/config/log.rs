//! The table `[log]`.

use serde::Deserialize;
use toml::Value;

use super::Checker;
use super::text::given;
use crate::observe::{Format, Target};

/// The access log, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub target: Target,
    pub format: Format,
    pub shows_queries: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogTable {
    access: Option<Value>,
    format: Option<String>,
    #[serde(default)]
    query: bool,
}

impl Checker<'_> {
    pub(super) fn log(&mut self, table: LogTable) -> Option<Log> {
        let format = match table.format.as_deref() {
            None | Some("text") => Some(Format::Text),
            Some("json") => Some(Format::Json),
            Some(other) => {
                let message = format!("{other:?} is not a format; write \"text\" or \"json\"");
                self.problems.push("log.format", message);
                None
            }
        };
        let target = match table.access {
            None | Some(Value::Boolean(false)) => return None,
            Some(Value::String(text)) => match text.as_str() {
                "stdout" => Target::Stdout,
                "stderr" => Target::Stderr,
                path => self.log_file(path)?,
            },
            Some(other) => {
                let message = format!(
                    "{} does not fit; write \"stdout\", \"stderr\", the name of a file, or false for no log",
                    given(&other)
                );
                self.problems.push("log.access", message);
                return None;
            }
        };
        Some(Log {
            target,
            format: format?,
            shows_queries: table.query,
        })
    }

    /// A file, which is made by the first start and not by a check.
    fn log_file(&mut self, path: &str) -> Option<Target> {
        if path.is_empty() {
            let message =
                "\"\" is not the name of a file; write \"access.log\", or false for no log";
            self.problems.push("log.access", message);
            return None;
        }
        let path = self.folder.join(path);
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
            let message = format!(
                "{} is not a file in a folder that exists; make the folder, or name another file",
                path.display()
            );
            self.problems.push("log.access", message);
            return None;
        }
        let target = Target::named(&path);
        self.value("log.access", target.check(), |error| {
            format!(
                "cannot write to {}: {error}; name a file that may be written, or write \"stdout\" or \"stderr\"",
                path.display()
            )
        })?;
        Some(target)
    }
}
