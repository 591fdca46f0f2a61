//! `fetch/api/redirect/`.

use same_origin::browser::{Mode, Redirect, ReferrerPolicy, ResponseType};

use super::{API, APP, Case, ECHO, Expect, PAGE, SIBLING, STAR, case, not_sent, sent};
use crate::support::instructed::{Target, at};
use crate::support::step::fetch;

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

pub fn cases() -> Vec<Case> {
    [
        locations(),
        methods(),
        modes(),
        origins(),
        referrers(),
        back(),
        counts(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn locations() -> Vec<Case> {
    const FILE: &str = "fetch/api/redirect/redirect-location.any.js";
    const FOLLOW: &[(Option<&str>, Expect)] = &[
        (None, Expect::Passes),
        (Some("https://["), Expect::Fails),
        (Some("data:,x"), Expect::Fails),
    ];
    let ask = |status: u16, location: Option<&str>| {
        let target = at(APP, "x").status(status);
        let line = location.map(|location| format!("location: {location}"));
        fetch(
            "GET",
            &line
                .iter()
                .fold(target, |target, line| target.headers(&[line])),
        )
    };
    let mut cases = Vec::new();
    for status in STATUSES {
        for (location, expect) in FOLLOW {
            let what = location.unwrap_or("nothing");
            cases.push(
                case(FILE, format!("{status} to {what}, follow"))
                    .does(ask(status, *location))
                    .expect([expect.clone()]),
            );
            cases.push(
                case(FILE, format!("{status} to {what}, manual"))
                    .does(ask(status, *location).redirect(Redirect::Manual))
                    .expect([
                        Expect::Type(ResponseType::OpaqueRedirect),
                        Expect::Status(0),
                    ]),
            );
            cases.push(
                case(FILE, format!("{status} to {what}, error"))
                    .does(ask(status, *location).redirect(Redirect::Error))
                    .expect([Expect::Fails]),
            );
        }
    }
    cases
}

fn methods() -> Vec<Case> {
    const FILE: &str = "fetch/api/redirect/redirect-method.any.js";
    const CASES: &[(u16, &str, &str)] = &[
        (301, "GET", "GET"),
        (301, "POST", "GET"),
        (301, "HEAD", "HEAD"),
        (302, "GET", "GET"),
        (302, "POST", "GET"),
        (302, "HEAD", "HEAD"),
        (303, "GET", "GET"),
        (303, "POST", "GET"),
        (303, "HEAD", "HEAD"),
        (303, "TESTING", "GET"),
        (307, "GET", "GET"),
        (307, "POST", "POST"),
        (307, "HEAD", "HEAD"),
        (308, "POST", "POST"),
        (301, "TESTING", "TESTING"),
        (302, "TESTING", "TESTING"),
    ];
    let row = |(status, method, came): &(u16, &'static str, &'static str)| {
        let step = fetch(method, &at(APP, "via").redirect(*status, &at(APP, "end")))
            .header("content-language", "en-US")
            .header("content-location", "foo");
        let step = if *method == "POST" {
            step.body("this is my body")
        } else {
            step
        };
        let changed = method != came;
        let kept = |name, value| {
            if changed {
                not_sent(name)
            } else {
                sent(name, value)
            }
        };
        let length = match *came {
            "POST" => sent("content-length", "15"),
            _ => not_sent("content-length"),
        };
        let media = match *came {
            "POST" => sent("content-type", "text/plain;charset=UTF-8"),
            _ => not_sent("content-type"),
        };
        case(FILE, format!("{status} makes {came} of {method}"))
            .does(step)
            .expect([
                Expect::Status(200),
                Expect::Type(ResponseType::Basic),
                Expect::Redirected(true),
                Expect::SentMethod(came),
                kept("content-language", "en-US"),
                kept("content-location", "foo"),
                length,
                media,
            ])
    };
    let mut cases: Vec<_> = CASES.iter().map(row).collect();
    cases.push(
        case(FILE, "without a redirect nothing was redirected")
            .does(fetch("GET", &at(APP, "x")))
            .expect([Expect::Redirected(false)]),
    );
    cases
}

fn modes() -> Vec<Case> {
    const FILE: &str = "fetch/api/redirect/redirect-mode.any.js";
    let redirects = [Redirect::Error, Redirect::Manual, Redirect::Follow];
    let mut cases = Vec::new();
    for (where_, origin) in [("own origin", APP), ("another", API)] {
        for status in STATUSES {
            for redirect in redirects {
                for mode in [Mode::Cors, Mode::NoCors] {
                    let foreign = origin != APP && mode == Mode::NoCors;
                    let target = at(origin, "via")
                        .headers(STAR)
                        .redirect(status, &at(origin, "end").headers(STAR));
                    let expect = match redirect {
                        Redirect::Error => vec![Expect::Fails],
                        Redirect::Manual if foreign => vec![Expect::Fails],
                        Redirect::Manual => vec![
                            Expect::Status(0),
                            Expect::Type(ResponseType::OpaqueRedirect),
                            Expect::EndsAt("/via"),
                        ],
                        _ if foreign => vec![Expect::Type(ResponseType::Opaque)],
                        _ => vec![Expect::Status(200), Expect::EndsAt("/end")],
                    };
                    let (redirect_word, mode_word) = (redirect.as_str(), mode.as_str());
                    cases.push(
                        case(
                            FILE,
                            format!("{status} at {where_}, {redirect_word}, {mode_word}"),
                        )
                        .does(fetch("GET", &target).redirect(redirect).mode(mode))
                        .expect(expect),
                    );
                }
            }
        }
    }
    cases
}

fn origins() -> Vec<Case> {
    const FILE: &str = "fetch/api/redirect/redirect-origin.any.js";
    let hops = [
        ("own to own", APP, APP, None),
        ("own to another", APP, API, Some(APP)),
        ("another to the same", API, API, Some(APP)),
        ("another to own", API, APP, Some("null")),
    ];
    let mut cases = Vec::new();
    for status in STATUSES {
        for (name, from, to, came) in hops {
            for method in ["GET", "POST"] {
                let target = at(from, "via")
                    .headers(ECHO)
                    .redirect(status, &at(to, "end").headers(ECHO));
                // A POST that stays one tells its origin at home as well.
                let posted = method == "POST" && matches!(status, 307 | 308);
                let came = came.or(posted.then_some(APP));
                cases.push(
                    case(FILE, format!("{status}, {method}, {name}"))
                        .does(fetch(method, &target))
                        .expect([
                            Expect::Status(200),
                            Expect::Sent("origin", came.map(str::to_owned)),
                        ]),
                );
            }
        }
    }
    cases
}

fn referrers() -> Vec<Case> {
    const FILE: &str = "fetch/api/redirect/redirect-referrer.any.js";
    use ReferrerPolicy as P;
    let (full, origin) = (Some(PAGE), Some("https://app.test/"));
    // The policy, and what the second request tells within the origin and elsewhere.
    let policies = [
        ("unsafe-url", P::UnsafeUrl, full, full),
        (
            "no-referrer-when-downgrade",
            P::NoReferrerWhenDowngrade,
            full,
            full,
        ),
        ("same-origin", P::SameOrigin, full, None),
        ("origin", P::Origin, origin, origin),
        (
            "origin-when-cross-origin",
            P::OriginWhenCrossOrigin,
            full,
            origin,
        ),
        ("no-referrer", P::NoReferrer, None, None),
        ("strict-origin", P::StrictOrigin, origin, origin),
        (
            "strict-origin-when-cross-origin",
            P::StrictOriginWhenCrossOrigin,
            full,
            origin,
        ),
    ];
    let mut cases = Vec::new();
    for (word, policy, within, elsewhere) in policies {
        for (name, to, came) in [
            ("own origin", APP, within),
            ("a sibling", SIBLING, elsewhere),
        ] {
            let came = Expect::Sent("referer", came.map(str::to_owned));
            let end = at(to, "end").headers(STAR);
            let line = format!("referrer-policy: {word}");
            let told = at(APP, "via").headers(&[&line]).redirect(302, &end);
            cases.push(
                case(FILE, format!("{word} by the redirect, to {name}"))
                    .does(fetch("GET", &told))
                    .expect([Expect::Status(200), came.clone()]),
            );
            cases.push(
                case(FILE, format!("{word} by script, to {name}"))
                    .does(
                        fetch("GET", &at(APP, "via").redirect(302, &end))
                            .referrer_policy(policy, word),
                    )
                    .expect([Expect::Status(200), came]),
            );
        }
    }
    cases
}

fn back() -> Vec<Case> {
    const FILE: &str = "fetch/api/redirect/redirect-back-to-original-origin.any.js";
    let via = || {
        at(API, "via")
            .headers(STAR)
            .redirect(303, &at(APP, "end").headers(STAR))
    };
    vec![
        case(FILE, "there and back in mode no-cors stays opaque")
            .does(fetch("GET", &via()).mode(Mode::NoCors))
            .expect([Expect::Type(ResponseType::Opaque)]),
        case(FILE, "there and back in mode cors stays cors")
            .does(fetch("GET", &via()))
            .expect([Expect::Type(ResponseType::Cors)]),
    ]
}

fn counts() -> Vec<Case> {
    const FILE: &str = "fetch/api/redirect/redirect-count.any.js";
    let times = |count: usize| -> Target { at(APP, "x").hops(count) };
    let mut cases = vec![
        case(FILE, "20 redirects are followed")
            .does(fetch("GET", &times(20)))
            .expect([Expect::Status(200), Expect::Requests(21)]),
        case(FILE, "21 are not")
            .does(fetch("GET", &times(21)))
            .expect([Expect::Fails, Expect::Requests(21)]),
    ];
    cases.push(
        case(FILE, "20 redirects of another origin are followed")
            .does(fetch("GET", &at(API, "x").hops(20).headers(STAR)))
            .expect([Expect::Status(200)]),
    );
    cases
}
