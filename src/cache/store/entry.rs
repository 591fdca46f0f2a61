//! A stored response.

use crate::cache::http::range::Extent;
use crate::cache::http::status::Forward;
use crate::cache::http::vary::Selection;
use crate::cache::rules::Life;
use crate::cache::rules::reuse::Age;
use crate::cache::store::key::Key;
use crate::cache::store::targets::Snapshot;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The most responses for one key: for requests that differ in what `Vary` names, and parts.
const MOST_VARIANTS: usize = 32;

/// Bytes that an entry takes beside what it holds, about.
const OVERHEAD: usize = 512;

/// A response.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) life: Life,
    pub(crate) selection: Selection,
    pub(crate) part: Option<Extent>,
    pub(crate) received: Instant,
    pub(crate) snapshot: Snapshot,
}

impl Stored {
    /// Its age (RFC 9111 4.2.3).
    pub(crate) fn age(&self) -> Age<'_> {
        Age {
            life: &self.life,
            age: self.life.age.saturating_add(self.received.elapsed()),
        }
    }

    /// The reason for which it may not be used at all for a request with these fields, if there is one.
    pub(crate) fn unfit(&self, request: &HeaderMap, authorized: bool) -> Option<Forward> {
        if !self.snapshot.is_current() {
            return Some(Forward::UriMiss);
        }
        if !self.selection.matches(request) {
            return Some(Forward::VaryMiss);
        }
        // RFC 9111 3.5 forbids to store an answer that was given to credentials. The other way round it is
        // the same: the upstream might have said more to them.
        (authorized && !self.life.for_authorized).then_some(Forward::Request)
    }

    fn size(&self) -> usize {
        let of = |headers: &HeaderMap| -> usize {
            let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                64 + name.as_str().len() + value.len()
            };
            headers.iter().map(line).sum()
        };
        OVERHEAD
            + of(&self.headers)
            + self.trailers.as_ref().map_or(0, of)
            + self.body.len()
            + self.selection.size()
            + self.snapshot.size()
    }

    /// The time for which it can be of any use; `None` for as long as it is there.
    fn useful_for(&self) -> Option<Duration> {
        if crate::cache::http::conditional::can_be_validated(&self.headers) && self.part.is_none() {
            return None;
        }
        let stale = self.life.while_validated.max(self.life.if_error);
        let most = self.life.fresh.saturating_add(if self.life.never_stale {
            Duration::ZERO
        } else {
            stale
        });
        Some(most.saturating_sub(self.age().age))
    }
}

/// All that is stored for one key, the youngest first.
#[derive(Debug, Default)]
pub(crate) struct Resource {
    variants: Vec<Arc<Stored>>,
}

impl Resource {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.variants.iter()
    }

    /// With one more response, which takes the place of those that would have been used for `request`. Of the others
    /// stay the youngest, as many as have room in `most` bytes.
    pub(crate) fn with(&self, stored: &Arc<Stored>, request: &HeaderMap, most: u64) -> Self {
        let is_replaced = |held: &Stored| {
            // A part takes the place of parts; what is whole, of all.
            (stored.part.is_none() || held.part.is_some()) && held.selection.matches(request)
        };
        let kept = self.variants.iter().filter(|held| {
            held.snapshot.is_current() && (is_same_part(held, stored) || !is_replaced(held))
        });
        let mut left = most.saturating_sub(stored.size() as u64);
        let kept = kept.take(MOST_VARIANTS - 1).take_while(|held| {
            let rest = left.checked_sub(held.size() as u64);
            left = rest.unwrap_or(0);
            rest.is_some()
        });
        let mut variants = Vec::with_capacity(self.variants.len() + 1);
        variants.push(Arc::clone(stored));
        variants.extend(kept.cloned());
        Self { variants }
    }

    /// With one response in place of another; `None` if that one is not here any more. What has come in its place
    /// meanwhile is not what the new one was made of, and a place for both would let every validation add one.
    pub(crate) fn replaced(&self, old: &Arc<Stored>, new: Option<Arc<Stored>>) -> Option<Self> {
        let is_old = |held: &Arc<Stored>| Arc::ptr_eq(held, old);
        if !self.variants.iter().any(is_old) {
            return None;
        }
        let others = self.variants.iter().filter(|held| !is_old(held));
        Some(Self {
            variants: new.into_iter().chain(others.cloned()).collect(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.variants.is_empty()
    }

    /// Bytes, as far as a weigher can count.
    pub(crate) fn weight(&self, key: &Key) -> u32 {
        let stored: usize = self.variants.iter().map(|stored| stored.size()).sum();
        u32::try_from(stored.saturating_add(key.bytes().len())).unwrap_or(u32::MAX)
    }

    /// The time for which anything of it can be of use; `None` for as long as it is there.
    pub(crate) fn useful_for(&self) -> Option<Duration> {
        let mut longest = Duration::ZERO;
        for stored in &self.variants {
            longest = longest.max(stored.useful_for()?);
        }
        Some(longest)
    }
}

/// Whether two are other parts of the same whole, so that both are kept.
fn is_same_part(one: &Stored, other: &Stored) -> bool {
    let (Some(first), Some(second)) = (one.part, other.part) else {
        return false;
    };
    let tag = one.headers.get(http::header::ETAG);
    first != second && tag.is_some() && tag == other.headers.get(http::header::ETAG)
}
