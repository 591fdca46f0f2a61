//! A stored response.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version, header};
use tokio::time::Instant;

use crate::cache::http::date;
use crate::cache::http::range::Extent;
use crate::cache::http::status::Forward;
use crate::cache::http::vary::{Selection, Values};
use crate::cache::rules::reuse::Age;
use crate::cache::rules::{Life, Storable};
use crate::cache::store::key::Key;
use crate::cache::store::size;
use crate::cache::store::targets::Snapshot;

/// The most responses for one key: for requests that differ in what `Vary` names, and parts.
const MOST_VARIANTS: usize = 32;

/// Bytes that a key takes beside what is stored for it, as measured: its places in moka's tables, queues and timer, and in
/// the table of targets, with the boxes of all of them.
const OVERHEAD: usize = 680;

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
    pub(crate) moment: Moment,
    pub(crate) snapshot: Snapshot,
    /// The bytes that it takes. Counted once: each response that is added has all variants weighed.
    pub(crate) size: usize,
}

/// The times by which the more recent one of two responses is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The `Date` that its upstream gave it.
    dated: Option<SystemTime>,
    /// The time at which its request was sent.
    sent: Instant,
    received: Instant,
    /// The same by the clock, which goes on while the machine sleeps.
    received_by_clock: SystemTime,
}

impl Moment {
    /// The times of a response with these fields, as they came.
    pub(crate) fn of(
        headers: &HeaderMap,
        sent: Instant,
        received: Instant,
        received_by_clock: SystemTime,
    ) -> Self {
        Self {
            dated: date::field(headers, &header::DATE).at(),
            sent,
            received,
            received_by_clock,
        }
    }

    /// The time since then. Sleep stops the one of the two measures, and a clock that is set back the other.
    fn passed(&self) -> Duration {
        let by_clock = self.received_by_clock.elapsed().unwrap_or_default();
        self.received.elapsed().max(by_clock)
    }

    /// The same, earlier by some time.
    fn earlier(self, by: Duration) -> Option<Self> {
        Some(Self {
            received: self.received.checked_sub(by)?,
            received_by_clock: self.received_by_clock.checked_sub(by)?,
            ..self
        })
    }

    /// Whether this is more recent than another one (RFC 9111 4).
    ///
    /// A response to a request that was sent when the other one was there is the later one, whatever the clocks of two
    /// servers say: by `Date` alone, one whose clock is fast would hold its place against all that come after. Only of
    /// two that were under way at the same time does `Date` tell, and where it does not, the order of the requests.
    fn is_after(&self, other: &Self) -> bool {
        if self.sent >= other.received || other.sent >= self.received {
            return self.sent > other.sent;
        }
        match (self.dated, other.dated) {
            (Some(own), Some(others)) if own != others => own > others,
            _ => self.sent > other.sent,
        }
    }
}

impl Stored {
    /// Its age (RFC 9111 4.2.3).
    pub(crate) fn age(&self) -> Age<'_> {
        Age {
            life: &self.life,
            age: self.life.age.saturating_add(self.moment.passed()),
        }
    }

    /// The reason for which it may not be used at all for a request with these fields, if there is one.
    pub(crate) fn unfit(&self, request: &mut Values<'_>, authorized: bool) -> Option<Forward> {
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

    /// The same with another head.
    pub(crate) fn renewed(&self, headers: HeaderMap, storable: Storable, moment: Moment) -> Self {
        let rest = size_of_rest(&self.body, self.trailers.as_ref(), &self.snapshot);
        Self {
            status: self.status,
            version: self.version,
            size: bare_size(&headers, &storable.selection) + rest,
            headers,
            body: self.body.clone(),
            trailers: self.trailers.clone(),
            life: storable.life,
            selection: storable.selection,
            part: None,
            moment,
            // A change since then is one of this, too.
            snapshot: self.snapshot.clone(),
        }
    }

    /// The same, stale from now on.
    pub(crate) fn outdated(&self) -> Option<Self> {
        // As if it had come before: how old it was when it came says something of what comes next.
        let left = self.life.fresh.saturating_sub(self.age().age);
        let moment = self.moment.earlier(left)?;
        let same = Storable {
            life: self.life,
            selection: self.selection.clone(),
            part: None,
            length: None,
        };
        Some(self.renewed(self.headers.clone(), same, moment))
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

/// The bytes that a response takes by its head.
pub(crate) fn bare_size(headers: &HeaderMap, selection: &Selection) -> usize {
    size_of::<Stored>() + 2 * size::ALLOCATION + size::of_head(headers) + selection.size()
}

/// The bytes that it takes by all else.
pub(crate) fn size_of_rest(
    body: &Bytes,
    trailers: Option<&HeaderMap>,
    snapshot: &Snapshot,
) -> usize {
    trailers.map_or(0, size::of_head) + body.len() + snapshot.size()
}

/// The bytes that a key would take with nothing but a response of this size and a body of this length.
pub(crate) fn weight_of(key: &Key, bare: usize, body: u64) -> u64 {
    let names = key.bytes().len() + key.target().len();
    (OVERHEAD + names + bare) as u64 + body
}

/// All that is stored for one key, the most recent first.
#[derive(Debug, Default)]
pub(crate) struct Resource {
    variants: Vec<Arc<Stored>>,
}

impl Resource {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.variants.iter()
    }

    /// All of it, in the order of choice. RFC 9111 4.1: servers forget `Vary` in responses to clients that prefer
    /// nothing, and such a response would hide one that fits better. So responses with `Vary` go first.
    pub(crate) fn preferred(&self) -> impl Iterator<Item = &Arc<Stored>> {
        let of = |varies| {
            let held = self.variants.iter();
            held.filter(move |held| held.selection.is_empty() != varies)
        };
        of(true).chain(of(false))
    }

    /// With one more response, which takes the place of those that would have been used for `request`; `None` if one
    /// of them is more recent. Of the others stay the youngest, as many as have room in `most` bytes.
    pub(crate) fn with(
        &self,
        stored: &Arc<Stored>,
        request: &HeaderMap,
        most: u64,
    ) -> Option<Self> {
        let mut request = Values::of(request);
        let held = self.variants.iter();
        let rivals: Vec<_> = held
            .filter(|held| {
                held.snapshot.is_current()
                    && held.selection.matches(&mut request)
                    && !is_same_part(held, stored)
            })
            .collect();
        let is_later = |held: &Stored| held.moment.is_after(&stored.moment);
        // A part does not answer who wants the whole, so that it does not keep that out.
        let is_outdated =
            |held: &Stored| (stored.part.is_some() || held.part.is_none()) && is_later(held);
        if rivals.iter().any(|held| is_outdated(held)) {
            return None;
        }
        let is_replaced = |held: &Arc<Stored>| {
            // A part takes the place of parts; what is whole, of all.
            (stored.part.is_none() || held.part.is_some())
                && !is_later(held)
                && rivals.iter().any(|rival| Arc::ptr_eq(rival, held))
        };
        let others = self.variants.iter();
        let others = others.filter(|held| held.snapshot.is_current() && !is_replaced(held));
        let others: Vec<_> = others.collect();
        let is_part = |held: &Stored| held.part.is_some();
        if is_part(stored) && !leave_room(others.iter().filter(|held| !is_part(held)), stored, most)
        {
            return None;
        }
        let mut resource = Self {
            variants: with_room(&others, most.saturating_sub(stored.size as u64)),
        };
        resource.add(Arc::clone(stored));
        Some(resource)
    }

    /// With one response in place of another; `None` if that one is not here any more. The new one was not made
    /// of what has come in its place meanwhile, and a place for both would let every validation add one.
    pub(crate) fn replaced(&self, old: &Arc<Stored>, new: Option<Arc<Stored>>) -> Option<Self> {
        let is_old = |held: &Arc<Stored>| Arc::ptr_eq(held, old);
        if !self.variants.iter().any(is_old) {
            return None;
        }
        let others = self.variants.iter().filter(|held| !is_old(held));
        let mut resource = Self {
            variants: others.cloned().collect(),
        };
        if let Some(new) = new {
            resource.add(new);
        }
        Some(resource)
    }

    /// Adds a response before those that are less recent.
    fn add(&mut self, stored: Arc<Stored>) {
        let is_later = |held: &Arc<Stored>| held.moment.is_after(&stored.moment);
        let held = self.variants.iter();
        let place = held.take_while(|held| is_later(held)).count();
        self.variants.insert(place, stored);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.variants.is_empty()
    }

    /// Bytes, as far as a weigher can count.
    pub(crate) fn weight(&self, key: &Key) -> u32 {
        let stored: usize = self.variants.iter().map(|stored| stored.size).sum();
        let all = stored.saturating_add(OVERHEAD + key.bytes().len());
        u32::try_from(all).unwrap_or(u32::MAX)
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

/// The youngest of some responses that have room, in their order. Parts have what room is left by what is whole, of which
/// each of them could be made.
fn with_room(all: &[&Arc<Stored>], mut left: u64) -> Vec<Arc<Stored>> {
    let mut kept: Vec<&Arc<Stored>> = Vec::new();
    for of_parts in [false, true] {
        let of_kind = all.iter().filter(|held| held.part.is_some() == of_parts);
        kept.extend(of_kind.take_while(|held| {
            let rest = left.checked_sub(held.size as u64);
            left = rest.unwrap_or(0);
            rest.is_some()
        }));
    }
    kept.truncate(MOST_VARIANTS - 1);
    let is_kept = |held: &&&Arc<Stored>| kept.iter().any(|kept| Arc::ptr_eq(kept, held));
    all.iter().filter(is_kept).copied().cloned().collect()
}

/// Whether responses that are whole and of use leave room for a part.
fn leave_room<'a>(
    wholes: impl Iterator<Item = &'a &'a Arc<Stored>>,
    part: &Stored,
    most: u64,
) -> bool {
    let wholes = wholes.filter(|held| held.useful_for() != Some(Duration::ZERO));
    let (mut count, mut left) = (0, most.checked_sub(part.size as u64));
    for held in wholes {
        count += 1;
        left = left.and_then(|left| left.checked_sub(held.size as u64));
    }
    count == 0 || count < MOST_VARIANTS && left.is_some()
}

/// Whether two are other parts of the same whole, so that both are kept.
fn is_same_part(one: &Stored, other: &Stored) -> bool {
    let (Some(first), Some(second)) = (one.part, other.part) else {
        return false;
    };
    let tag = one.headers.get(header::ETAG);
    first != second && tag.is_some() && tag == other.headers.get(header::ETAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_sleep_nor_a_clock_that_is_set_back_makes_a_response_younger() {
        const SLEPT: Duration = Duration::from_secs(9);
        let (now, by_clock) = (Instant::now(), SystemTime::now());
        for (received, received_by_clock, has_passed) in [
            (now, by_clock, false),
            (now, by_clock - SLEPT, true),
            (now - SLEPT, by_clock, true),
            (now - SLEPT, by_clock + SLEPT, true),
            (now, by_clock + SLEPT, false),
        ] {
            let moment = Moment::of(&HeaderMap::new(), now, received, received_by_clock);
            assert_eq!(moment.passed() >= SLEPT, has_passed, "{moment:?}");
        }
    }
}
