//! Tables of what is stored, and for how long.

use super::*;
use http::Version;
use http::header::HeaderName;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let name = |name: &str| name.parse::<HeaderName>().unwrap();
    lines
        .iter()
        .map(|(field, value)| (name(field), value.parse().unwrap()))
        .collect()
}

/// Sun, 06 Nov 1994 08:49:37 GMT, and half a second.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500)
}

const LIMITS: Limits = Limits {
    object: 1000,
    stale: Duration::ZERO,
    store_set_cookie: false,
};

const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const IN_A_MINUTE: &str = "Sun, 06 Nov 1994 08:50:37 GMT";
const A_MINUTE_AGO: &str = "Sun, 06 Nov 1994 08:48:37 GMT";

struct Question {
    method: Method,
    request: HeaderMap,
    status: u16,
    response: HeaderMap,
    version: Version,
    exact: Option<u64>,
}

fn get(response: &[(&str, &str)]) -> Question {
    Question {
        method: Method::GET,
        request: HeaderMap::new(),
        status: 200,
        response: headers(response),
        version: Version::HTTP_11,
        exact: Some(3),
    }
}

impl Question {
    fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn with(self, request: &[(&str, &str)]) -> Self {
        Self {
            request: headers(request),
            ..self
        }
    }

    fn judge(&self) -> Result<Storable, Refusal> {
        self.judge_by(LIMITS)
    }

    fn judge_by(&self, limits: Limits) -> Result<Storable, Refusal> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        *response.headers_mut() = self.response.clone();
        *response.version_mut() = self.version;
        let asked = Asked {
            method: &self.method,
            headers: &self.request,
            is_at_content_location: true,
        };
        let times = Times {
            received: now(),
            delay: Duration::ZERO,
        };
        judge(asked, &response.into_parts().0, self.exact, times, limits)
    }
}

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
        // With something to validate it by it is of use all the same.
        assert_eq!(
            get(response).judge().err(),
            expected_of(response),
            "{response:?}"
        );
        let tagged = [response, &[("etag", "\"a\"")]].concat();
        let life = get(&tagged).judge().unwrap().life;
        assert!(life.no_cache || life.fresh <= life.age, "{response:?}");
    }
}

/// `Last-Modified` is something to validate by.
fn expected_of(response: &[(&str, &str)]) -> Option<Refusal> {
    let validated = response.iter().any(|(name, _)| *name == "last-modified");
    (!validated).then_some(Refusal::Useless)
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
    use super::*;
    use proptest::prelude::*;

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
    let value = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, value(0..10));
    headers.insert(header::ETAG, value(12..17));
    let stored = head_to_store(&headers, SystemTime::UNIX_EPOCH);
    assert_eq!(stored[header::ETAG], "\"tag\"");
    drop(headers);
    assert!(buffer.is_unique());
}
