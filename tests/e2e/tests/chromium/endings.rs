//! However the tests end, no browser, no driver and no gateway outlives them.

use std::future::pending;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;

use crate::chromium;
use crate::one_origin::{Protocol, Site, trial};

/// Tells a process of these tests that it is to start everything, and how it ends.
const ENDING: &str = "SAME_ORIGIN_TEST_ENDING";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Panic,
    Abort,
    Killed,
}

const ENDINGS: [Ending; 3] = [Ending::Panic, Ending::Abort, Ending::Killed];

pub fn trials() -> impl Iterator<Item = Trial> {
    ENDINGS.into_iter().map(|ending| {
        let name = format!("leaves_no_process_behind::{ending:?}");
        trial(&name, move || leaves_no_process_behind(ending))
    })
}

/// The `main` of such a process.
pub fn victim() -> Option<ExitCode> {
    let wanted = std::env::var(ENDING).ok()?;
    let ending = ENDINGS
        .into_iter()
        .find(|ending| format!("{ending:?}") == wanted)?;
    Some(chromium::run(vec![trial(&wanted, move || end(ending))]))
}

async fn end(ending: Ending) {
    let site = Site::start(Protocol::Http2).await;
    println!("{}", site.browser.profile().display());
    println!("{}", site.folder().display());
    match ending {
        Ending::Panic => panic!("a test that fails in the middle"),
        Ending::Abort => std::process::abort(),
        Ending::Killed => pending().await,
    }
}

async fn leaves_no_process_behind(ending: Ending) {
    let mut victim = Victim::start(ending);
    let marks = [victim.line(), victim.line()];
    let left = || marks.each_ref().map(|mark| processes_of(Path::new(mark)));
    if ending == Ending::Killed {
        // The others may have ended already.
        let [of_browser, of_gateway] = left();
        assert!(
            of_browser > 1 && of_gateway > 1,
            "the paths mark the processes"
        );
        victim.0.kill().expect("a process");
    }
    let status = victim.0.wait().expect("a process");
    assert!(!status.success());
    if ending == Ending::Panic {
        assert_eq!(left(), [0, 0], "a test waits for what it ends");
    }
    // Nobody is left who could wait, so this does; a trial has its own limit.
    while left() != [0, 0] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A process of these tests; gone when dropped.
struct Victim(Child);

impl Victim {
    fn start(ending: Ending) -> Self {
        let tests = std::env::current_exe().expect("these tests");
        let mut command = Command::new(tests);
        command.env(ENDING, format!("{ending:?}"));
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().expect("these tests start"))
    }

    /// The next path that it prints.
    fn line(&mut self) -> String {
        let mut output = BufReader::with_capacity(1, self.0.stdout.as_mut().expect("piped"));
        loop {
            let mut line = String::new();
            let read = output.read_line(&mut line).expect("text");
            assert!(read > 0, "it ended before it had started all");
            if line.starts_with('/') {
                return line.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many running processes name this path in their command line.
fn processes_of(path: &Path) -> usize {
    let path = path.to_string_lossy();
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(&*path))
        .count()
}
