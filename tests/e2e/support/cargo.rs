//! Programs of this workspace that a test starts: built once, by cargo itself.
//!
//! Cargo tells a test where the binaries of its own package are (`CARGO_BIN_EXE_…`), but neither examples nor
//! the binaries of another package; so it is asked to build them, in the test's own profile, which is no work
//! if it was done already.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `cargo build` with these arguments. Returns the folder of the profile: `target/debug`.
pub fn build(args: &[&str]) -> PathBuf {
    // target/[triple/]profile/deps/this-test
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let mut above = profile.ancestors();
    // A folder that was there before cargo's first build has no such file.
    let target = above.find(|dir| dir.join("CACHEDIR.TAG").exists());
    let target = target.unwrap_or_else(|| profile.parent().unwrap());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();

    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet"]).args(args);
    cargo.args(["--profile", &name(profile).replace("debug", "dev")]);
    cargo.args([
        "--manifest-path",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
    ]);
    cargo.arg("--target-dir").arg(target);
    // What the outer cargo tells this test about its package, build scripts would take for a change.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|about| name.starts_with(about))
        {
            cargo.env_remove(&*name);
        }
    }
    if let Some(triple) = profile.parent().filter(|above| *above != target) {
        cargo.args(["--target", &name(triple)]);
    }
    let built = cargo.status().unwrap().success();
    assert!(built, "cargo build {} failed", args.join(" "));
    profile.to_owned()
}
