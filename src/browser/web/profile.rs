//! The memory of a browser: its clock, its caches and its cookies.

use std::time::Duration;

use crate::browser::cache::preflights::PreflightCache;
use crate::browser::cache::responses::HttpCache;
use crate::browser::cookies::Jar;

/// The memory of a browser.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// The browser's own clock, which only [`Web::advance`](crate::browser::Web::advance) moves.
    pub(crate) now: Duration,
    pub(crate) preflights: PreflightCache,
    pub(crate) responses: HttpCache,
    pub(crate) cookies: Jar,
}
