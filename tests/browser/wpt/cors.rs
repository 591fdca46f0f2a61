//! `cors/`: which requests are simple, what script sees, what is remembered.

use same_origin::browser::Redirect;

use super::{API, CREDENTIALED, Case, ECHO, Expect, STAR, case, says, sent};
use crate::support::instructed::{Target, at};
use crate::support::step::{Step, fetch, wait};

pub fn cases() -> Vec<Case> {
    [
        simple(),
        safelisted(),
        request_headers(),
        response_headers(),
        credentials(),
        statuses(),
        preflight_cache(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn body_of(method: &'static str, step: Step) -> Step {
    match method {
        "GET" | "Get" | "HEAD" => step,
        _ => step.body("data"),
    }
}

fn simple() -> Vec<Case> {
    const FILE: &str = "cors/simple-requests.htm";
    let sets: [&[(&str, &str)]; 7] = [
        &[("accept", "test")],
        &[("accept-language", "test")],
        &[("content-language", "test")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "multipart/form-data")],
        &[("content-type", "text/plain")],
        &[
            ("accept", "test"),
            ("accept-language", "test"),
            ("content-language", "test"),
            ("content-type", "text/plain; parameter=whatever"),
        ],
    ];
    let ask = |method: &'static str, headers: &[(&'static str, &str)]| {
        let step = headers
            .iter()
            .fold(fetch(method, &says(API, STAR)), |step, (name, value)| {
                step.header(name, value)
            });
        case(
            FILE,
            format!("{method} with {headers:?} is not preflighted"),
        )
        .does(body_of(method, step))
        .expect([Expect::Status(200), Expect::Preflights(0)])
    };
    let mut cases: Vec<_> = ["GET", "HEAD", "POST"]
        .into_iter()
        .flat_map(|method| sets.map(|set| ask(method, set)))
        .collect();
    cases.push(ask(
        "Get",
        &[("content-type", "text/plain; parameter=extra")],
    ));
    cases.push(ask("post", &[("content-type", "text/plain")]));
    cases
}

fn safelisted() -> Vec<Case> {
    const FILE: &str = "cors/cors-safelisted-request-header.any.js";
    let ask = |name: &'static str, value: &str, preflighted: bool| {
        let expect = match preflighted {
            true => [Expect::Fails, Expect::Preflights(1)],
            false => [Expect::Status(200), Expect::Preflights(0)],
        };
        let verb = if preflighted { "is" } else { "is not" };
        case(FILE, format!("{name}: `{value}` {verb} preflighted"))
            .does(
                fetch("POST", &says(API, STAR))
                    .header(name, value)
                    .body("data"),
            )
            .expect(expect)
    };
    let types = [
        ("text /plain", true),
        ("text\t/\tplain", true),
        ("text/plain;", false),
        ("text/plain;garbage", false),
        ("text/plain,", true),
        (",text/plain", true),
        ("text/plain,text/plain", true),
        ("text/plain,x/x", true),
        ("application/www-form-urlencoded", true),
        ("multipart/form-data", false),
        ("multipart/form-data;\"", true),
    ];
    let long = format!("bytes=1{}-2{}", "0".repeat(60), "0".repeat(60));
    let ranges = [
        ("100-200", true),
        ("MB=100-200", true),
        ("bytes=100-200", false),
        ("bytes =100-200", true),
        ("bytes\t=100-200", true),
        ("bytes=  100-200", true),
        ("bytes=\t\t100-200", true),
        ("bytes= \t100-200", true),
        ("bytes=100 -200", true),
        ("bytes=100\t-200", true),
        ("bytes=100- 200", true),
        ("bytes=100-\t200", true),
        ("bytes=100-200hello", true),
        ("bytes=abc-def", true),
        ("bytes=100-200,300-400", true),
        ("bytes=-200", true),
        ("bytes=200-", false),
        ("bytes=200-100", true),
        (&*long, true),
        ("bytes 100-200", true),
        ("bytes = 100-200", true),
        (",bytes=100-200", true),
        ("bytes=,100-200", true),
    ];
    let types = types.map(|(value, preflighted)| ask("content-type", value, preflighted));
    let ranges = ranges.map(|(value, preflighted)| ask("range", value, preflighted));
    types.into_iter().chain(ranges).collect()
}

/// Allows these headers in the preflight.
fn allowing(names: &str) -> Target {
    let line = format!("access-control-allow-headers: {names}");
    says(API, ECHO).preflight(200, &["access-control-allow-origin: {origin}", &line])
}

fn request_headers() -> Vec<Case> {
    const FILE: &str = "cors/request-headers.htm";
    let unicorn = |names: &str| fetch("GET", &allowing(names)).header("x-print", "unicorn");
    let odd = "access-control-allow-headers: ,y-lol,x-PriNT, ,,,Y-PRINT";
    vec![
        case(FILE, "a listed header is sent")
            .does(unicorn("x-print"))
            .expect([Expect::Status(200), sent("x-print", "unicorn")]),
        case(FILE, "safelisted headers need not be listed")
            .does(
                unicorn("x-print,")
                    .header("content-type", "text/plain")
                    .header("accept", "test")
                    .header("accept-language", "nn")
                    .header("content-language", "nn"),
            )
            .expect([
                Expect::Status(200),
                sent("content-type", "text/plain"),
                sent("accept", "test"),
                sent("accept-language", "nn"),
                sent("content-language", "nn"),
            ]),
        case(FILE, "a header that is not listed fails")
            .does(unicorn("x-print").header("y-print", "unicorn"))
            .expect([Expect::Fails]),
        case(FILE, "a list with empty elements and other case is a list")
            .does(
                fetch(
                    "GET",
                    &says(API, ECHO).preflight(200, &["access-control-allow-origin: *", odd]),
                )
                .header("x-print", "unicorn")
                .header("y-print", "narwhal"),
            )
            .expect([
                Expect::Status(200),
                sent("x-print", "unicorn"),
                sent("y-print", "narwhal"),
            ]),
    ]
}

fn response_headers() -> Vec<Case> {
    const FILE: &str = "cors/response-headers.htm";
    let answer = says(API, STAR).headers(&[
        "x-custom-header: test",
        "x-custom-header-empty:",
        "x-custom-header-comma: 1",
        "x-custom-header-comma: 2",
        "x-second-expose: flyingpig",
        "x-nonexposed: unicorn",
        "server: server",
        "x-powered-by: power",
        "date: Thu, 01 Dec 1994 10:00:00 GMT",
        "cache-control: no-cache",
        "content-language: nn",
        "expires: Thu, 01 Dec 1994 16:00:00 GMT",
        "last-modified: Thu, 01 Dec 1994 10:00:00 GMT",
        "pragma: no-cache",
        "set-cookie: a=b",
        "set-cookie2: a=b",
        "access-control-expose-headers: X-Custom-Header, x-custom-header-empty, X-Custom-Header-Comma",
        "access-control-expose-headers: x-second-expose, Date",
    ]);
    const SEEN: &[(&str, Option<&str>)] = &[
        ("x-custom-header-comma", Some("1, 2")),
        ("x-second-expose", Some("flyingpig")),
        ("x-custom-header", Some("test")),
        ("x-custom-header-empty", Some("")),
        ("date", Some("Thu, 01 Dec 1994 10:00:00 GMT")),
        ("cache-control", Some("no-cache")),
        ("content-language", Some("nn")),
        ("expires", Some("Thu, 01 Dec 1994 16:00:00 GMT")),
        ("last-modified", Some("Thu, 01 Dec 1994 10:00:00 GMT")),
        ("pragma", Some("no-cache")),
        ("server", None),
        ("x-powered-by", None),
        ("set-cookie", None),
        ("set-cookie2", None),
        ("x-non-existent-header", None),
        ("x-nonexposed", None),
    ];
    let seen = |(name, value): &(&'static str, Option<&'static str>)| {
        let verb = if value.is_some() {
            "sees"
        } else {
            "does not see"
        };
        case(FILE, format!("script {verb} {name}"))
            .does(fetch("GET", &answer))
            .expect([Expect::Seen(name, *value)])
    };
    SEEN.iter().map(seen).collect()
}

fn credentials() -> Vec<Case> {
    const FILE: &str = "cors/credentials-flag.htm";
    let read = || fetch("GET", &says(API, CREDENTIALED));
    let set = || {
        let line = "set-cookie: a=1; SameSite=None; Secure; Path=/";
        fetch("GET", &says(API, CREDENTIALED).headers(&[line]))
    };
    let mut cases = vec![
        case(FILE, "no cookie goes along by default")
            .does(set())
            .does(read())
            .expect([Expect::Status(200), super::not_sent("cookie")]),
        case(
            FILE,
            "a cookie that was set does not go along without credentials",
        )
        .does(set().include())
        .does(read())
        .expect([super::not_sent("cookie")]),
        case(FILE, "a cookie that was set goes along with credentials")
            .does(set().include())
            .does(read().include())
            .expect([sent("cookie", "a=1")]),
        case(FILE, "Set-Cookie is not obeyed without credentials")
            .does(set())
            .does(read().include())
            .expect([super::not_sent("cookie")]),
    ];
    for value in ["TRUE", "True", "\"true\"", "false", "1", "0"] {
        let line = format!("access-control-allow-credentials: {value}");
        cases.push(
            case(FILE, format!("Allow-Credentials: {value} is not true"))
                .does(fetch("GET", &says(API, ECHO).headers(&[&line])).include())
                .expect([Expect::Fails]),
        );
    }
    cases
}

fn statuses() -> Vec<Case> {
    const FILE: &str = "cors/status-preflight.htm";
    const CASES: &[(&str, &[u16])] = &[
        ("GET", &[200, 204, 400, 401]),
        ("HEAD", &[200, 204, 400, 401, 501, 699]),
        ("POST", &[204, 400, 401, 404]),
        ("PUT", &[699]),
        ("CHICKEN", &[501]),
    ];
    let ask = |method: &'static str, status: u16| {
        let allowed = [
            "access-control-allow-origin: *",
            "access-control-allow-headers: x-nonsimple",
            "access-control-allow-methods: {method}",
        ];
        let target = says(API, STAR).status(status).preflight(200, &allowed);
        case(
            FILE,
            format!("{method} is answered {status} after its preflight"),
        )
        .does(fetch(method, &target).header("x-nonsimple", "true"))
        .expect([Expect::Status(status), Expect::Preflights(1)])
    };
    CASES
        .iter()
        .flat_map(|(method, statuses)| statuses.iter().map(move |status| ask(method, *status)))
        .collect()
}

fn preflight_cache() -> Vec<Case> {
    const FILE: &str = "cors/preflight-cache.htm";
    let ask = |max_age: &str| {
        let mut lines = vec![
            "access-control-allow-origin: *",
            "access-control-allow-headers: x-print",
        ];
        let line = format!("access-control-max-age: {max_age}");
        if !max_age.is_empty() {
            lines.push(&line);
        }
        let target = at(API, "cached").headers(STAR).preflight(200, &lines);
        fetch("GET", &target)
            .header("x-print", "x")
            .redirect(Redirect::Follow)
    };
    vec![
        case(FILE, "a header of one's own is preflighted")
            .does(ask(""))
            .expect([Expect::Preflights(1)]),
        case(FILE, "the preflight is remembered")
            .does(ask(""))
            .does(ask(""))
            .expect([Expect::Status(200), Expect::Preflights(0)]),
        case(FILE, "an age of 0 is not remembered")
            .does(ask("0"))
            .does(ask("0"))
            .expect([Expect::Preflights(1)]),
        // The standard takes -1 for no number, and five seconds; the browsers take it for 0.
        case(FILE, "an age of -1 is not remembered")
            .chromium()
            .does(ask("-1"))
            .does(ask("-1"))
            .expect([Expect::Preflights(1)]),
        case(FILE, "an age of 1 is remembered for a second")
            .does(ask("1"))
            .does(ask("1"))
            .expect([Expect::Preflights(0)]),
        case(FILE, "and not longer")
            .does(ask("1"))
            .does(wait(2))
            .does(ask("1"))
            .expect([Expect::Preflights(1)]),
    ]
}
