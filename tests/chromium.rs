//! The simulated browser beside a real one.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;

#[path = "support/chromium.rs"]
mod chromium;

use chromium::{Chromium, trial};

fn main() -> ExitCode {
    chromium::run(vec![trial(
        "leaves_no_process_behind",
        leaves_no_process_behind,
    )])
}

async fn leaves_no_process_behind() {
    let browser = Chromium::start([]).await;
    let profile = browser.profile();
    assert!(
        processes_of(&profile) > 1,
        "the profile's path marks the browser's processes"
    );

    let panicking = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let _browser = browser;
        std::panic::resume_unwind(Box::new("a test that fails in the middle"));
    }));

    assert!(panicking.is_err());
    assert_eq!(processes_of(&profile), 0);
}

/// How many running processes name this path in their command line.
fn processes_of(profile: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let command_lines =
        processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    command_lines
        .filter(|line| String::from_utf8_lossy(line).contains(&*profile.to_string_lossy()))
        .count()
}
