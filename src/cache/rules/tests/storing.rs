//! Responses that are stored, and those that are not.

use super::*;

#[test]
fn what_a_shared_cache_may_not_store_is_not_stored() {
    use Refusal::{Forbidden, Incomplete, Request, SetCookie, TooLarge, Useless, Vary};
    const FRESH: (&str, &str) = ("cache-control", "max-age=60");
    let with = |field: (&'static str, &'static str)| get(&[FRESH, field]);
    let authorized = |control| get(&[("cache-control", control)]).with(&[("authorization", "x")]);
    let of = |method: &str, question: Question| Question {
        method: method.parse().unwrap(),
        ..question
    };
    for (name, question, why) in [
        ("private", with(("cache-control", "private")), Forbidden),
        (
            "private with a list",
            with(("cache-control", "private=\"x-a\"")),
            Forbidden,
        ),
        ("no-store", with(("cache-control", "No-Store")), Forbidden),
        (
            "targeted private",
            with(("cdn-cache-control", "private, max-age=60")),
            Forbidden,
        ),
        (
            "must-understand",
            get(&[("cache-control", "max-age=60, no-store, must-understand")]).status(599),
            Forbidden,
        ),
        ("cookie", with(("set-cookie", "a=b")), SetCookie),
        (
            "public cookie",
            get(&[
                ("cache-control", "public, max-age=60"),
                ("set-cookie", "a=b"),
            ]),
            SetCookie,
        ),
        ("vary *", with(("vary", "a, *")), Vary(Unmatchable::Star)),
        (
            "vary by client",
            with(("vary", "x-forwarded-for")),
            Vary(Unmatchable::OfOneClient),
        ),
        ("authorization", authorized("max-age=60"), Request),
        (
            "authorization, contradiction",
            authorized("max-age=60, max-age=50"),
            Request,
        ),
        (
            "authorization, proxy-revalidate",
            authorized("max-age=60, proxy-revalidate"),
            Request,
        ),
        ("head", of("HEAD", get(&[FRESH])), Request),
        ("options", of("OPTIONS", get(&[FRESH])), Request),
        ("put", of("PUT", get(&[FRESH])), Request),
        (
            "post without freshness",
            of("POST", get(&[("etag", "\"a\"")])),
            Request,
        ),
        (
            "if-match",
            get(&[FRESH]).with(&[("if-match", "\"a\"")]),
            Request,
        ),
        ("304", get(&[FRESH]).status(304), Incomplete),
        ("416", get(&[FRESH]).status(416), Incomplete),
        ("101", get(&[FRESH]).status(101), Incomplete),
        ("407", get(&[FRESH]).status(407), Forbidden),
        ("426", get(&[FRESH]).status(426), Forbidden),
        ("428", get(&[FRESH]).status(428), Forbidden),
        ("429", get(&[FRESH]).status(429), Forbidden),
        ("431", get(&[FRESH]).status(431), Forbidden),
        ("511", get(&[FRESH]).status(511), Forbidden),
        ("206 without a range", get(&[FRESH]).status(206), Incomplete),
        (
            "multipart",
            with(("content-type", "multipart/byteranges")).status(206),
            Incomplete,
        ),
        (
            "unknown coding",
            with(("transfer-encoding", "gzip, chunked")),
            Incomplete,
        ),
        (
            "lengths that differ",
            with(("content-length", "4")),
            Incomplete,
        ),
        ("no length", with(("content-length", "x")), Incomplete),
        (
            "large",
            Question {
                exact: None,
                ..with(("content-length", "1001"))
            },
            TooLarge,
        ),
        (
            "closed",
            Question {
                exact: None,
                ..with(("connection", "close"))
            },
            Incomplete,
        ),
        (
            "1.0",
            Question {
                exact: None,
                version: Version::HTTP_10,
                ..get(&[FRESH])
            },
            Incomplete,
        ),
        ("404 without freshness", get(&[]).status(404), Useless),
        (
            "500 without freshness",
            get(&[("etag", "\"a\"")]).status(500),
            Useless,
        ),
    ] {
        assert_eq!(question.judge().err(), Some(why), "{name}");
    }
}

/// Nothing says that it is for others: it may be the page of the user who asked.
#[test]
fn an_unmarked_response_is_stored_by_its_tag_and_for_nobody_who_is_known() {
    use Refusal::{Request, Unmarked, Useless};
    const TAG: (&str, &str) = ("etag", "\"a\"");
    const DATE: (&str, &str) = ("last-modified", A_MINUTE_AGO);
    const COOKIE: &[(&str, &str)] = &[("cookie", "user=alice")];
    const CREDENTIALS: &[(&str, &str)] = &[("authorization", "x")];
    let control = |control| ("cache-control", control);
    for (response, request, expected) in [
        (&[DATE][..], &[][..], Some(Useless)),
        (&[DATE], COOKIE, Some(Useless)),
        (&[TAG], &[], None),
        (&[TAG, DATE], &[], None),
        (&[TAG, DATE], COOKIE, Some(Unmarked)),
        (&[TAG, ("vary", "accept")], COOKIE, Some(Unmarked)),
        (&[TAG, ("vary", "cookie")], COOKIE, None),
        (&[TAG], CREDENTIALS, Some(Request)),
        (
            &[TAG, control("must-revalidate")],
            CREDENTIALS,
            Some(Unmarked),
        ),
        (&[TAG, control("no-cache")], COOKIE, Some(Unmarked)),
        (&[TAG, control("max-age=0")], COOKIE, Some(Unmarked)),
        (&[TAG, ("expires", "0")], COOKIE, Some(Unmarked)),
        (&[DATE, control("no-cache")], &[], Some(Useless)),
        (&[DATE, control("max-age=0")], &[], Some(Useless)),
        (
            &[DATE, control("no-cache, stale-if-error=9")],
            &[],
            Some(Useless),
        ),
        // Marked.
        (&[DATE, control("public")], COOKIE, None),
        (&[DATE, control("public, no-cache")], COOKIE, None),
        (&[DATE, control("max-age=60")], COOKIE, None),
        (&[DATE, control("max-age=60"), ("age", "60")], COOKIE, None),
        (
            &[DATE, control("max-age=0, stale-if-error=9")],
            COOKIE,
            None,
        ),
    ] {
        let judged = get(response).with(request).judge();
        assert_eq!(judged.err(), expected, "{response:?} {request:?}");
    }
}

#[test]
fn what_may_be_stored_is_stored() {
    const FRESH: (&str, &str) = ("cache-control", "max-age=60");
    for status in [
        200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599,
    ] {
        assert!(get(&[FRESH]).status(status).judge().is_ok(), "{status}");
    }
    for control in [
        "max-age=60, public",
        "max-age=60, must-revalidate",
        "s-maxage=60",
    ] {
        let question = get(&[("cache-control", control)]).with(&[("authorization", "x")]);
        assert!(question.judge().unwrap().life.for_authorized, "{control}");
    }
    let understood = get(&[("cache-control", "max-age=60, no-store, must-understand")]);
    assert!(understood.judge().is_ok());
    let post = Question {
        method: Method::POST,
        ..get(&[FRESH])
    };
    assert!(post.judge().is_ok());
    let part = get(&[FRESH, ("content-range", "bytes 0-2/9")]).status(206);
    assert!(part.judge().unwrap().part.is_some());
    let chunked = Question {
        exact: None,
        ..get(&[FRESH, ("transfer-encoding", "Chunked")])
    };
    assert_eq!(chunked.judge().unwrap().length, None);
    let cookie = get(&[FRESH, ("set-cookie", "a=b")]);
    let allowed = Limits {
        store_set_cookie: true,
        ..LIMITS
    };
    assert!(cookie.judge_by(allowed).is_ok());
}

#[test]
fn a_stored_head_is_dated_and_framed_anew() {
    let stored = head_to_store(
        &headers(&[("transfer-encoding", "chunked"), ("content-length", "3")]),
        now(),
    );
    assert_eq!(stored, headers(&[("date", NOW)]));
    let dated = headers(&[("date", "foo"), ("content-length", "3")]);
    assert_eq!(head_to_store(&dated, now()), dated);
}

mod whatever_is_sent {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// No text in a caching field makes the judge panic, and none makes fresh what another one forbids.
        #[test]
        fn is_judged(
            control in "[a-z0-9=\", \\-]{0,40}",
            age in "[0-9a-z, ]{0,30}",
            expires in "[A-Za-z0-9:, ]{0,40}",
            date in "[A-Za-z0-9:, ]{0,40}",
            vary in "[a-z*, ]{0,30}",
            forbidden in prop::sample::select(vec!["private", "no-store", "No-Store", "private=\"a, b\""]),
        ) {
            let said = [("age", &*age), ("expires", &*expires), ("date", &*date), ("vary", &*vary)];
            let _judged = get(&[&said[..], &[("cache-control", &control)]].concat()).judge();
            let joined = format!("{control}, {forbidden}");
            for lines in [&[&*control, forbidden][..], &[forbidden, &control], &[&joined]] {
                let lines: Vec<_> = lines.iter().map(|line| ("cache-control", *line)).collect();
                prop_assert!(get(&[&said[..], &lines].concat()).judge().is_err());
            }
        }
    }
}

/// Values of a head from HTTP/1.1 are slices of the buffer that its connection was read into.
#[test]
fn a_stored_head_lets_go_of_the_buffer_that_it_came_in() {
    let buffer = bytes::Bytes::from(b"max-age=60\r\n\"tag\"\r\n".to_vec());
    let value = |range| http::HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, value(0..10));
    headers.insert(header::ETAG, value(12..17));
    let stored = head_to_store(&headers, SystemTime::UNIX_EPOCH);
    assert_eq!(stored[header::ETAG], "\"tag\"");
    drop(headers);
    assert!(buffer.is_unique());
}
