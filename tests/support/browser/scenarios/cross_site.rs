//! Requests that a page of another site, or a neighbour, can make with the cookies of its victim.

use same_origin::browser::{Encoding, Mode, ReferrerPolicy};

use super::super::instructed::at;
use super::super::scenario::{Frame, Scenario, scenario};
use super::super::step::{Blind, Step, blind, fetch, image};
use super::{API, APP, APP_PAGE, HIDDEN_PAGE, SIBLING};

const METADATA: &[&str] = &[
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-dest",
    "sec-fetch-user",
    "sec-fetch-storage-access",
    "content-type",
];

/// Every means there is. Those by which the page leaves come last of each scenario.
fn all(victim: &str) -> Vec<Step> {
    let target = |path: &str| at(victim, path);
    let encodings = [Encoding::UrlEncoded, Encoding::Multipart, Encoding::Plain];
    let mut steps = vec![
        fetch("GET", &target("fetch")).mode(Mode::NoCors).include(),
        fetch("POST", &target("fetch"))
            .mode(Mode::NoCors)
            .include()
            .body("text"),
        image(&target("image")),
        blind(Blind::Script, "GET", &target("script")),
        blind(Blind::Beacon, "POST", &target("beacon")),
        blind(Blind::Socket, "GET", &target("socket")),
        blind(Blind::Frame, "GET", &target("frame")),
        blind(
            Blind::FrameForm(Encoding::UrlEncoded),
            "GET",
            &target("frame"),
        ),
    ];
    let posts = |means: fn(Encoding) -> Blind, path: &'static str| {
        encodings.map(|encoding| blind(means(encoding), "POST", &target(path)))
    };
    steps.extend(posts(Blind::FrameForm, "frame"));
    steps.push(blind(Blind::Window, "GET", &target("window")));
    let get = Blind::WindowForm(Encoding::UrlEncoded);
    steps.push(blind(get, "GET", &target("window")));
    steps.extend(posts(Blind::WindowForm, "window"));
    steps
}

fn with_cookies(scenario: Scenario, victim: &'static str) -> Scenario {
    scenario
        .cookie(victim, "none=1; SameSite=None; Secure; Path=/")
        .cookie(victim, "lax=1; SameSite=Lax; Path=/")
        .cookie(victim, "strict=1; SameSite=Strict; Path=/")
        .cookie(victim, "silent=1; Path=/")
}

pub fn scenarios() -> Vec<Scenario> {
    let from = |name, page, victim| {
        with_cookies(scenario(name, page).does(all(victim)), victim).watch(METADATA)
    };
    let hiding = |step: Step| step.referrer_policy(ReferrerPolicy::NoReferrer, "no-referrer");
    let form = Blind::FrameForm(Encoding::UrlEncoded);
    vec![
        from("another site attacks", APP_PAGE, API),
        from("a sibling attacks", APP_PAGE, SIBLING),
        from("the page itself", APP_PAGE, APP),
        // Its `sandbox` attribute allows scripts, but neither forms nor to lead the window away.
        with_cookies(
            scenario("a sandboxed frame attacks", APP_PAGE)
                .framed(Frame::Sandbox)
                .does(
                    all(API)
                        .into_iter()
                        .filter(|step| !step.leaves() && !step.is_form()),
                ),
            API,
        )
        .watch(METADATA),
        scenario("a page that hides its origin", APP_PAGE)
            .does([
                hiding(fetch("POST", &at(API, "x")).mode(Mode::NoCors)),
                hiding(blind(Blind::Frame, "GET", &at(API, "x"))),
                hiding(blind(Blind::Window, "GET", &at(API, "x"))),
            ])
            .watch(&["referer", "sec-fetch-site"]),
        scenario("a form of a page that hides its origin", HIDDEN_PAGE)
            .does([
                blind(form, "POST", &at(APP, "x")),
                blind(form, "POST", &at(API, "x")),
                blind(Blind::Socket, "GET", &at(API, "x")),
                blind(
                    Blind::WindowForm(Encoding::UrlEncoded),
                    "POST",
                    &at(APP, "x"),
                ),
                blind(
                    Blind::WindowForm(Encoding::UrlEncoded),
                    "POST",
                    &at(API, "x"),
                ),
            ])
            .watch(&["referer", "sec-fetch-site"]),
    ]
}
