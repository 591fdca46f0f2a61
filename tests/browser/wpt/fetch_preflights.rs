//! `fetch/api/cors/`: preflights.

use same_origin::browser::{Credentials, ReferrerPolicy};

use super::{API, APP, CREDENTIALED, Case, Expect, PAGE, STAR, case, not_sent, says, sent};
use crate::support::instructed::Target;
use crate::support::step::{Step, fetch};

pub fn cases() -> Vec<Case> {
    [
        preflights(),
        stars(),
        statuses(),
        not_safelisted(),
        referrers(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A target whose preflight lists these.
fn listing(methods: &str, headers: &str) -> Target {
    let methods = format!("access-control-allow-methods: {methods}");
    let headers = format!("access-control-allow-headers: {headers}");
    says(API, CREDENTIALED).preflight(200, &[CREDENTIALED, &[&methods, &headers]].concat())
}

fn preflights() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-preflight.any.js";
    const SAFE: [(&str, &str); 3] = [
        ("accept", "*"),
        ("accept-language", "bzh"),
        ("content-language", "eu"),
    ];
    const OWN: [(&str, &str); 8] = [
        ("x-test-header1", "x"),
        ("x-test-header2", "x"),
        ("X-test-header3", "x"),
        ("x-test-header-b", "x"),
        ("x-test-header-D", "x"),
        ("x-test-header-C", "x"),
        ("x-test-header-a", "x"),
        ("Content-Type", "x"),
    ];
    const NAMES: &str = "content-type,x-test-header-a,x-test-header-b,x-test-header-c,\
                         x-test-header-d,x-test-header1,x-test-header2,x-test-header3";
    let with = |step: Step, headers: &[(&'static str, &str)]| {
        headers
            .iter()
            .fold(step, |step, (name, value)| step.header(name, value))
    };
    let mut cases = Vec::new();
    for method in ["DELETE", "PUT", "PATCH", "NEW"] {
        cases.push(
            case(FILE, format!("{method} that is listed"))
                .does(fetch(method, &listing(method, "")))
                .expect([
                    Expect::Status(200),
                    Expect::Preflights(1),
                    sent("origin", APP),
                ]),
        );
        cases.push(
            case(FILE, format!("{method} that is not listed"))
                .does(fetch(method, &listing("", "")))
                .expect([Expect::Fails, Expect::Preflights(1), Expect::Requests(0)]),
        );
    }
    for method in ["GET", "PUT"] {
        let step = |names| with(with(fetch(method, &listing("PUT", names)), &OWN), &SAFE);
        cases.push(
            case(FILE, format!("{method} with headers that are listed"))
                .does(step(NAMES))
                .expect([
                    Expect::Status(200),
                    Expect::Preflights(1),
                    sent("x-test-header-a", "x"),
                ]),
        );
        cases.push(
            case(FILE, format!("{method} with headers that are not listed"))
                .does(step("x-test-header1"))
                .expect([Expect::Fails]),
        );
    }
    let only_safe = with(fetch("PUT", &listing("PUT", "")), &SAFE);
    cases.push(
        case(FILE, "PUT with safelisted headers alone")
            .does(only_safe)
            .expect([Expect::Status(200), Expect::Preflights(1)]),
    );
    for (value, passes) in [("x-test-header1", true), ("", false)] {
        cases.push(
            case(FILE, format!("GET with a header, `{value}` listed"))
                .does(fetch("GET", &listing("", value)).header("x-test-header1", "x"))
                .expect([if passes {
                    Expect::Status(200)
                } else {
                    Expect::Fails
                }]),
        );
    }
    const VALID: &str = "fetch/api/cors/cors-preflight-response-validation.any.js";
    for (what, methods, headers) in [
        (
            "Allow-Headers with a space in a name",
            "",
            "x-force-preflight,header name with space",
        ),
        (
            "Allow-Methods with a space in a name",
            "Bad method name",
            "x-force-preflight",
        ),
    ] {
        cases.push(
            case(VALID, what)
                .does(fetch("GET", &listing(methods, headers)).header("x-force-preflight", ""))
                .expect([Expect::Fails, Expect::Preflights(1)]),
        );
    }
    const CACHE: &str = "fetch/api/cors/cors-preflight-cache.any.js";
    let remembered = says(API, STAR).preflight(
        200,
        &[
            "access-control-allow-origin: *",
            "access-control-allow-headers: x-test-header",
            "access-control-max-age: 12000",
        ],
    );
    let ask = |value: &str| fetch("POST", &remembered).header("x-test-header", value);
    cases.push(
        case(CACHE, "another value of the same header is covered")
            .does(ask("test1"))
            .does(ask("test2"))
            .expect([Expect::Status(200), Expect::Preflights(0)]),
    );
    cases
}

fn stars() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-preflight-star.any.js";
    // Passes, with credentials, allowed methods and headers, the method, and the header.
    const CASES: &[(bool, bool, &str, &str, &str, &str)] = &[
        (true, false, "get", "x-test", "GET", "x-test"),
        (true, false, "*", "x-test", "SUPER", "x-test"),
        (true, false, "*", "*", "OK", "x-test"),
        (false, true, "*", "*", "OK", "x-test"),
        (false, true, "*", "", "PUT", ""),
        (true, true, "PUT", "*", "PUT", ""),
        (false, true, "get", "*", "GET", "x-test"),
        (false, true, "*", "*", "GET", "x-test"),
        (true, true, "*", "*", "*", "*"),
        (false, true, "put", "*", "PUT", ""),
    ];
    let row = |(passes, include, methods, headers, method, header): &(
        bool,
        bool,
        &str,
        &str,
        &'static str,
        &'static str,
    )| {
        let step = fetch(method, &listing(methods, headers));
        let step = if header.is_empty() {
            step
        } else {
            step.header(header, "1")
        };
        let mode = if *include {
            Credentials::Include
        } else {
            Credentials::Omit
        };
        let name = format!(
            "{method} `{header}` where `{methods}` and `{headers}` are allowed, credentials {}",
            mode.as_str()
        );
        case(FILE, name)
            .does(step.credentials(mode))
            .expect([if *passes {
                Expect::Status(200)
            } else {
                Expect::Fails
            }])
    };
    CASES.iter().map(row).collect()
}

fn statuses() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-preflight-status.any.js";
    const STATUSES: [u16; 27] = [
        200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 305, 306, 307, 308, 400, 401,
        402, 403, 404, 405, 501, 502, 503, 504, 505,
    ];
    let row = |status: u16| {
        let lines = [
            "access-control-allow-origin: *",
            "access-control-allow-headers: x-force",
        ];
        let target = says(API, STAR).preflight(status, &lines);
        let passes = (200..300).contains(&status);
        case(FILE, format!("a preflight that is answered {status}"))
            .does(fetch("GET", &target).header("x-force", ""))
            .expect(match passes {
                true => [Expect::Status(200), Expect::Preflights(1)],
                false => [Expect::Fails, Expect::Requests(0)],
            })
    };
    STATUSES.map(row).into()
}

fn not_safelisted() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-preflight-not-cors-safelisted.any.js";
    let long = "0123456789".repeat(13);
    let long_type = format!("text/plain; long={}", "0123456789".repeat(12));
    let values = [
        ("accept", "\""),
        ("accept", &long[..129]),
        ("accept-language", "@"),
        ("authorization", "basics"),
        ("content-language", "@"),
        ("content-type", "text/html"),
        ("content-type", &*long_type),
        ("range", "bytes 0-"),
        ("test", "hi"),
    ];
    let row = |(name, value): (&'static str, &str)| {
        case(FILE, format!("{name}: {value}"))
            .does(fetch("GET", &listing("", name)).header(name, value))
            .expect([Expect::Status(200), Expect::Preflights(1)])
    };
    values.map(row).into()
}

fn referrers() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-preflight-referrer.any.js";
    let policies = [
        ("no-referrer", ReferrerPolicy::NoReferrer, None),
        ("origin", ReferrerPolicy::Origin, Some("https://app.test/")),
        (
            "origin-when-cross-origin",
            ReferrerPolicy::OriginWhenCrossOrigin,
            Some("https://app.test/"),
        ),
        ("unsafe-url", ReferrerPolicy::UnsafeUrl, Some(PAGE)),
    ];
    let row = |(name, policy, came): (&'static str, ReferrerPolicy, Option<&str>)| {
        let step = fetch("GET", &listing("", "x-force-preflight")).header("x-force-preflight", "");
        case(FILE, format!("{name}: the request after its preflight"))
            .does(step.referrer_policy(policy, name))
            .expect([
                Expect::Preflights(1),
                match came {
                    Some(referrer) => sent("referer", referrer),
                    None => not_sent("referer"),
                },
            ])
    };
    policies.map(row).into()
}
