//! The gateway's program.
#![allow(dead_code, reason = "each test target uses a part of it")]

pub mod cargo;

use std::path::PathBuf;
use std::sync::OnceLock;

/// A path to a gateway that was built before; without it cargo is asked for one.
const GIVEN: &str = "SAME_ORIGIN_GATEWAY";

/// The binary of the package `same-origin-gateway`, in the profile of this test.
pub fn gateway() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let find = || match std::env::var_os(GIVEN) {
        Some(given) => given.into(),
        None => cargo::build(&["-p", "same-origin-gateway"]).join("same-origin-gateway"),
    };
    BINARY.get_or_init(find).clone()
}

/// A test that needs the gateway, which is built before its time begins: a trial's limit is for the
/// trial.
pub fn after_build<F>(test: impl FnOnce() -> F) -> impl FnOnce() -> F {
    move || {
        gateway();
        test()
    }
}
