//! Settings of a stop: `drain = "30s"`, or a table of a delay and a timeout.

use std::time::Duration;

use serde::Deserialize;
use toml::Value;

use super::Checker;
use super::text::read::read;

/// Times of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// The time for which the gateway serves on, not ready any more, before it takes no new connections: as long as
    /// balancers need to hear of it.
    pub delay: Duration,
    /// The time that requests in flight may take after that.
    pub timeout: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            timeout: Duration::from_secs(30),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    delay: Option<String>,
    timeout: Option<String>,
}

impl Checker<'_> {
    pub(super) fn drain(&mut self, value: Option<Value>) -> Option<Drain> {
        let default = Drain::default();
        match value {
            None => Some(default),
            Some(Value::String(text)) => Some(Drain {
                timeout: self.duration("drain", &text)?,
                ..default
            }),
            Some(Value::Table(table)) => {
                let times = read::<Times>(table, "drain", &[], &mut self.problems)?.value;
                let mut time = |key: &str, text: Option<String>, default| match text {
                    None => Some(default),
                    Some(text) => self.duration(key, &text),
                };
                // Both are read before one of them ends it.
                let delay = time("drain.delay", times.delay, default.delay);
                let timeout = time("drain.timeout", times.timeout, default.timeout);
                Some(Drain {
                    delay: delay?,
                    timeout: timeout?,
                })
            }
            Some(other) => {
                let message = format!(
                    "{other} does not fit; write text in quotes: \"30s\", or a table: {{ delay = \"5s\", timeout = \"30s\" }}"
                );
                self.problems.push("drain", message);
                None
            }
        }
    }
}
