//! Settings of a cache, and their check.

use std::time::Duration;

use crate::cache::config::error::{CacheError, CacheErrorKind};
use crate::cache::http::control::MOST_SECONDS;
use crate::fields::is_token;

/// Settings of a [`Cache`](crate::cache::Cache), checked all at once by [`build`](Self::build).
///
/// With the feature `serde` it is also the cache's configuration: its keys are the names of the setters, all
/// are optional, unknown keys are refused. A size is a number of bytes or text such as `"64MB"` (by 1000) or
/// `"10MiB"` (by 1024), a time is text such as `"30s"`.
///
/// # Examples
///
/// ```
/// use same_origin::cache::Cache;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), same_origin::cache::CacheErrors> {
/// let cache = Cache::builder()
///     .size(256_000_000)
///     .object(10_000_000)
///     .stale(Duration::from_secs(60)) // may stand in for an upstream that fails
///     .build()?;
/// # let _ = cache;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use]
pub struct CacheBuilder {
    #[cfg_attr(feature = "serde", serde(with = "crate::units::size"))]
    pub(crate) size: u64,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::size"))]
    pub(crate) object: u64,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    pub(crate) stale: Duration,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    pub(crate) wait: Duration,
    pub(crate) name: String,
    pub(crate) dangerously_store_set_cookie: bool,
}

impl Default for CacheBuilder {
    fn default() -> Self {
        Self {
            size: 64_000_000,
            object: 1_000_000,
            stale: Duration::ZERO,
            wait: Duration::from_secs(5),
            name: "same-origin".to_owned(),
            dangerously_store_set_cookie: false,
        }
    }
}

impl CacheBuilder {
    /// Bytes that all stored responses may take together, with their heads and what is needed to find
    /// them. Default: 64 MB. Bodies on their way into the cache may take as much again.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = bytes;
        self
    }

    /// The longest body that is stored, in bytes. Default: 1 MB. A longer one goes to its client and is
    /// not stored, nor is one that with its head is larger than [`size`](Self::size).
    pub fn object(mut self, bytes: u64) -> Self {
        self.object = bytes;
        self
    }

    /// The time for which a response may stand in for an upstream that fails (no answer, 500, 502, 503 or 504) after it
    /// has become stale, where it does not say so itself by `stale-if-error` (RFC 5861 4). Default: zero. Where
    /// the response forbids it (`must-revalidate`, `proxy-revalidate`, `s-maxage`, `no-cache`), or never was fresh, it
    /// never does.
    pub fn stale(mut self, time: Duration) -> Self {
        self.stale = time;
        self
    }

    /// The time for which a request waits for another one that fetches the same, before it goes to the upstream itself.
    /// Default: 5 s.
    pub fn wait(mut self, time: Duration) -> Self {
        self.wait = time;
        self
    }

    /// The cache's name in `Cache-Status` (RFC 9211), a token. Default: `same-origin`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Whether a response that sets a cookie may be stored, if all else allows it, and given to everybody,
    /// cookie included. RFC 9111 7.3 leaves it to the upstream to forbid that; one that forgets it hands the
    /// session of one user to the next. Default: `false`.
    pub fn dangerously_store_set_cookie(mut self, store: bool) -> Self {
        self.dangerously_store_set_cookie = store;
        self
    }

    pub(crate) fn problems(&self) -> Vec<CacheError> {
        let mut problems = Vec::new();
        let sizes = [("size", self.size), ("object", self.object)];
        for (key, _) in sizes.iter().filter(|(_, bytes)| *bytes == 0) {
            let remedy = "write at least 1, or leave the cache out";
            let error = CacheError::new(*key, CacheErrorKind::Zero, remedy);
            problems.push(error.value_at(None, "0"));
        }
        if self.object > self.size && self.size > 0 {
            let remedy = format!("write at most the `size`, {}", self.size);
            let error = CacheError::new("object", CacheErrorKind::LargerThanSize, remedy);
            problems.push(error.value_at(None, self.object.to_string()));
        }
        for (key, time) in [("stale", self.stale), ("wait", self.wait)] {
            if time.as_secs() > MOST_SECONDS {
                let remedy = "write at most 68 years";
                let value = format!("{}s", time.as_secs());
                let error = CacheError::new(key, CacheErrorKind::TooLong, remedy);
                problems.push(error.value_at(None, value));
            }
        }
        if !is_name(&self.name) {
            let remedy = "write a letter, and then letters, digits and -_.:/ only";
            let error = CacheError::new("name", CacheErrorKind::Name, remedy);
            problems.push(error.value_at(None, &*self.name));
        }
        problems
    }
}

/// RFC 9651 3.3.4.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'*')
        && bytes.all(|byte| is_token(&[byte]) || byte == b':' || byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;

    #[test]
    fn every_problem_is_told_with_its_remedy() {
        let errors = Cache::builder()
            .size(0)
            .object(0)
            .name("a b")
            .wait(Duration::MAX)
            .build()
            .unwrap_err();
        let kinds: Vec<_> = errors
            .iter()
            .map(|error| (error.key(), error.kind()))
            .collect();
        assert_eq!(
            kinds,
            [
                ("size", CacheErrorKind::Zero),
                ("object", CacheErrorKind::Zero),
                ("wait", CacheErrorKind::TooLong),
                ("name", CacheErrorKind::Name),
            ]
        );
        assert!(
            errors
                .iter()
                .all(|error| error.remedy().starts_with("write "))
        );
        let larger = Cache::builder().size(10).object(11).build().unwrap_err();
        assert_eq!(
            larger.to_string(),
            "object: \"11\" is larger than all of the cache: write at most the `size`, 10"
        );
        assert!(Cache::builder().build().is_ok());
    }
}
