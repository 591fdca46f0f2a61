//! Statuses of redirects with a `Location` that leads nowhere, or to a user's name.

use same_origin::browser::{Mode, Redirect};

use super::super::instructed::{Target, at};
use super::super::scenario::{Scenario, scenario};
use super::super::step::{fetch, image};
use super::{API, APP, APP_PAGE, STAR};

pub fn scenarios() -> Vec<Scenario> {
    let said = |line: &str| at(APP, "x").status(302).headers(&[line]);
    let in_each_mode = |target: Target| {
        [Redirect::Follow, Redirect::Error, Redirect::Manual]
            .map(|redirect| fetch("GET", &target).redirect(redirect))
    };
    vec![
        scenario("Location is absent", APP_PAGE).does(in_each_mode(at(APP, "x").status(302))),
        scenario("Location is empty", APP_PAGE).does(in_each_mode(said("location:"))),
        scenario("Location is no URL", APP_PAGE).does(in_each_mode(said("location: https://["))),
        scenario("Location leads out of http", APP_PAGE)
            .does(in_each_mode(said("location: data:text/plain,x"))),
        scenario("Location has a user, within the origin", APP_PAGE).does([
            fetch(
                "GET",
                &at(APP, "via").redirect(302, &at(APP, "end").userinfo()),
            ),
            fetch(
                "GET",
                &at(APP, "via").redirect(302, &at(APP, "end").userinfo()),
            )
            .mode(Mode::SameOrigin),
        ]),
        scenario("Location has a user, without CORS", APP_PAGE).does([
            fetch(
                "GET",
                &at(API, "via").redirect(302, &at(API, "end").userinfo()),
            )
            .mode(Mode::NoCors),
            image(&at(API, "via").redirect(302, &at(API, "end").userinfo())),
        ]),
        scenario("Location has a user, with CORS", APP_PAGE).does([fetch(
            "GET",
            &at(API, "via")
                .headers(STAR)
                .redirect(302, &at(API, "end").headers(STAR).userinfo()),
        )]),
    ]
}
