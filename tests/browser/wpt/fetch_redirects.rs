//! `fetch/api/cors/`: redirects.

use super::{API, APP, Case, ECHO, Expect, PORT, STAR, case, sent};
use crate::support::instructed::{Target, at};
use crate::support::step::fetch;

pub fn cases() -> Vec<Case> {
    [redirects(), redirect_credentials(), redirect_preflights()]
        .into_iter()
        .flatten()
        .collect()
}

const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

fn redirects() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-redirect.any.js";
    let rows = [
        ("cors to the same", API, API, APP),
        ("cors to another", API, PORT, "null"),
        ("own origin to cors", APP, API, APP),
        ("cors to own origin", API, APP, "null"),
    ];
    let row = |status: u16, (name, from, to, came): (&str, &str, &str, &str)| {
        let target = at(from, "via")
            .headers(ECHO)
            .redirect(status, &at(to, "end").headers(ECHO));
        case(FILE, format!("{status}, {name}"))
            .does(fetch("GET", &target))
            .expect([
                Expect::Status(200),
                Expect::Preflights(0),
                sent("origin", came),
            ])
    };
    REDIRECTS
        .into_iter()
        .flat_map(|status| rows.map(|what| row(status, what)))
        .collect()
}

fn redirect_credentials() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-redirect-credentials.any.js";
    let hops = [
        ("own origin to another", APP, PORT),
        ("another to own origin", PORT, APP),
        ("another to the same", PORT, PORT),
        ("another to a third", PORT, API),
    ];
    let ask = |status: u16, from: &str, to: &str, userinfo: &str| {
        let to = to.replace("://", &format!("://{userinfo}"));
        let location = format!("location: {to}/end?h=access-control-allow-origin:*");
        fetch(
            "GET",
            &at(from, "via")
                .headers(STAR)
                .headers(&[&location])
                .status(status),
        )
    };
    let mut cases = Vec::new();
    for status in REDIRECTS {
        cases.push(
            case(FILE, format!("{status}, own origin to another, no user"))
                .does(ask(status, APP, PORT, ""))
                .expect([Expect::Status(200)]),
        );
        for (name, from, to) in hops {
            for userinfo in ["user:password@", "user:@", ":password@"] {
                cases.push(
                    case(FILE, format!("{status}, {name}, `{userinfo}`"))
                        .does(ask(status, from, to, userinfo))
                        .expect([Expect::Fails, Expect::Requests(1)]),
                );
            }
        }
    }
    cases
}

fn redirect_preflights() -> Vec<Case> {
    const FILE: &str = "fetch/api/cors/cors-redirect-preflight.any.js";
    const ON: &str = "fetch/api/cors/cors-preflight-redirect.any.js";
    let allowed = [
        "access-control-allow-origin: {origin}",
        "access-control-allow-headers: x-w3c",
    ];
    let open = |target: Target| target.headers(ECHO).preflight(200, &allowed);
    let refused = |target: Target| target.headers(ECHO).preflight(200, &allowed[..1]);
    let ask = |target: Target| fetch("GET", &target).header("x-w3c", "test");
    let hops = [
        ("own origin to cors", APP, API, 1),
        ("cors to own origin", API, APP, 2),
        ("cors to another", API, PORT, 2),
    ];
    let mut cases = Vec::new();
    for status in REDIRECTS {
        for (name, from, to, preflights) in hops {
            let via = |end: &Target| open(at(from, "via")).redirect(status, end);
            cases.push(
                case(FILE, format!("{status}, {name}, allowed there"))
                    .does(ask(via(&open(at(to, "end")))))
                    .expect([Expect::Status(200), Expect::Preflights(preflights)]),
            );
            cases.push(
                case(FILE, format!("{status}, {name}, not allowed there"))
                    .does(ask(via(&refused(at(to, "end")))))
                    .expect([Expect::Fails]),
            );
        }
        let answer = at(API, "via").headers(STAR);
        let location = "location: https://api.test/end";
        cases.push(
            case(ON, format!("{status} as the answer to the preflight"))
                .does(ask(
                    answer.preflight(status, &[&allowed[..], &[location]].concat())
                ))
                .expect([Expect::Fails, Expect::Requests(0)]),
        );
        cases.push(
            case(
                ON,
                format!("{status} after it, to where no preflight passes"),
            )
            .does(ask(
                open(at(API, "via")).redirect(status, &refused(at(API, "end")))
            ))
            .expect([Expect::Fails, Expect::Requests(1)]),
        );
    }
    cases
}
