//! The common part of the tests of the simulated browser and of Chromium.

#![allow(
    dead_code,
    reason = "one half of it is for the simulated browser, the other for Chromium"
)]

pub mod expected;
pub mod instructed;
pub mod scenario;
pub mod scenarios;
pub mod step;
pub mod tables;
pub mod world;
