//! Values of kinds that several tables have.

use std::time::Duration;

use ipnet::IpNet;
use same_origin::proxy::{_canonical_network, _parse_duration};

use super::Checker;
use super::text::no_network;
use super::text::read::LeftOut;

/// A longer time is hardly meant, and could lie beyond what the clock can tell.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl Checker<'_> {
    /// A value, or the problem that there is none.
    pub(super) fn value<T, E>(
        &mut self,
        key: &str,
        value: Result<T, E>,
        message: impl FnOnce(E) -> String,
    ) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(key, message(error));
                None
            }
        }
    }

    pub(super) fn duration(&mut self, key: &str, text: &str) -> Option<Duration> {
        let duration = self.value(key, _parse_duration(text), |error| {
            format!("{text:?} is not a duration ({error}); write \"30s\" or \"500ms\"")
        })?;
        if duration > LONGEST {
            let message = format!("{text:?} is longer than a year; write \"30s\" or \"500ms\"");
            self.problems.push(key, message);
            return None;
        }
        Some(duration)
    }

    pub(super) fn networks(
        &mut self,
        at: &str,
        networks: Option<Vec<String>>,
        left_out: &LeftOut,
    ) -> Vec<IpNet> {
        let mut found = Vec::new();
        for (index, text) in networks.unwrap_or_default().iter().enumerate() {
            let key = left_out.original(&format!("{at}[{index}]"));
            found.extend(self.value(&key, text.parse::<IpNet>(), |_| no_network(text)));
        }
        // Each is compared with addresses that are IPv4 where they can be.
        found.iter().map(_canonical_network).collect()
    }
}
