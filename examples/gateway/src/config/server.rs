//! The table `[server]`.

use std::fmt::Display;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;

use serde::Deserialize;

use super::Checker;
use crate::server::limits::Limits;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    head_timeout: Option<String>,
    #[serde(deserialize_with = "same_origin::proxy::_deserialize_size")]
    head_size: Option<u64>,
    head_fields: Option<i64>,
    connections: Option<NonZeroUsize>,
    streams: Option<NonZeroU32>,
    resets: Option<NonZeroU32>,
    client_resets: Option<NonZeroU32>,
    client_share: Option<f64>,
}

/// Below it no browser's request has room, above it hyper's buffer ends.
const HEAD_SIZES: RangeInclusive<u32> = 1024..=256 * 1024;
/// Each one takes room on every request.
const HEAD_FIELDS: RangeInclusive<u32> = 10..=1000;

impl Checker<'_> {
    pub(super) fn limits(&mut self, server: &Server) -> Limits {
        let mut limits = Limits::default();
        if let Some(text) = &server.head_timeout {
            let timeout = self.duration("server.head_timeout", text);
            if timeout.is_some_and(|timeout| timeout.is_zero()) {
                let message = format!("{text:?} does not fit; write a time above zero");
                self.problems.push("server.head_timeout", message);
            }
            limits.head_timeout = timeout.unwrap_or(limits.head_timeout);
        }
        if let Some(size) = server.head_size {
            limits.head_size = self.within("server.head_size", size, HEAD_SIZES);
        }
        if let Some(fields) = server.head_fields {
            limits.head_fields = self.within("server.head_fields", fields, HEAD_FIELDS) as usize;
        }
        limits.connections = server
            .connections
            .map_or(limits.connections, NonZeroUsize::get);
        limits.streams = server.streams.map_or(limits.streams, NonZeroU32::get);
        limits.resets = server.resets.map_or(limits.resets, NonZeroU32::get);
        limits.client_resets = server
            .client_resets
            .map_or(limits.client_resets, NonZeroU32::get);
        if let Some(share) = server.client_share {
            if share > 0.0 && share <= 1.0 {
                limits.client_share = share;
            } else {
                let message =
                    format!("{share} does not fit; write a share above 0 and at most 1.0");
                self.problems.push("server.client_share", message);
            }
        }
        limits
    }

    /// A number that is in a range, or the problem that it is not and the least one that is.
    pub(super) fn within<N>(&mut self, key: &str, value: N, range: RangeInclusive<u32>) -> u32
    where
        N: Copy + Display + TryInto<u32>,
    {
        let fits = value.try_into().ok().filter(|n| range.contains(n));
        let (least, most) = range.into_inner();
        fits.unwrap_or_else(|| {
            let message =
                format!("{value} does not fit; write a whole number from {least} to {most}");
            self.problems.push(key, message);
            least
        })
    }
}
