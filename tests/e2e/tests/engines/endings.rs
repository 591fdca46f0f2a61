//! However the tests end, no browser, no driver and no gateway outlives them.

use std::future::pending;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use same_origin::browser::Engine;

use crate::browsers::{self, Browser};
use crate::one_origin::{self, Protocol, Site};
use crate::sockets::Served;
use crate::support::world::World;

/// Tells a process of these tests that it is to start everything, and how it ends: `Firefox Panic`.
const ENDING: &str = "SAME_ORIGIN_TEST_ENDING";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Panic,
    Abort,
    Killed,
}

const ENDINGS: [Ending; 3] = [Ending::Panic, Ending::Abort, Ending::Killed];

fn cases() -> impl Iterator<Item = (Engine, Ending)> {
    let engines = browsers::ALL.into_iter();
    engines.flat_map(|engine| ENDINGS.into_iter().map(move |ending| (engine, ending)))
}

fn name((engine, ending): (Engine, Ending)) -> String {
    format!("{engine:?} {ending:?}")
}

/// With Chromium, the gateway runs as well.
fn trial<T, F>(engine: Engine, name: &str, test: T) -> Trial
where
    T: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    match engine {
        Engine::Chromium => one_origin::trial(name, test),
        other => browsers::trial(other, name, test),
    }
}

pub fn trials() -> impl Iterator<Item = Trial> {
    cases().map(|(engine, ending)| {
        let name = format!("leaves_no_process_behind::{engine:?}::{ending:?}").to_lowercase();
        trial(engine, &name, move || {
            leaves_no_process_behind(engine, ending)
        })
    })
}

/// The `main` of such a process.
pub fn victim() -> Option<ExitCode> {
    let wanted = std::env::var(ENDING).ok()?;
    let (engine, ending) = cases().find(|case| name(*case) == wanted)?;
    let end = trial(engine, &wanted, move || end(engine, ending));
    Some(browsers::run(vec![end]))
}

async fn end(engine: Engine, ending: Ending) {
    let running = Running::start(engine).await;
    for mark in running.marks() {
        println!("{}", mark.display());
    }
    match ending {
        Ending::Panic => panic!("a test that fails in the middle"),
        Ending::Abort => std::process::abort(),
        Ending::Killed => pending().await,
    }
}

/// The traces that are to be gone.
enum Running {
    Gateway(Box<Site>),
    Browser {
        browser: Box<Browser>,
        _served: Served,
    },
}

impl Running {
    async fn start(engine: Engine) -> Self {
        match engine {
            Engine::Chromium => Self::Gateway(Box::new(Site::start(Protocol::Http2).await)),
            other => {
                let served = Served::start(&World::default()).await;
                let browser = Box::new(Browser::start(other, &served.reach).await);
                Self::Browser {
                    browser,
                    _served: served,
                }
            }
        }
    }

    /// Paths that its processes name: at first those of the browser.
    fn marks(&self) -> [PathBuf; 2] {
        match self {
            Self::Gateway(site) => [site.browser.profile(), site.folder().to_owned()],
            Self::Browser { browser, .. } => [browser.profile(), browser.profile()],
        }
    }
}

async fn leaves_no_process_behind(engine: Engine, ending: Ending) {
    let mut victim = Victim::start(&name((engine, ending)));
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
    fn start(ending: &str) -> Self {
        let tests = std::env::current_exe().expect("these tests");
        let mut command = Command::new(tests);
        command.env(ENDING, ending);
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

/// The number of running processes that name this path in their command line or in their environment.
fn processes_of(path: &Path) -> usize {
    let path = path.to_string_lossy();
    let names = |file: PathBuf| {
        let text = std::fs::read(file).unwrap_or_default();
        String::from_utf8_lossy(&text).contains(&*path)
    };
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let named = processes.filter(|process| {
        let files = ["cmdline", "environ"].map(|file| process.path().join(file));
        files.into_iter().any(names)
    });
    named.count()
}
