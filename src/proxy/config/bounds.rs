//! Which timeouts and limits a proxy or a client can work with.

use crate::proxy::config::error::ProxyConfigError;
use crate::proxy::config::settings::{Limits, Timeouts};
use crate::proxy::wire::MOST_LINES;
use tokio::sync::Semaphore;

/// With less room for a head every response would be too large.
const LEAST_HEAD: u32 = 1024;

/// Everything that is out of bounds.
pub(crate) fn problems(timeouts: &Timeouts, limits: &Limits) -> Vec<ProxyConfigError> {
    let mut problems = Vec::new();
    for (key, time) in [
        ("timeouts.connect", timeouts.connect),
        ("timeouts.response", timeouts.response),
        ("timeouts.idle", timeouts.idle),
        ("timeouts.tunnel", timeouts.tunnel),
        ("limits.connection_age", limits.connection_age),
    ] {
        if time.is_zero() {
            problems.push(ProxyConfigError::new(key, "0s", "write a time above zero"));
        }
    }
    for (key, count) in [
        ("limits.in_flight", limits.in_flight),
        ("limits.tunnels", limits.tunnels),
    ] {
        let why = match count {
            0 => "write at least 1".to_owned(),
            1..=Semaphore::MAX_PERMITS => continue,
            _ => format!("write at most {}", Semaphore::MAX_PERMITS),
        };
        problems.push(ProxyConfigError::new(key, count.to_string(), why));
    }
    let fields = limits.response_fields;
    if !(1..=MOST_LINES).contains(&fields) {
        let why = format!("write a number from 1 to {MOST_LINES}");
        let key = "limits.response_fields";
        problems.push(ProxyConfigError::new(key, fields.to_string(), why));
    }
    if limits.response_head < LEAST_HEAD {
        let why = format!("write at least {LEAST_HEAD}");
        let value = limits.response_head.to_string();
        problems.push(ProxyConfigError::new("limits.response_head", value, why));
    }
    problems
}
