//! Whether a stored response may be used for a request, and how (RFC 9111 4).

use std::time::Duration;

use crate::cache::http::control::RequestControl;
use crate::cache::rules::Life;

/// The permitted use of a stored response that is for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is the answer.
    Answer,
    /// It is the answer, and has to be validated at the same time (RFC 5861 3).
    AnswerAndValidate,
    /// It has to be validated first, because it is stale.
    ValidateStale,
    /// It has to be validated first, because the client wants that.
    ValidateAsked,
}

/// The age of a response, held against the age that it may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age<'a> {
    pub(crate) life: &'a Life,
    pub(crate) age: Duration,
}

impl Age<'_> {
    /// The judgement. A client may ask for more than the rules do. It may ask for less as far as the upstream has not
    /// forbidden it.
    pub(crate) fn judge(&self, asked: &RequestControl) -> Use {
        let seconds = |directive: Option<u64>| directive.map(Duration::from_secs);
        if self.life.no_cache {
            return Use::ValidateStale;
        }
        if asked.no_cache || seconds(asked.max_age).is_some_and(|most| self.age > most) {
            return Use::ValidateAsked;
        }
        let Some(over) = self.stale_by() else {
            let left = self.life.fresh.saturating_sub(self.age);
            return match seconds(asked.min_fresh) {
                Some(least) if left < least => Use::ValidateAsked,
                _ => Use::Answer,
            };
        };
        // RFC 9111 5.2.1.1: who names an age wants nothing stale, unless it says so, too. 5.2.1.3: nor who wants it fresh for
        // some time.
        let wants_fresh =
            asked.min_fresh.is_some() || asked.max_age.is_some() && asked.max_stale.is_none();
        if self.life.never_stale || wants_fresh {
            return Use::ValidateStale;
        }
        // RFC 9111 5.2.1.2 lets a client take what is stale. A response that never was fresh is stored to be validated,
        // and may be the page of whoever asked first: a client's word does not open it.
        let was_fresh = !self.life.fresh.is_zero();
        if was_fresh && seconds(asked.max_stale).is_some_and(|most| over <= most) {
            return Use::Answer;
        }
        if over < self.life.while_validated {
            return Use::AnswerAndValidate;
        }
        Use::ValidateStale
    }

    /// Whether it may stand in for a failure of the upstream (RFC 5861 4).
    pub(crate) fn stands_in(&self, asked: &RequestControl) -> bool {
        let may = |over| !self.life.never_stale && over < self.life.if_error;
        !self.life.no_cache && !asked.no_cache && self.stale_by().is_none_or(may)
    }

    /// For how long it has been stale, if it is.
    pub(crate) fn stale_by(&self) -> Option<Duration> {
        self.age.checked_sub(self.life.fresh)
    }

    /// Seconds of freshness that are left; negative if it is stale.
    pub(crate) fn left(&self) -> i64 {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        seconds(self.life.fresh) - seconds(self.age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Life = Life {
        age: Duration::ZERO,
        fresh: Duration::from_secs(60),
        while_validated: Duration::from_secs(10),
        if_error: Duration::from_secs(30),
        never_stale: false,
        no_cache: false,
        for_authorized: false,
    };

    const NOTHING: RequestControl = RequestControl {
        no_store: false,
        no_cache: false,
        only_if_cached: false,
        max_age: None,
        min_fresh: None,
        max_stale: None,
    };

    #[test]
    fn a_response_is_used_while_both_sides_allow_it() {
        const STRICT: Life = Life {
            never_stale: true,
            ..LIFE
        };
        const NEVER_FRESH: Life = Life {
            fresh: Duration::ZERO,
            while_validated: Duration::ZERO,
            ..LIFE
        };
        const CHECKED: Life = Life {
            no_cache: true,
            ..LIFE
        };
        let max_age = |seconds| RequestControl {
            max_age: Some(seconds),
            ..NOTHING
        };
        let max_age_and_stale = |seconds| RequestControl {
            max_stale: Some(seconds),
            ..max_age(seconds)
        };
        let min_fresh = |seconds| RequestControl {
            min_fresh: Some(seconds),
            ..NOTHING
        };
        let max_stale = |seconds| RequestControl {
            max_stale: Some(seconds),
            ..NOTHING
        };
        let no_cache = RequestControl {
            no_cache: true,
            ..NOTHING
        };
        for (name, life, age, asked, expected) in [
            ("young", LIFE, 59, NOTHING, Use::Answer),
            ("at its end", LIFE, 60, NOTHING, Use::AnswerAndValidate),
            ("over the window", LIFE, 71, NOTHING, Use::ValidateStale),
            ("no-cache", CHECKED, 0, NOTHING, Use::ValidateStale),
            (
                "no-cache and max-stale",
                CHECKED,
                0,
                max_stale(u64::MAX),
                Use::ValidateStale,
            ),
            ("strict", STRICT, 60, NOTHING, Use::ValidateStale),
            (
                "strict and max-stale",
                STRICT,
                60,
                max_stale(u64::MAX),
                Use::ValidateStale,
            ),
            ("asked", LIFE, 1, no_cache, Use::ValidateAsked),
            ("too old", LIFE, 11, max_age(10), Use::ValidateAsked),
            ("young enough", LIFE, 10, max_age(10), Use::Answer),
            (
                "young enough and stale",
                LIFE,
                61,
                max_age(100),
                Use::ValidateStale,
            ),
            (
                "and stale enough",
                LIFE,
                61,
                max_age_and_stale(100),
                Use::Answer,
            ),
            (
                "not for long enough",
                LIFE,
                11,
                min_fresh(50),
                Use::ValidateAsked,
            ),
            ("for long enough", LIFE, 10, min_fresh(50), Use::Answer),
            (
                "stale is not fresh",
                LIFE,
                61,
                min_fresh(1),
                Use::ValidateStale,
            ),
            ("never fresh", NEVER_FRESH, 0, NOTHING, Use::ValidateStale),
            (
                "never fresh and max-stale",
                NEVER_FRESH,
                0,
                max_stale(u64::MAX),
                Use::ValidateStale,
            ),
            ("stale enough", LIFE, 90, max_stale(30), Use::Answer),
            ("too stale", LIFE, 91, max_stale(30), Use::ValidateStale),
        ] {
            let age = Age {
                life: &life,
                age: Duration::from_secs(age),
            };
            assert_eq!(age.judge(&asked), expected, "{name}");
        }
    }

    #[test]
    fn a_response_stands_in_for_a_failure_for_a_time() {
        let stands_in = |life: &Life, age, asked| {
            Age {
                life,
                age: Duration::from_secs(age),
            }
            .stands_in(asked)
        };
        assert!(stands_in(&LIFE, 89, &NOTHING));
        assert!(!stands_in(&LIFE, 90, &NOTHING));
        assert!(!stands_in(
            &Life {
                never_stale: true,
                ..LIFE
            },
            61,
            &NOTHING
        ));
        assert!(!stands_in(
            &Life {
                no_cache: true,
                ..LIFE
            },
            1,
            &NOTHING
        ));
        let no_cache = RequestControl {
            no_cache: true,
            ..NOTHING
        };
        assert!(!stands_in(&LIFE, 1, &no_cache));
    }
}
