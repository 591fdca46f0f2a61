//! `fetch/origin/`: which requests tell their origin.

use same_origin::browser::{Encoding, Mode, ReferrerPolicy};

use super::{API, APP, Case, Expect, STAR, case, sent};
use crate::support::instructed::{Target, at};
use crate::support::step::{Blind, Step, blind, fetch};

const FILE: &str = "fetch/origin/assorted.window.js";

pub fn cases() -> Vec<Case> {
    let away_and_back = at(API, "via")
        .headers(STAR)
        .redirect(308, &at(APP, "end").headers(STAR));
    let came = |first: Option<&str>, last: Option<&str>| {
        let text = |value: Option<&str>| value.map(str::to_owned);
        [
            Expect::SentFirst("origin", text(first)),
            Expect::Sent("origin", text(last)),
        ]
    };
    let form = |target: &Target| blind(Blind::FrameForm(Encoding::UrlEncoded), "POST", target);
    let mut cases = vec![
        case(FILE, "a POST in mode no-cors, redirected back by 308")
            .does(fetch("POST", &away_and_back).mode(Mode::NoCors))
            .expect(came(Some(APP), Some("null"))),
        case(FILE, "a frame, redirected back")
            .does(blind(Blind::Frame, "GET", &away_and_back))
            .expect(came(None, None)),
        case(FILE, "a form in a frame, redirected back by 308")
            .does(form(&away_and_back))
            .expect(came(Some(APP), Some("null"))),
    ];
    // The origin that a POST without CORS tells at home and elsewhere.
    let policies = [
        ("no-referrer", ReferrerPolicy::NoReferrer, "null", "null"),
        ("same-origin", ReferrerPolicy::SameOrigin, APP, "null"),
        (
            "origin-when-cross-origin",
            ReferrerPolicy::OriginWhenCrossOrigin,
            APP,
            APP,
        ),
        (
            "no-referrer-when-downgrade",
            ReferrerPolicy::NoReferrerWhenDowngrade,
            APP,
            APP,
        ),
        ("unsafe-url", ReferrerPolicy::UnsafeUrl, APP, APP),
    ];
    for (word, policy, at_home, elsewhere) in policies {
        for (place, origin, came) in [("at home", APP, at_home), ("elsewhere", API, elsewhere)] {
            let target = at(origin, "x").headers(STAR);
            let means: [(&str, Step, &str); 3] = [
                ("a form", form(&target), came),
                (
                    "fetch in no-cors",
                    fetch("POST", &target).mode(Mode::NoCors),
                    came,
                ),
                (
                    "fetch in cors",
                    fetch("POST", &target),
                    if origin == APP { came } else { APP },
                ),
            ];
            for (name, step, came) in means {
                // In mode cors the standard hides nothing at home; the test is of another opinion.
                if name == "fetch in cors" && came == "null" {
                    continue;
                }
                cases.push(
                    case(FILE, format!("{word}: {name} {place}"))
                        .page_policy(policy)
                        .does(step)
                        .expect([sent("origin", came)]),
                );
            }
        }
    }
    cases
}
