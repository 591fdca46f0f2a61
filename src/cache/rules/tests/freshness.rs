//! The times for which a response may be used.

use super::*;

#[test]
fn freshness_is_what_the_upstream_said_at_least() {
    for (response, fresh) in [
        (&[("cache-control", "max-age=60")][..], 60),
        (&[("cache-control", "max-age=60, s-maxage=5")], 5),
        (&[("cache-control", "s-maxage=60, max-age=5")], 60),
        (&[("cache-control", "max-age=60"), ("expires", "0")], 60),
        (&[("cache-control", "max-age=60, proxy-revalidate")], 60),
        (&[("cache-control", "max-age=99999999999")], 1 << 31),
        (
            &[
                ("cache-control", "max-age=60"),
                ("cdn-cache-control", "max-age=5"),
            ],
            5,
        ),
        (
            &[
                ("cache-control", "no-store"),
                ("cdn-cache-control", "max-age=5"),
            ],
            5,
        ),
        (
            &[("expires", IN_A_MINUTE), ("cdn-cache-control", "max-age=5")],
            5,
        ),
        (&[("expires", IN_A_MINUTE)], 60),
        (&[("expires", IN_A_MINUTE), ("date", NOW)], 60),
        (&[("expires", IN_A_MINUTE), ("date", A_MINUTE_AGO)], 120),
        (&[("expires", IN_A_MINUTE), ("date", "foo")], 60),
        (&[("expires", "Sunday, 06-Nov-94 08:50:37 GMT")], 60),
    ] {
        let life = get(response).judge().unwrap().life;
        assert_eq!(life.fresh, Duration::from_secs(fresh), "{response:?}");
    }
    for response in [
        &[][..],
        &[("last-modified", A_MINUTE_AGO)],
        &[("cache-control", "max-age=0")],
        &[("cache-control", "max-age=60, no-cache")],
        &[("cache-control", "max-age=x"), ("expires", IN_A_MINUTE)],
        &[("cache-control", "max-age=60, max-age=0")],
        &[
            ("cdn-cache-control", "max-age=0"),
            ("cache-control", "max-age=60"),
        ],
        &[
            ("cdn-cache-control", "no-cache"),
            ("cache-control", "max-age=60"),
        ],
        &[("expires", NOW), ("date", NOW)],
        &[("expires", "0")],
        &[("expires", "Sun, 06 Nov 1994 08:50:37 UTC")],
        &[("expires", IN_A_MINUTE), ("expires", IN_A_MINUTE)],
        &[("expires", IN_A_MINUTE), ("pragma", "no-cache")],
        &[("cache-control", "max-age=60"), ("age", "61")],
        &[
            ("cache-control", "max-age=60"),
            ("date", "Sun, 06 Nov 1994 08:00:00 GMT"),
        ],
    ] {
        let useless = Some(Refusal::Useless);
        assert_eq!(get(response).judge().err(), useless, "{response:?}");
        // With a tag to validate it by it is of use all the same.
        let tagged = [response, &[("etag", "\"a\"")]].concat();
        let life = get(&tagged).judge().unwrap().life;
        assert!(life.no_cache || life.fresh <= life.age, "{response:?}");
    }
}

#[test]
fn age_is_read_as_it_is_meant() {
    for (age, expected) in [
        ("0", 0),
        ("30", 30),
        ("30, 0", 30),
        ("0, 30", 0),
        ("30;foo=bar", 0),
        ("abc", 0),
        ("-30", 0),
        ("30.5", 0),
        ("", 0),
        ("2147483649", 1 << 31),
        ("18446744073709551615", 1 << 31),
        ("99999999999999999999999999", 1 << 31),
    ] {
        let question = get(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("age", age),
        ]);
        let life = question.judge().unwrap().life;
        assert_eq!(life.age, Duration::from_secs(expected), "{age}");
    }
    let lines = [
        ("cache-control", "max-age=60"),
        ("age", "7"),
        ("age", "9"),
        ("date", A_MINUTE_AGO),
    ];
    let life = get(&[&lines[..], &[("etag", "\"a\"")]].concat())
        .judge()
        .unwrap()
        .life;
    assert_eq!(life.age, Duration::from_secs(60));
}

/// Servers write a line of their own beside that of their application.
#[test]
fn of_several_dates_none_makes_a_response_younger_or_fresh_for_longer() {
    let dated = |dates: &[&'static str], lifetime| {
        let lines = dates.iter().map(|date| ("date", *date));
        let lines: Vec<_> = lines.chain([lifetime, ("etag", "\"a\"")]).collect();
        let life = get(&lines).judge().unwrap().life;
        (life.age.as_secs(), life.fresh.as_secs())
    };
    let by_age = ("cache-control", "max-age=90");
    let by_date = ("expires", IN_A_MINUTE);
    for (dates, by_age_is, by_date_is) in [
        (&[A_MINUTE_AGO, A_MINUTE_AGO][..], (60, 90), (60, 120)),
        (&[A_MINUTE_AGO, NOW], (60, 90), (60, 60)),
        (&[NOW, A_MINUTE_AGO], (60, 90), (60, 60)),
        (&["foo", A_MINUTE_AGO], (60, 90), (60, 120)),
        (&["foo", "foo"], (0, 90), (0, 60)),
    ] {
        assert_eq!(dated(dates, by_age), by_age_is, "{dates:?}");
        assert_eq!(dated(dates, by_date), by_date_is, "{dates:?}");
    }
}

#[test]
fn stale_is_used_only_where_it_is_said_and_never_where_it_is_forbidden() {
    let life = |control: &str| {
        let limits = Limits {
            stale: Duration::from_secs(7),
            ..LIMITS
        };
        get(&[("cache-control", control)])
            .judge_by(limits)
            .unwrap()
            .life
    };
    let stale = life("max-age=1, stale-while-revalidate=5, stale-if-error=9");
    assert_eq!(stale.while_validated, Duration::from_secs(5));
    assert_eq!(stale.if_error, Duration::from_secs(9));
    assert!(!stale.never_stale);
    assert_eq!(life("max-age=1").if_error, Duration::from_secs(7));
    for control in ["must-revalidate", "proxy-revalidate", "s-maxage=2"] {
        let control = format!("max-age=1, stale-if-error=9, {control}");
        assert!(life(&control).never_stale, "{control}");
    }
}
