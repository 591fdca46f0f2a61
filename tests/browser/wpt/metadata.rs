//! `fetch/metadata/`: `Sec-Fetch-*` of each kind of request, along redirects.

use same_origin::browser::{Encoding, Mode};

use super::{API, APP, Case, PLAIN, SIBLING, STAR, case, not_sent, sent};
use crate::support::instructed::{Target, at};
use crate::support::step::{Blind, Step, blind, fetch, image};

/// A chain of origins and the word for it, of a page of `https://app.test`.
const CHAINS: &[(&[&str], &str)] = &[
    (&[APP], "same-origin"),
    (&[API], "cross-site"),
    (&[SIBLING], "same-site"),
    (&[APP, API, APP], "cross-site"),
    (&[APP, SIBLING, APP], "same-site"),
    (&[API, APP], "cross-site"),
    (&[API, SIBLING], "cross-site"),
    (&[API, API], "cross-site"),
    (&[APP, APP], "same-origin"),
    (&[APP, SIBLING], "same-site"),
    (&[APP, API], "cross-site"),
    (&[SIBLING, APP], "same-site"),
    (&[SIBLING, SIBLING], "same-site"),
    (&[SIBLING, API], "cross-site"),
];

/// A way to ask for a target, with its file, `Sec-Fetch-Mode` and `Sec-Fetch-Dest`.
type Means = (
    &'static str,
    fn(&Target) -> Step,
    &'static str,
    &'static str,
);

const MEANS: &[Means] = &[
    (
        "fetch/metadata/generated/fetch.https.sub.html",
        |target| fetch("GET", target).mode(Mode::NoCors),
        "no-cors",
        "empty",
    ),
    (
        "fetch/metadata/generated/element-img.https.sub.html",
        image,
        "no-cors",
        "image",
    ),
    (
        "fetch/metadata/generated/element-script.https.sub.html",
        |target| blind(Blind::Script, "GET", target),
        "no-cors",
        "script",
    ),
    (
        "fetch/metadata/generated/element-iframe.https.sub.html",
        |target| blind(Blind::Frame, "GET", target),
        "navigate",
        "iframe",
    ),
    (
        "fetch/metadata/generated/element-a.https.sub.html",
        |target| blind(Blind::Window, "GET", target),
        "navigate",
        "document",
    ),
    (
        "fetch/metadata/generated/form-submission.https.sub.html",
        |target| blind(Blind::WindowForm(Encoding::UrlEncoded), "POST", target),
        "navigate",
        "document",
    ),
];

/// The same kinds of request from a page without TLS to servers without it.
const PLAIN_FILES: &[(&str, usize)] = &[
    ("fetch/metadata/generated/fetch.sub.html", 0),
    ("fetch/metadata/generated/element-img.sub.html", 1),
    ("fetch/metadata/generated/element-script.sub.html", 2),
    ("fetch/metadata/generated/element-iframe.sub.html", 3),
    ("fetch/metadata/generated/element-a.sub.html", 4),
    ("fetch/metadata/generated/form-submission.sub.html", 5),
];

fn chain(origins: &[&str]) -> Target {
    // A POST stays one by 307, and a GET does not mind.
    let mut hops = origins
        .iter()
        .rev()
        .map(|origin| at(origin, "x").headers(STAR));
    let last = hops.next().expect("a chain");
    hops.fold(last, |next, hop| hop.redirect(307, &next))
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (file, ask, mode, destination) in MEANS {
        for (origins, site) in CHAINS {
            let names: Vec<_> = origins
                .iter()
                .map(|origin| origin.trim_start_matches("https://"))
                .collect();
            cases.push(
                case(file, format!("{} is {site}", names.join(" to ")))
                    .does(ask(&chain(origins)))
                    .expect([sent("sec-fetch-site", site)]),
            );
        }
        for (name, value) in [("sec-fetch-mode", *mode), ("sec-fetch-dest", *destination)] {
            cases.push(
                case(file, format!("{name} is {value}"))
                    .does(ask(&chain(&[APP])))
                    .expect([sent(name, value)]),
            );
        }
        cases.push(
            case(file, "nobody clicked")
                .does(ask(&chain(&[APP])))
                .expect([not_sent("sec-fetch-user")]),
        );
    }
    for (file, means) in PLAIN_FILES {
        let (_, ask, ..) = MEANS[*means];
        for name in [
            "sec-fetch-site",
            "sec-fetch-mode",
            "sec-fetch-dest",
            "sec-fetch-user",
        ] {
            cases.push(
                case(file, format!("no {name} without TLS"))
                    .page(PLAIN)
                    .does(ask(&at(PLAIN, "x")))
                    .expect([not_sent(name)]),
            );
        }
    }
    cases.extend(modes());
    cases
}

fn modes() -> Vec<Case> {
    const FILE: &str = "fetch/metadata/fetch.https.sub.any.js";
    const PREFLIGHT: &str = "fetch/metadata/fetch-preflight.https.sub.any.js";
    let mut cases = Vec::new();
    for mode in [Mode::Cors, Mode::NoCors, Mode::SameOrigin] {
        cases.push(
            case(FILE, format!("mode {}", mode.as_str()))
                .does(fetch("GET", &at(APP, "x")).mode(mode))
                .expect([
                    sent("sec-fetch-mode", mode.as_str()),
                    sent("sec-fetch-dest", "empty"),
                ]),
        );
    }
    for (origin, site) in [
        (APP, "same-origin"),
        (SIBLING, "same-site"),
        (API, "cross-site"),
    ] {
        cases.push(
            case(FILE, format!("{origin} in mode cors"))
                .does(fetch("GET", &at(origin, "x").headers(STAR)))
                .expect([sent("sec-fetch-site", site), sent("sec-fetch-mode", "cors")]),
        );
        cases.push(
            case(
                PREFLIGHT,
                format!("the request after a preflight at {origin}"),
            )
            .does(
                fetch(
                    "GET",
                    &at(origin, "x").headers(STAR).preflight(
                        204,
                        &[
                            "access-control-allow-origin: *",
                            "access-control-allow-headers: custom",
                        ],
                    ),
                )
                .header("custom", "x"),
            )
            .expect([sent("sec-fetch-site", site), sent("sec-fetch-mode", "cors")]),
        );
    }
    const SOCKET: &str = "fetch/metadata/websocket.https.sub.html";
    for (origin, site) in [
        (APP, "same-origin"),
        (SIBLING, "same-site"),
        (API, "cross-site"),
    ] {
        cases.push(
            case(SOCKET, format!("a handshake with {origin}"))
                .does(blind(Blind::Socket, "GET", &at(origin, "x")))
                .expect([
                    sent("sec-fetch-site", site),
                    sent("sec-fetch-mode", "websocket"),
                    sent("sec-fetch-dest", "empty"),
                    sent("origin", APP),
                ]),
        );
    }
    cases
}
