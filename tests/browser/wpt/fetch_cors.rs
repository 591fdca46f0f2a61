//! `fetch/api/cors/` and `fetch/api/credentials/`: permission, filtered headers, cookies.

use same_origin::browser::{Credentials, Mode, ResponseType};

use super::{
    API, APP, BUCKET, CREDENTIALED, Case, Expect, FAR_PORT, PAGE, PLAIN, PLAIN_TLS, PORT, SIBLING,
    STAR, case, says, sent,
};
use crate::support::instructed::at;
use crate::support::step::{Step, fetch};

pub fn cases() -> Vec<Case> {
    [
        basic(),
        origins(),
        no_preflight(),
        filtering(),
        exposing(),
        cookies(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The five ways in which a server's origin differs from its page's, and the page.
const DISTANCES: [(&str, &str, &str); 5] = [
    ("another port", PORT, PAGE),
    ("another protocol", PLAIN_TLS, PLAIN),
    ("another domain", API, PAGE),
    ("another domain and port", FAR_PORT, PAGE),
    ("another domain and protocol", API, PLAIN),
];

fn basic() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-basic.any.js";
    let at_distance = |(distance, origin, page): (&str, &str, &'static str)| {
        let named = |what: &str| case(FILE, format!("{distance}: {what}")).page(page);
        [
            named("no-cors is opaque")
                .does(fetch("GET", &says(origin, STAR)).mode(Mode::NoCors))
                .expect([Expect::Status(0), Expect::Type(ResponseType::Opaque)]),
            named("without permission it fails")
                .does(fetch("GET", &says(origin, &[])))
                .expect([Expect::Fails]),
            named("with permission it is readable")
                .does(fetch("GET", &says(origin, STAR)))
                .expect([Expect::Status(200), Expect::Type(ResponseType::Cors)]),
        ]
    };
    DISTANCES.into_iter().flat_map(at_distance).collect()
}

fn origins() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-origin.any.js";
    let ask =
        |name: String, page: &'static str, method: &'static str, origin: &str, allow: &str| {
            let line = format!("access-control-allow-origin: {allow}");
            let methods = format!("access-control-allow-methods: {method}");
            let target = says(origin, &[&line]).preflight(200, &[&line, &methods]);
            case(FILE, name).page(page).does(fetch(method, &target))
        };
    let page_of = |page: &str| if page == PLAIN { PLAIN } else { APP }.to_owned();
    let mut cases = Vec::new();
    for (distance, origin, page) in DISTANCES {
        let right = ask(
            format!("{distance}: the page"),
            page,
            "GET",
            origin,
            &page_of(page),
        );
        cases.push(right.expect([Expect::Status(200)]));
        let wrong = ask(
            format!("{distance}: the server itself"),
            page,
            "GET",
            origin,
            origin,
        );
        cases.push(wrong.expect([Expect::Fails]));
    }
    for method in ["POST", "HEAD", "PUT"] {
        let right = ask(format!("{method}: the page"), PAGE, method, API, APP);
        cases.push(right.expect([Expect::Status(200)]));
        let wrong = ask(
            format!("{method}: the server itself"),
            PAGE,
            method,
            API,
            API,
        );
        cases.push(wrong.expect([Expect::Fails]));
    }
    cases.push(ask("an empty value".into(), PAGE, "GET", API, "").expect([Expect::Fails]));
    const SEVERAL: &str = "fetch/api/cors/cors-multiple-origins.js";
    for list in [
        "\"\", http://example.com, https://app.test",
        "\"\", http://example.com, *",
        "\"\", https://app.test, https://app.test",
        "*, http://example.com, *",
        "*, http://example.com, https://app.test",
        ", http://example.com, https://example2.com",
    ] {
        let line = format!("access-control-allow-origin: {list}");
        cases.push(
            case(SEVERAL, format!("`{list}` is no origin"))
                .does(fetch("GET", &says(API, &[&line])))
                .expect([Expect::Fails]),
        );
    }
    cases
}

fn no_preflight() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-no-preflight.any.js";
    let passes = [Expect::Status(200), Expect::Preflights(0)];
    let mut cases = Vec::new();
    for (distance, origin, page) in DISTANCES {
        cases.push(
            case(FILE, format!("GET, {distance}"))
                .page(page)
                .does(fetch("GET", &says(origin, STAR)))
                .expect(passes.clone()),
        );
    }
    for method in ["POST", "HEAD"] {
        cases.push(
            case(FILE, format!("{method}, another domain"))
                .does(fetch(method, &says(API, STAR)))
                .expect(passes.clone()),
        );
    }
    for (name, value) in [
        ("accept", "*/*"),
        ("accept-language", "fr"),
        ("content-language", "fr"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-type", "multipart/form-data"),
        ("content-type", "text/plain"),
        ("content-type", "text/plain;charset=utf-8"),
        ("content-type", "Text/Plain;charset=utf-8"),
    ] {
        cases.push(
            case(FILE, format!("GET with {name}: {value}"))
                .does(fetch("GET", &says(API, STAR)).header(name, value))
                .expect(passes.clone()),
        );
    }
    cases
}

fn filtering() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-filtering.sub.any.js";
    const SEEN: &[(&str, &str)] = &[
        ("cache-control", "no-cache"),
        ("content-language", "fr"),
        ("content-type", "text/html"),
        ("content-length", "4"),
        ("expires", "04 May 1988 22:22:22 GMT"),
        ("last-modified", "04 May 1988 22:22:22 GMT"),
        ("pragma", "no-cache"),
    ];
    const HIDDEN: &[(&str, &str)] = &[
        ("age", "27"),
        ("server", "wptServe"),
        ("warning", "Mind the gap"),
    ];
    const NEVER: &[(&str, &str)] = &[("set-cookie", "name=value"), ("set-cookie2", "name=value")];
    let ask = |name: &str, value: &str, exposed: bool| {
        let (line, names) = (
            format!("{name}: {value}"),
            format!("access-control-expose-headers: {name}"),
        );
        let lines: &[&str] = if exposed { &[&line, &names] } else { &[&line] };
        fetch("GET", &says(API, STAR).headers(lines))
    };
    let row = |name: &'static str, value: &'static str, exposed: bool, seen: bool| {
        let how = if exposed { "exposed" } else { "not exposed" };
        case(FILE, format!("{name}, {how}"))
            .does(ask(name, value, exposed))
            .expect([
                Expect::Status(200),
                Expect::Seen(name, seen.then_some(value)),
            ])
    };
    let mut cases = Vec::new();
    for (name, value) in SEEN {
        cases.push(row(name, value, false, true));
    }
    for (name, value) in HIDDEN {
        cases.push(row(name, value, false, false));
        cases.push(row(name, value, true, true));
    }
    for (name, value) in NEVER {
        cases.push(row(name, value, false, false));
        cases.push(row(name, value, true, false));
    }
    cases
}

fn exposing() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-expose-star.sub.any.js";
    let lines = [
        "access-control-expose-headers: *",
        "test: X",
        "set-cookie: X",
        "*: whoa",
        "content-type: text/plain",
    ];
    let seen = |name, value| Expect::Seen(name, value);
    vec![
        case(FILE, "* exposes all but cookies")
            .does(fetch("GET", &says(API, STAR).headers(&lines)))
            .expect([
                seen("test", Some("X")),
                seen("set-cookie", None),
                seen("*", Some("whoa")),
            ]),
        case(FILE, "* is a name where there are credentials")
            .does(fetch("GET", &says(API, CREDENTIALED).headers(&lines)).include())
            .expect([
                seen("content-type", Some("text/plain")),
                seen("test", None),
                seen("set-cookie", None),
                seen("*", Some("whoa")),
            ]),
        case(FILE, "* is one of several values")
            .does(fetch(
                "GET",
                &says(API, STAR)
                    .headers(&lines)
                    .headers(&["access-control-expose-headers: set-cookie"]),
            ))
            .expect([seen("test", Some("X")), seen("set-cookie", None)]),
    ]
}

fn cookies() -> Vec<Case> {
    const CORS: &str = "fetch/api/cors/cors-cookies.any.js";
    const OWN: &str = "fetch/api/credentials/cookies.any.js";
    const ALONG: &str = "fetch/api/cors/cors-cookies-redirect.any.js";
    use Credentials::{Include, Omit, SameOrigin};
    let set = |origin: &str, mode, cookies: &[&str]| {
        let lines = cookies.iter();
        let lines =
            lines.map(|cookie| format!("set-cookie: {cookie}; SameSite=None; Secure; Path=/"));
        let target = lines.fold(says(origin, CREDENTIALED), |target, line| {
            target.headers(&[&line])
        });
        fetch("GET", &target).credentials(mode)
    };
    let read = |origin: &str, mode| fetch("GET", &says(origin, CREDENTIALED)).credentials(mode);
    let row = |file, name: &str, set: Step, read: Step, came: Option<&str>| {
        case(file, name).does(set).does(read).expect([
            Expect::Status(200),
            Expect::Sent("cookie", came.map(str::to_owned)),
        ])
    };
    let both = |name: &str, modes: [Credentials; 2], cookies: &[&str], came| {
        row(
            OWN,
            name,
            set(APP, modes[0], cookies),
            read(APP, modes[1]),
            came,
        )
    };
    let via = |step: fn(Step) -> Step| {
        let end = at(BUCKET, "end").headers(CREDENTIALED).preflight(
            200,
            &[CREDENTIALED, &["access-control-allow-headers: a"]].concat(),
        );
        let start = at(API, "via").headers(CREDENTIALED).preflight(
            200,
            &[CREDENTIALED, &["access-control-allow-headers: a"]].concat(),
        );
        step(fetch("GET", &start.redirect(301, &end)).include())
    };
    let along = |name: &str, step: Step| {
        case(ALONG, name)
            .cookie(API, "a=1; SameSite=None; Secure; Path=/")
            .cookie(BUCKET, "a=2; SameSite=None; Secure; Path=/")
            .does(step)
            .expect([Expect::Status(200), sent("cookie", "a=2")])
    };
    vec![
        row(
            CORS,
            "omit keeps cookies away",
            set(APP, Omit, &["g=7"]),
            read(APP, Omit),
            None,
        ),
        row(
            CORS,
            "include",
            set(API, Include, &["a=1"]),
            read(API, Include),
            Some("a=1"),
        ),
        row(
            CORS,
            "own cookies do not go elsewhere",
            set(APP, Include, &["c=3"]),
            read(API, Include),
            None,
        ),
        row(
            CORS,
            "others' cookies do not come here",
            set(API, Include, &["d=4"]),
            read(APP, Include),
            None,
        ),
        row(
            CORS,
            "same-origin keeps them from others",
            set(API, SameOrigin, &["f=6"]),
            read(API, SameOrigin),
            None,
        ),
        row(
            CORS,
            "nor to a third",
            set(API, Include, &["e=5"]),
            read(SIBLING, Include),
            None,
        ),
        both(
            "include, one cookie",
            [Include, Include],
            &["a=1"],
            Some("a=1"),
        ),
        both(
            "include, two cookies",
            [Include, Include],
            &["b=2", "c=3"],
            Some("b=2; c=3"),
        ),
        both("omit both times", [Omit, Omit], &["d=4"], None),
        both("omit where it is set", [Omit, Include], &["e=5"], None),
        both(
            "omit where it would be sent",
            [Include, Omit],
            &["f=6"],
            None,
        ),
        both(
            "same-origin, one cookie",
            [SameOrigin, SameOrigin],
            &["a=1"],
            Some("a=1"),
        ),
        both(
            "same-origin, two cookies",
            [SameOrigin, SameOrigin],
            &["b=2", "c=3"],
            Some("b=2; c=3"),
        ),
        along("the cookies of the last hop", via(|step| step)),
        along(
            "the same with preflights",
            via(|step| step.header("a", "b")),
        ),
    ]
}
