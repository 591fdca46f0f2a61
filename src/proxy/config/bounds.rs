//! Timeouts and limits that are too small or too large.

use std::borrow::Cow;

use tokio::sync::Semaphore;

use crate::proxy::config::error::{ProxyConfigError, ProxyConfigErrorKind as Kind};
use crate::proxy::config::settings::{Limits, Timeouts};
use crate::proxy::wire::MOST_LINES;

/// With less room for a head every response would be too large.
pub(crate) const LEAST_HEAD: u32 = 1024;

/// Timeouts and limits that a proxy or a client cannot work with.
pub(crate) fn out_of_bounds(timeouts: &Timeouts, limits: &Limits) -> Vec<ProxyConfigError> {
    let mut errors = Vec::new();
    let mut wrong = |key: &'static str, value: String, remedy: Cow<'static, str>| {
        errors.push(ProxyConfigError::new(key, Kind::OutOfBounds, remedy).value_at(None, value));
    };
    for (key, time) in [
        ("timeouts.connect", timeouts.connect),
        ("timeouts.response", timeouts.response),
        ("timeouts.idle", timeouts.idle),
        ("timeouts.tunnel", timeouts.tunnel),
        ("timeouts.client", timeouts.client),
        ("limits.connection_age", limits.connection_age),
    ] {
        if time.is_zero() {
            wrong(key, "0s".to_owned(), "write a time above zero".into());
        }
    }
    for (key, count) in [
        ("limits.in_flight", limits.in_flight),
        ("limits.tunnels", limits.tunnels),
    ] {
        match count {
            0 => wrong(key, count.to_string(), "write at least 1".into()),
            1..=Semaphore::MAX_PERMITS => {}
            _ => {
                let remedy = format!("write at most {}", Semaphore::MAX_PERMITS);
                wrong(key, count.to_string(), remedy.into());
            }
        }
    }
    for (key, share) in [
        ("limits.client_share", limits.client_share),
        ("limits.connection_share", limits.connection_share),
    ] {
        // Written so that what is not a number is refused, too.
        if !(share > 0.0 && share <= 1.0) {
            let remedy = "write a share above 0 and at most 1.0, which switches the bound off";
            wrong(key, share.to_string(), remedy.into());
        }
    }
    if limits.response_head < LEAST_HEAD {
        let remedy = format!("write at least {LEAST_HEAD}");
        let value = limits.response_head.to_string();
        wrong("limits.response_head", value, remedy.into());
    }
    let fields = limits.response_fields;
    if !(1..=MOST_LINES).contains(&fields) {
        let remedy = format!("write a number from 1 to {MOST_LINES}");
        wrong("limits.response_fields", fields.to_string(), remedy.into());
    }
    errors
}
