//! Tests of directives: seconds, flags, and what is not a directive.

use super::*;
use crate::fields::headers;

fn response(lines: &[&str]) -> ResponseControl {
    let lines: Vec<_> = lines.iter().map(|line| ("cache-control", *line)).collect();
    ResponseControl::of(&headers(&lines))
}

#[test]
fn seconds_are_read_or_nothing_is_fresh() {
    for (text, expected) in [
        ("max-age=60", 60),
        ("MaX-aGe=60", 60),
        ("foobar, max-age=60", 60),
        ("max-age=\"60\"", 60),
        ("max-age=0060", 60),
        ("max-age=99999999999999999999", MOST_SECONDS),
        ("max-age=60, max-age=5", 5),
        ("max-age=5, max-age=60", 5),
        ("max-age=60, extension=\"max-age=5\"", 60),
        ("extension=\"max-age=60\", max-age=5", 5),
        ("extension=\"a\\\", max-age=60, b\", max-age=5", 5),
        ("max-age=-60", 0),
        ("max-age=a60", 0),
        ("max-age=60a", 0),
        ("max-age=60.0", 0),
        ("max-age='60'", 0),
        ("max-age=\"\"", 0),
        ("max-age", 0),
        ("max-age=60, max-age=x", 0),
    ] {
        assert_eq!(response(&[text]).max_age, Some(expected), "{text}");
    }
    assert_eq!(response(&["max-age=9", "max-age=4"]).max_age, Some(4));
    let open = response(&["x=\"open, max-age=9"]);
    assert!(open.max_age.is_none() && open.has(Flag::Private));
    assert_eq!(response(&[", ,x=5,"]), ResponseControl::default());
}

#[test]
fn what_is_not_a_directive_may_have_been_meant_to_forbid() {
    for line in [
        "max-age=60, private;",
        "s-maxage=60, no-store;",
        "private; max-age=60",
        "private max-age=60",
        "\"private\", max-age=60",
        "private:, max-age=60",
        "=private",
        "max-age =60",
        "max-age= 60",
        "x=\"a\"b, max-age=60",
        "x=a\"b\", max-age=60",
        "x=\"a, max-age=60",
        "x=\"a\\\", max-age=60",
        "x=, max-age=60",
        "é, max-age=60",
        "max-age=60\t;",
    ] {
        assert!(response(&[line]).has(Flag::Private), "{line}");
        let request = RequestControl::of(&headers(&[("cache-control", line)]));
        assert!(request.no_store, "{line}");
    }
    for line in [
        "x=\"a;b c\", max-age=60",
        "x=\"é\", max-age=60",
        "x=\"a\\\"b\", max-age=60",
        "x=\"\", max-age=60",
        "!#$%&'*+-.^_`|~=a, max-age=60",
        " , max-age=60 ,\t",
    ] {
        assert!(!response(&[line]).has(Flag::Private), "{line}");
    }
}

#[test]
fn flags_are_read_over_lines_in_any_case() {
    let control = response(&["No-StOrE, public", "private=\"x-a, no-cache\""]);
    for (_, flag) in FLAGS {
        let set = matches!(flag, Flag::NoStore | Flag::Public | Flag::Private);
        assert_eq!(control.has(flag), set, "{flag:?}");
    }
    assert!(response(&["no-cache=\"set-cookie\""]).has(Flag::NoCache));
}

#[test]
fn a_sound_targeted_field_stands_for_all_others() {
    let of = |cdn: &str| {
        ResponseControl::of(&headers(&[
            ("cache-control", "no-store"),
            ("cdn-cache-control", cdn),
        ]))
    };
    let control = of("max-age=60, private=?0");
    assert!(control.is_targeted && !control.has(Flag::NoStore) && !control.has(Flag::Private));
    assert_eq!(control.max_age, Some(60));
    assert!(of("private, max-age=1").has(Flag::Private));
    assert_eq!(of("max-age=\"60\"").max_age, Some(0));
    assert_eq!(of("max-age=-5").max_age, Some(0));
    // The last one of a key counts.
    assert_eq!(of("max-age=10, max-age=?0").max_age, None);
    assert_eq!(of("max-age=10, max-age=60").max_age, Some(60));
    assert!(of("private=?0, max-age=9, private").has(Flag::Private));
    assert!(!of("private, max-age=9, private=?0").has(Flag::Private));
    for ignored in ["", "max-age=60, &&&", "MAX-AGE=60", "max-age =60"] {
        let control = of(ignored);
        assert!(
            !control.is_targeted && control.has(Flag::NoStore),
            "{ignored}"
        );
    }
}

#[test]
fn pragma_counts_alone() {
    let no_cache = |lines: &[_]| ResponseControl::of(&headers(lines)).has(Flag::NoCache);
    assert!(no_cache(&[("pragma", "No-Cache")]));
    assert!(!no_cache(&[
        ("pragma", "no-cache"),
        ("cache-control", "max-age=1")
    ]));
    let request = |lines: &[_]| RequestControl::of(&headers(lines)).no_cache;
    assert!(request(&[("pragma", "x, no-cache")]));
    assert!(!request(&[("pragma", "no-cache"), ("cache-control", "x")]));
}

#[test]
fn a_request_may_ask_for_less_and_for_more() {
    let of = |line| RequestControl::of(&headers(&[("cache-control", line)]));
    assert_eq!(of("max-stale").max_stale, Some(u64::MAX));
    assert_eq!(of("max-stale=9").max_stale, Some(9));
    assert_eq!(of("max-stale=x").max_stale, Some(0));
    assert_eq!(of("max-age=x").max_age, Some(0));
    assert_eq!(of("min-fresh=5").min_fresh, Some(5));
    // Of two, the stricter one.
    assert_eq!(of("max-age=0, max-age=9").max_age, Some(0));
    assert_eq!(
        of("max-stale, max-stale=9, max-stale=10").max_stale,
        Some(9)
    );
    assert_eq!(of("min-fresh=5, min-fresh=1").min_fresh, Some(5));
    let all = of("no-cache, no-store, only-if-cached");
    assert!(all.no_cache && all.no_store && all.only_if_cached);
    assert_eq!(of("nothing-to-see-here"), RequestControl::default());
}
