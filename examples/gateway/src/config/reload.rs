//! The key `reload_on_change`: whether the file is read again by itself when it has changed.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Value;

use super::Checker;
use super::text::given;

/// The interval at which the files are looked at, where only `true` is said.
const INTERVAL: Duration = Duration::from_secs(2);
/// More often would be a busy loop, more rarely a surprise.
const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

impl Checker<'_> {
    /// The interval at which the files are looked at, if they are.
    pub(super) fn reload_on_change(&mut self, value: Option<Value>) -> Option<Duration> {
        const KEY: &str = "reload_on_change";
        match value {
            None | Some(Value::Boolean(false)) => None,
            Some(Value::Boolean(true)) => Some(INTERVAL),
            Some(Value::String(text)) => {
                let interval = self.duration(KEY, &text)?;
                if INTERVALS.contains(&interval) {
                    return Some(interval);
                }
                let message = format!("{text:?} does not fit; write a time from 100ms to 1h");
                self.problems.push(KEY, message);
                None
            }
            Some(other) => {
                let given = given(&other);
                let message = format!(
                    "{given} does not fit; write `true`, `false`, or how often to look: \"2s\""
                );
                self.problems.push(KEY, message);
                None
            }
        }
    }
}
