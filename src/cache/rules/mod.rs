//! Whether a response may be stored, and how long it is fresh.
//!
//! http-cache-semantics is asked in [`question`]. `Age` is counted here, because the crate adds it up without
//! bounds and does not look at `Date`.

pub(crate) mod changes;
pub(crate) mod freshen;
pub(crate) mod plan;
mod question;
pub(crate) mod reuse;

use std::time::{Duration, SystemTime};

use http::header::{self, HeaderMap};
use http::{Method, StatusCode, response};
use question::Question;

use crate::cache::http::conditional;
use crate::cache::http::control::{Flag, MOST_SECONDS, ResponseControl};
use crate::cache::http::date;
use crate::cache::http::range::Extent;
use crate::cache::http::vary::{Selection, Unmatchable};
use crate::cache::layer::body::whole;
use crate::fields;
use crate::own::own_values;

/// The request that a response answers, as far as storing depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// As it was sent to the upstream.
    pub(crate) headers: &'a HeaderMap,
    /// `Content-Location` has to be this for a `POST` to count (RFC 9110 9.3.3).
    pub(crate) is_at_content_location: bool,
}

/// The time at which a response came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) received: SystemTime,
    /// The time since the request was sent.
    pub(crate) delay: Duration,
}

/// The times for which a stored response may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// Its age when it came (RFC 9111 4.2.3).
    pub(crate) age: Duration,
    /// The age up to which it is fresh; zero if its upstream has not said that it is.
    pub(crate) fresh: Duration,
    /// The time after that in which it may be used while it is validated (RFC 5861 3).
    pub(crate) while_validated: Duration,
    /// The time after that in which it may be used because the upstream fails (RFC 5861 4).
    pub(crate) if_error: Duration,
    /// Whether it may never be used stale (RFC 9111 4.2.4).
    pub(crate) never_stale: bool,
    /// Whether it may not be used without validation, however young (RFC 9111 5.2.2.4).
    pub(crate) no_cache: bool,
    /// Whether it may be the answer to a request with `Authorization` (RFC 9111 3.5).
    pub(crate) for_authorized: bool,
}

/// A response that may be stored.
#[derive(Debug)]
pub(crate) struct Storable {
    pub(crate) life: Life,
    pub(crate) selection: Selection,
    /// The place of the body in the whole, if it is a part.
    pub(crate) part: Option<Extent>,
    /// The length of the complete body, if that was said.
    pub(crate) length: Option<u64>,
}

/// The reason for which a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request is such that nothing is to be stored for it: its method, `no-store`, `Authorization`.
    Request,
    /// The response forbids it: `private`, `no-store`, or a status that is for one client only.
    Forbidden,
    /// It sets a cookie.
    SetCookie,
    /// No other request is known to be the same.
    Vary(Unmatchable),
    /// It could not be used: it is stale, and there is nothing to validate it by.
    Useless,
    /// It cannot be known to be whole, or its status is not one of a whole answer.
    Incomplete,
    /// It is larger than what is stored.
    TooLarge,
    /// Nobody has said that it is for others, and the one who asked may have been known by a cookie.
    Unmarked,
}

impl Refusal {
    /// Whether the response itself forbids it, for whoever asked.
    pub(crate) fn is_of_response(self) -> bool {
        self != Self::Request && self != Self::Unmarked
    }
}

impl Life {
    /// Whether it was fresh when it came.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.no_cache && self.fresh > self.age
    }

    /// Whether it may be used stale, for some time.
    fn may_be_stale(&self) -> bool {
        !self.never_stale && self.while_validated.max(self.if_error) > Duration::ZERO
    }
}

impl Storable {
    /// For a response that is good for one answer and no more.
    pub(crate) fn used_up() -> Self {
        Self {
            life: Life {
                age: Duration::ZERO,
                fresh: Duration::ZERO,
                while_validated: Duration::ZERO,
                if_error: Duration::ZERO,
                never_stale: true,
                no_cache: true,
                for_authorized: false,
            },
            selection: Selection::default(),
            part: None,
            length: None,
        }
    }
}

/// Settings that storing depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) object: u64,
    pub(crate) stale: Duration,
    pub(crate) store_set_cookie: bool,
}

/// The most field lines that a stored head may have.
const MOST_FIELDS: usize = 1000;

/// Whether a response may be stored. `exact` is the body's length if it is known without being said.
pub(crate) fn judge(
    asked: Asked<'_>,
    head: &response::Parts,
    exact: Option<u64>,
    times: Times,
    limits: Limits,
) -> Result<Storable, Refusal> {
    if head.headers.len() > MOST_FIELDS {
        return Err(Refusal::TooLarge);
    }
    let part = extent(asked, head)?;
    let control = ResponseControl::of(&head.headers);
    let explicit = is_explicit(&control, &head.headers);
    method(asked, head.status, explicit)?;
    if head.headers.contains_key(header::SET_COOKIE) && !limits.store_set_cookie {
        return Err(Refusal::SetCookie);
    }
    let selection = Selection::of(&head.headers, asked.headers);
    let selection = selection.map_err(Refusal::Vary)?;
    let life = life(asked, head, control, explicit, times, limits)?;
    let can_be_asked_about = if is_marked(&control, &life) {
        conditional::can_be_validated(&head.headers)
    } else {
        unmarked(asked.headers, &head.headers, &selection)?
    };
    if life.fresh <= life.age && !life.may_be_stale() && !can_be_asked_about {
        return Err(Refusal::Useless);
    }
    let length = whole::length(head, exact)?;
    if length.is_some_and(|length| length > limits.object) {
        return Err(Refusal::TooLarge);
    }
    Ok(Storable {
        life,
        selection,
        part,
        length,
    })
}

/// Whether the upstream has said that others may have a response: that it is fresh for a time, may be used stale, or is
/// `public`.
fn is_marked(control: &ResponseControl, life: &Life) -> bool {
    control.has(Flag::Public) || !life.fresh.is_zero() || life.may_be_stale()
}

/// Whether there is something that an unmarked response can be validated by.
///
/// It may be the page of whoever asked, and a 304 to the next client would give it to that one. Another page has another
/// `ETag`, but may have the same `Last-Modified`: what both are made of changed at that time. And the page of one who is
/// known by a cookie or credentials is not kept at all, unless `Vary` keeps it apart: its tag may be one of a template.
/// The price is that a client with a cookie stores nothing unmarked for the next one.
fn unmarked(
    request: &HeaderMap,
    response: &HeaderMap,
    selection: &Selection,
) -> Result<bool, Refusal> {
    if !response.contains_key(header::ETAG) {
        return Ok(false);
    }
    let is_known = [header::COOKIE, header::AUTHORIZATION]
        .iter()
        .any(|name| request.contains_key(name) && !selection.has(name));
    if is_known {
        return Err(Refusal::Unmarked);
    }
    Ok(true)
}

/// RFC 9111 3: a method whose response is defined as one that may be stored.
fn method(asked: Asked<'_>, status: StatusCode, explicit: bool) -> Result<(), Refusal> {
    let fits = match *asked.method {
        Method::GET => true,
        // RFC 9110 9.3.3: what a POST made, if it says that this is what a GET would get.
        Method::POST => explicit && status == StatusCode::OK && asked.is_at_content_location,
        _ => false,
    };
    // RFC 9110 13.1: the answer to a condition that only the upstream could judge is about that.
    if fits && !conditional::is_for_origin(asked.headers) {
        Ok(())
    } else {
        Err(Refusal::Request)
    }
}

/// A part is stored as one; any other status has to be that of a whole answer.
fn extent(asked: Asked<'_>, head: &response::Parts) -> Result<Option<Extent>, Refusal> {
    match head.status {
        StatusCode::PARTIAL_CONTENT => {
            if *asked.method != Method::GET {
                return Err(Refusal::Request);
            }
            let part = Extent::of(&head.headers);
            part.map(Some).ok_or(Refusal::Incomplete)
        }
        StatusCode::NOT_MODIFIED | StatusCode::RANGE_NOT_SATISFIABLE => Err(Refusal::Incomplete),
        status if status.is_informational() => Err(Refusal::Incomplete),
        // RFC 6585 3 to 6: never, whatever its fields say of freshness. It is about one client.
        StatusCode::PRECONDITION_REQUIRED
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        | StatusCode::NETWORK_AUTHENTICATION_REQUIRED => Err(Refusal::Forbidden),
        // RFC 9110 11.7.1, 15.5.22: their fields, which make them of use, are for one hop and are not stored.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UPGRADE_REQUIRED => {
            Err(Refusal::Forbidden)
        }
        _ => Ok(None),
    }
}

/// Freshness that the upstream has set (RFC 9111 4.2.1).
fn is_explicit(control: &ResponseControl, headers: &HeaderMap) -> bool {
    control.s_maxage.is_some()
        || control.max_age.is_some()
        || !control.is_targeted && headers.contains_key(header::EXPIRES)
}

/// Refuses what its directives forbid to store, and takes out of them what does not hold for its status.
fn permit(control: &mut ResponseControl, status: StatusCode) -> Result<(), Refusal> {
    // RFC 9111 5.2.2.3: no-store is for caches that do not know what the status means.
    if control.has(Flag::MustUnderstand) {
        if !is_understood(status) {
            return Err(Refusal::Forbidden);
        }
        control.clear(Flag::NoStore);
    }
    // The crate would say the same, at some price.
    if control.has(Flag::NoStore) || control.has(Flag::Private) {
        return Err(Refusal::Forbidden);
    }
    Ok(())
}

/// The times for which a response may be used, if it may be stored.
fn life(
    asked: Asked<'_>,
    head: &response::Parts,
    mut control: ResponseControl,
    explicit: bool,
    times: Times,
    limits: Limits,
) -> Result<Life, Refusal> {
    permit(&mut control, head.status)?;
    let age = initial_age(&head.headers, times);
    let authorized = asked.headers.contains_key(header::AUTHORIZATION);
    // RFC 9111 3: with explicit freshness any final status may be stored. The crate knows a list of them,
    // and takes a part for something that it does not know.
    let status = if explicit {
        StatusCode::OK
    } else {
        head.status
    };
    let question = Question::new(control, status, authorized, &head.headers, times.received);
    let Some(fresh) = question.freshness() else {
        // Two reasons are left: nothing can come of it, or the one who asked.
        return Err(if authorized {
            Refusal::Request
        } else {
            Refusal::Useless
        });
    };
    let seconds = |directive: Option<u64>| Duration::from_secs(directive.unwrap_or(0));
    let no_cache = control.has(Flag::NoCache);
    // A response that nobody has called fresh may be one client's own page. The word of its upstream is taken for
    // it, by `stale-if-error`; that of this cache's settings is not.
    let own_stale = if fresh.is_zero() {
        Duration::ZERO
    } else {
        limits.stale
    };
    Ok(Life {
        age,
        fresh,
        while_validated: seconds(control.stale_while_revalidate),
        if_error: seconds(control.stale_if_error).max(own_stale),
        // RFC 9111 5.2.2.10: s-maxage says what proxy-revalidate says, too.
        never_stale: no_cache
            || control.has(Flag::MustRevalidate)
            || control.has(Flag::ProxyRevalidate)
            || control.s_maxage.is_some(),
        no_cache,
        for_authorized: control.has(Flag::Public)
            || control.has(Flag::MustRevalidate)
            || control.s_maxage.is_some(),
    })
}

/// RFC 9111 4.2.3: as old as it says and the way took, or as its `Date` is.
fn initial_age(headers: &HeaderMap, times: Times) -> Duration {
    let said = Duration::from_secs(age(headers)) + times.delay;
    // Some servers add a second line. The earlier date does not make it younger than it is.
    let sent = date::all(headers, &header::DATE).min();
    let apparent = sent.and_then(|sent| times.received.duration_since(sent).ok());
    // A date has no fractions, so that what came at once seems to be up to a second old.
    let apparent = Duration::from_secs(apparent.unwrap_or_default().as_secs());
    said.max(apparent).min(Duration::from_secs(MOST_SECONDS))
}

/// RFC 9111 5.1: the first value counts, and one that is not a number of seconds does not.
fn age(headers: &HeaderMap) -> u64 {
    let line = headers.get(header::AGE);
    let first = line
        .and_then(|line| fields::split(line).next())
        .unwrap_or_default();
    if first.is_empty() || !first.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let text = std::str::from_utf8(first).unwrap_or_default();
    text.parse().unwrap_or(MOST_SECONDS).min(MOST_SECONDS)
}

/// Statuses that this cache knows the meaning of, as far as storing is concerned (RFC 9110 15).
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 206 | 300 | 301 | 302 | 303 | 307 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// The head that is stored: without what is for one connection, with the framing and the date that a
/// recipient has to know (RFC 9110 6.6.1).
pub(crate) fn head_to_store(headers: &HeaderMap, received: SystemTime) -> HeaderMap {
    let mut stored = freshen::storable(headers);
    // RFC 9112 6.3: it is not the length of what is here.
    if headers.contains_key(header::TRANSFER_ENCODING) {
        stored.remove(header::CONTENT_LENGTH);
    }
    if !stored.contains_key(header::DATE) {
        if let Some(now) = date::format(received) {
            let _full = stored.try_insert(header::DATE, now);
        }
    }
    // A clone has no room for more lines, one that has lost some has their room, and one that has grown has room for
    // twice as many as it has.
    if stored.len() != headers.len() {
        stored = stored.clone();
    }
    own_values(&mut stored);
    stored
}

#[cfg(test)]
mod tests;
