//! Caches behind one another: the gateway's, and the one that Chromium has itself.

mod layers;
mod visits;

use libtest_mimic::Trial;

use crate::{chromium, one_origin};

pub fn trials() -> Vec<Trial> {
    vec![
        one_origin::trial("cached::visits", visits::the_second_one_asks_for_nothing),
        chromium::trial("cached::layers", layers::an_image_and_then_a_fetch_of_it),
        chromium::trial("cached::control", layers::without_vary_the_fetch_fails),
    ]
}
