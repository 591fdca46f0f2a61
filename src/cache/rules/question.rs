//! The one place that asks http-cache-semantics.
//!
//! That crate answers for RFC 9111 3 and 4.2.1, on a head that has been read before: one `Cache-Control` with
//! each directive once, dates in one form. It is not asked to write heads, because it keeps one line of each field
//! and a new `Date`; nor about requests, because it would give a `no-cache` response to a client that sends
//! `max-stale`.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_cache_semantics::{CacheOptions, CachePolicy};

use crate::cache::http::control::{Flag, ResponseControl};
use crate::cache::http::date::{self, Dated};

/// All that the answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    control: ResponseControl,
    status: StatusCode,
    authorized: bool,
    /// `Expires`, where it counts.
    expiry: Option<Expiry>,
}

/// `Expires`, and the `Date` that it is to be held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expiry {
    /// RFC 9111 5.3: what is not a date is in the past.
    at: Option<SystemTime>,
    sent: SystemTime,
}

thread_local! {
    /// The latest question of this thread, with its answer. An upstream says the same of most that it has,
    /// and to ask takes 30 allocations.
    static LATEST: Cell<Option<(Question, Option<Duration>)>> = const { Cell::new(None) };
}

impl Question {
    pub(crate) fn new(
        control: ResponseControl,
        status: StatusCode,
        authorized: bool,
        headers: &HeaderMap,
        received: SystemTime,
    ) -> Self {
        // RFC 9111 5.3: beside either of the two `Expires` does not count.
        let is_overruled = control.max_age.is_some() || control.s_maxage.is_some();
        let expires = if control.is_targeted || is_overruled {
            Dated::Absent
        } else {
            date::field(headers, &header::EXPIRES)
        };
        let expiry = |at| Expiry {
            at,
            // RFC 9110 6.6.1: the time of receipt stands for a date that is not there. The later one of two
            // does not make it fresh for longer than it is.
            sent: date::all(headers, &header::DATE).max().unwrap_or(received),
        };
        Self {
            control,
            status,
            authorized,
            expiry: match expires {
                Dated::Absent => None,
                Dated::At(at) => Some(expiry(Some(at))),
                Dated::Unclear => Some(expiry(None)),
            },
        }
    }

    /// The age up to which a response to a `GET` is fresh; `None` if it may not be stored.
    pub(crate) fn freshness(self) -> Option<Duration> {
        if let Some((latest, answer)) = LATEST.get() {
            if latest == self {
                return answer;
            }
        }
        let answer = self.ask();
        LATEST.set(Some((self, answer)));
        answer
    }

    fn ask(self) -> Option<Duration> {
        const OPTIONS: CacheOptions = CacheOptions {
            shared: true,
            // RFC 9111 4.2.2 allows to guess. A guess is for a user's own cache, where a reload helps.
            cache_heuristic: 0.0,
            immutable_min_time_to_live: Duration::ZERO,
            ignore_cargo_cult: false,
        };
        let mut request = Request::new(());
        if self.authorized {
            let credentials = HeaderValue::from_static("some");
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, credentials);
        }
        let mut response = Response::new(());
        *response.status_mut() = self.status;
        let question = response.headers_mut();
        if let Ok(directives) = HeaderValue::try_from(directives(self.control)) {
            question.insert(header::CACHE_CONTROL, directives);
        }
        // It has come at that moment, whichever: only how far the two dates are apart counts.
        let received = self
            .expiry
            .map_or(SystemTime::UNIX_EPOCH, |expiry| expiry.sent);
        if let Some(expiry) = self.expiry {
            let never = HeaderValue::from_static("0");
            let expires = expiry.at.and_then(date::format);
            question.insert(header::EXPIRES, expires.unwrap_or(never));
            if let Some(sent) = date::format(expiry.sent) {
                question.insert(header::DATE, sent);
            }
        }
        let policy = CachePolicy::new_options(&request, &response, received, OPTIONS);
        policy.is_storable().then(|| policy.time_to_live(received))
    }
}

/// The directives that the crate is to judge by. Of `proxy-revalidate` and of cookies it makes "stale at
/// once"; they are judged here.
fn directives(control: ResponseControl) -> String {
    let mut text = String::new();
    let flags = [
        (Flag::Public, "public"),
        (Flag::Private, "private"),
        (Flag::NoStore, "no-store"),
        (Flag::NoCache, "no-cache"),
        (Flag::MustRevalidate, "must-revalidate"),
    ];
    for (_, name) in flags.iter().filter(|(flag, _)| control.has(*flag)) {
        text.push_str(name);
        text.push(',');
    }
    for (name, seconds) in [("max-age", control.max_age), ("s-maxage", control.s_maxage)] {
        if let Some(seconds) = seconds {
            text.push_str(&format!("{name}={seconds},"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer does not hang on when it was asked, or it could not be used twice.
    #[test]
    fn an_answer_is_the_same_at_any_time() {
        let date = |text: &'static str| HeaderValue::from_static(text);
        for (control, expires, sent, fresh) in [
            ("max-age=60", None, None, Some(60)),
            ("max-age=60, s-maxage=5", None, None, Some(5)),
            ("max-age=60", Some("0"), None, Some(60)),
            (
                "",
                Some("Wed, 01 Jan 2020 00:01:00 GMT"),
                Some("Wed, 01 Jan 2020 00:00:00 GMT"),
                Some(60),
            ),
            ("", Some("Wed, 01 Jan 2020 00:01:00 GMT"), None, Some(0)),
            (
                "",
                Some("0"),
                Some("Wed, 01 Jan 2020 00:00:00 GMT"),
                Some(0),
            ),
            ("private", None, None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, date(control));
            for (name, value) in [(header::EXPIRES, expires), (header::DATE, sent)] {
                if let Some(value) = value {
                    headers.insert(name, date(value));
                }
            }
            let directives = ResponseControl::of(&headers);
            for received in [0, 1_600_000_000, 4_000_000_000] {
                let received = SystemTime::UNIX_EPOCH + Duration::from_secs(received);
                let is_early = received == SystemTime::UNIX_EPOCH;
                if sent.is_none() && expires.is_some() && control.is_empty() && is_early {
                    continue;
                }
                let question = Question::new(directives, StatusCode::OK, false, &headers, received);
                let fresh = fresh.map(Duration::from_secs);
                assert_eq!(question.ask(), fresh, "{control} {expires:?} {sent:?}");
                assert_eq!(question.freshness(), fresh);
                assert_eq!(question.freshness(), fresh, "from memory");
            }
        }
    }
}
