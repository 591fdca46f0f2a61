//! Redirects: which are followed, as what, and what the target is told.

use same_origin::browser::{Mode, Redirect};

use super::super::instructed::{Target, at};
use super::super::scenario::{Scenario, scenario};
use super::super::step::{Step, fetch};
use super::{API, APP, APP_PAGE, BUCKET, CREDENTIALED, ECHO, SIBLING, STAR};

fn there() -> Target {
    at(BUCKET, "there").headers(STAR)
}

fn via(status: u16) -> Target {
    at(API, "via").headers(STAR).redirect(status, &there())
}

pub fn scenarios() -> Vec<Scenario> {
    [origins(), methods(), headers(), locations(), modes()].concat()
}

fn origins() -> Vec<Scenario> {
    vec![
        scenario("to a second origin: Origin becomes null", APP_PAGE)
            .does([fetch("GET", &via(302))]),
        scenario("to a second origin that knows the page only", APP_PAGE).does([fetch(
            "GET",
            &at(API, "via").headers(STAR).redirect(
                302,
                &at(BUCKET, "there").headers(&["access-control-allow-origin: https://app.test"]),
            ),
        )]),
        // The way around it: the API answers the URL, and the page fetches that.
        scenario("in two phases Origin stays", APP_PAGE).does([
            fetch("GET", &at(API, "sign").headers(CREDENTIALED)).include(),
            fetch(
                "GET",
                &at(BUCKET, "there").headers(&["access-control-allow-origin: https://app.test"]),
            ),
        ]),
        scenario(
            "to a second origin that knows null, with credentials",
            APP_PAGE,
        )
        .does([
            fetch(
                "GET",
                &at(API, "via").headers(CREDENTIALED).redirect(
                    302,
                    &at(BUCKET, "there").headers(&["access-control-allow-origin: null"]),
                ),
            )
            .include(),
            fetch(
                "GET",
                &at(API, "via")
                    .headers(CREDENTIALED)
                    .redirect(302, &at(BUCKET, "there").headers(CREDENTIALED)),
            )
            .include(),
        ]),
        scenario("from the page's own origin: Origin stays", APP_PAGE).does([fetch(
            "GET",
            &at(APP, "via").redirect(302, &at(BUCKET, "there").headers(ECHO)),
        )]),
        scenario("away and back: CORS of one's own origin", APP_PAGE).does([
            fetch(
                "GET",
                &at(API, "via")
                    .headers(STAR)
                    .redirect(302, &at(APP, "there").headers(ECHO)),
            ),
            fetch(
                "GET",
                &at(API, "via")
                    .headers(STAR)
                    .redirect(302, &at(APP, "there")),
            ),
        ]),
        scenario("within one origin: Origin stays", APP_PAGE).does([fetch(
            "GET",
            &at(API, "via")
                .headers(ECHO)
                .redirect(302, &at(API, "there").headers(ECHO)),
        )]),
        scenario(
            "to another origin of the same site: Origin becomes null too",
            APP_PAGE,
        )
        .does([fetch(
            "GET",
            &at(SIBLING, "via")
                .headers(ECHO)
                .redirect(302, &at(BUCKET, "there").headers(ECHO)),
        )]),
        scenario("three hops", APP_PAGE).does([fetch(
            "GET",
            &at(APP, "a").redirect(
                302,
                &at(API, "b")
                    .headers(ECHO)
                    .redirect(302, &at(BUCKET, "c").headers(ECHO)),
            ),
        )]),
        scenario("the redirect itself needs CORS headers", APP_PAGE)
            .does([fetch("GET", &at(API, "via").redirect(302, &there()))]),
        scenario("so does the target", APP_PAGE).does([fetch(
            "GET",
            &at(API, "via")
                .headers(STAR)
                .redirect(302, &at(BUCKET, "there")),
        )]),
    ]
}

fn methods() -> Vec<Scenario> {
    let allowed = &[
        "access-control-allow-origin: *",
        "access-control-allow-methods: *",
    ];
    let preflighted = |status: u16| {
        let to = at(BUCKET, "there").headers(STAR).preflight(204, allowed);
        at(API, "via")
            .headers(STAR)
            .preflight(204, allowed)
            .redirect(status, &to)
    };
    let all = |method: &'static str| -> Vec<Step> {
        [301, 302, 303, 307, 308]
            .map(|status| fetch(method, &preflighted(status)))
            .into()
    };
    vec![
        scenario("GET stays GET", APP_PAGE).does(all("GET")),
        scenario("HEAD stays HEAD", APP_PAGE).does(all("HEAD")),
        scenario("POST becomes GET with 301, 302, 303", APP_PAGE)
            .does(
                all("POST")
                    .into_iter()
                    .map(|step| step.header("content-language", "de").body("x")),
            )
            .watch(&["content-type", "content-language", "content-length"]),
        scenario("PUT becomes GET with 303 only", APP_PAGE).does(all("PUT")),
    ]
}

fn headers() -> Vec<Scenario> {
    let allowed = &[
        "access-control-allow-origin: *",
        "access-control-allow-headers: authorization, x-a, content-type",
    ];
    let to = at(BUCKET, "there").headers(STAR).preflight(204, allowed);
    let from = at(API, "via").headers(STAR).preflight(204, allowed);
    vec![
        scenario("Authorization is dropped across origins", APP_PAGE).does([fetch(
            "GET",
            &from.clone().redirect(303, &to),
        )
        .header("authorization", "x")]),
        scenario("Authorization is kept within one", APP_PAGE).does([fetch(
            "GET",
            &from
                .clone()
                .redirect(303, &at(API, "there").headers(STAR).preflight(204, allowed)),
        )
        .header("authorization", "x")]),
        scenario("Authorization from the page's own origin", APP_PAGE).does([fetch(
            "GET",
            &at(APP, "via").redirect(303, &to),
        )
        .header("authorization", "x")]),
        scenario(
            "other headers make the target preflighted, by null",
            APP_PAGE,
        )
        .does([fetch("GET", &from.clone().redirect(302, &to)).header("x-a", "1")]),
        scenario("JSON that becomes GET is preflighted once", APP_PAGE)
            .does([fetch("POST", &from.clone().redirect(303, &to)).json_body()])
            .watch(&["content-type"]),
        scenario("JSON that stays POST is preflighted twice", APP_PAGE)
            .does([fetch("POST", &from.clone().redirect(307, &to)).json_body()])
            .watch(&["content-type"]),
        scenario("a target that refuses the preflight", APP_PAGE).does([fetch(
            "GET",
            &from.redirect(302, &there()),
        )
        .header("x-a", "1")]),
    ]
}

fn locations() -> Vec<Scenario> {
    let location = |line: &str| {
        fetch(
            "GET",
            &at(API, "via").status(302).headers(STAR).headers(&[line]),
        )
    };
    let hops = |count| fetch("GET", &at(API, "hop").headers(STAR).hops(count));
    vec![
        scenario("a relative Location", APP_PAGE)
            .does([location("location: there?h=access-control-allow-origin:*")]),
        scenario("no Location", APP_PAGE)
            .does([fetch("GET", &at(API, "via").status(302).headers(STAR))]),
        scenario("300 is no redirect", APP_PAGE).does([fetch(
            "GET",
            &at(API, "via").headers(STAR).redirect(300, &there()),
        )]),
        scenario("a Location that is none", APP_PAGE).does([location("location: https://")]),
        scenario("a Location out of http", APP_PAGE)
            .does([location("location: data:text/plain,x")]),
        scenario("two Locations", APP_PAGE).does([fetch(
            "GET",
            &at(API, "via")
                .status(302)
                .headers(STAR)
                .headers(&["location: /a", "location: /b"]),
        )]),
        scenario("the same Location twice", APP_PAGE).does([fetch(
            "GET",
            &at(API, "via")
                .status(302)
                .headers(STAR)
                .headers(&["location: /a", "location: /a"]),
        )]),
        scenario("a Location with user name and password", APP_PAGE).does([
            fetch(
                "GET",
                &at(API, "via")
                    .headers(STAR)
                    .redirect(302, &there().userinfo()),
            ),
            fetch("GET", &at(APP, "via").redirect(302, &there().userinfo())),
        ]),
        scenario(
            "a Location with a password, back to the page's own origin",
            APP_PAGE,
        )
        .does([fetch(
            "GET",
            &at(API, "via")
                .headers(STAR)
                .redirect(302, &at(APP, "there").userinfo()),
        )]),
        scenario("a fragment goes along", APP_PAGE).does([
            fetch(
                "GET",
                &at(API, "via")
                    .headers(STAR)
                    .redirect(302, &at(BUCKET, "there"))
                    .fragment("kept"),
            ),
            fetch(
                "GET",
                &at(API, "via")
                    .headers(STAR)
                    .redirect(302, &at(BUCKET, "there").fragment("own"))
                    .fragment("kept"),
            ),
        ]),
        scenario("twenty redirects", APP_PAGE).does([hops(20)]),
        scenario("twenty-one redirects", APP_PAGE).does([hops(21)]),
    ]
}

fn modes() -> Vec<Scenario> {
    vec![
        scenario("redirect: manual", APP_PAGE).does([
            fetch("GET", &via(302)).redirect(Redirect::Manual),
            fetch("GET", &at(APP, "via").redirect(302, &there())).redirect(Redirect::Manual),
            fetch("GET", &at(API, "via").redirect(302, &there())).redirect(Redirect::Manual),
        ]),
        scenario("redirect: error", APP_PAGE)
            .does([fetch("GET", &via(302)).redirect(Redirect::Error)]),
        scenario("mode same-origin, redirected away", APP_PAGE).does([fetch(
            "GET",
            &at(APP, "via").redirect(302, &there()),
        )
        .mode(Mode::SameOrigin)]),
        scenario("mode no-cors, redirected", APP_PAGE).does([fetch(
            "GET",
            &at(API, "via").redirect(302, &at(BUCKET, "there")),
        )
        .mode(Mode::NoCors)]),
        scenario("a POST without CORS, redirected twice", APP_PAGE).does([fetch(
            "POST",
            &at(API, "via").redirect(307, &at(BUCKET, "there")),
        )
        .mode(Mode::NoCors)
        .body("x")]),
        scenario("a POST to the page's own origin, redirected away", APP_PAGE).does([fetch(
            "POST",
            &at(APP, "via").redirect(307, &there()),
        )
        .body("x")]),
        scenario("mode no-cors wants to follow", APP_PAGE).does([fetch("GET", &at(API, "x"))
            .mode(Mode::NoCors)
            .redirect(Redirect::Manual)]),
    ]
}
