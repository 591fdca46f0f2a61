//! A real Chromium for tests: started by chromedriver, driven by fantoccini, gone when dropped.
//!
//! ```ignore
//! #[path = "../support/chromium.rs"]
//! mod chromium;
//!
//! fn main() -> std::process::ExitCode {
//!     chromium::run(vec![chromium::trial("opens_a_page", || async {
//!         let browser = chromium::Chromium::start(["--window-size=800,600".into()]).await;
//!         browser.page.goto("data:text/html,<title>hi</title>").await.unwrap();
//!         assert_eq!(browser.page.title().await.unwrap(), "hi");
//!     })])
//! }
//! ```
//!
//! The target needs `harness = false`. Without Chromium its trials are ignored and say why; with
//! `CI=true` a missing Chromium is a failure, so that no pipeline goes green without it.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

/// The longest that one trial may take; a hang becomes a failure with a name.
const TRIAL_LIMIT: Duration = Duration::from_secs(120);

/// What every session is started with. `--no-sandbox` because the user is root in most containers.
const ARGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // What frames in processes of their own say to the console is not in chromedriver's log.
    "--disable-features=IsolateSandboxedIframes",
    "--no-first-run",
    "--no-default-browser-check",
];

/// Kills its whole process group when its standard input closes, which the kernel does for us
/// however the test process ends: by return, by panic, by a signal. `$1` is chromedriver; only it and
/// its children hold the output, whose end is thus the end of the last of them.
const GUARD: &str =
    r#"exec 3>&1 >/dev/null; "$1" --port=0 >&3 2>&1 3>&- & exec 3>&-; cat; kill -KILL 0"#;

/// chromedriver takes a port that is free for IPv4 and gives up when IPv6 has it, or when another
/// chromedriver was faster; then it is started again.
const ATTEMPTS: usize = 5;

/// The longest that chromedriver may take to tell its port.
const STARTUP: Duration = Duration::from_secs(20);

/// Chromium with one session. Dropping it kills browser and driver and waits until they are gone.
#[derive(Debug)]
pub struct Chromium {
    /// The session's WebDriver client.
    pub page: Client,
    driver: Driver,
}

impl Chromium {
    /// A fresh profile with default preferences and these further command-line arguments.
    #[allow(dead_code, reason = "not every test target is content with it")]
    pub async fn start(args: impl IntoIterator<Item = String>) -> Self {
        Self::start_with(args, json!({})).await
    }

    /// As [`start`](Self::start), with preferences, such as `{"profile.cookie_controls_mode": 0}`.
    pub async fn start_with(args: impl IntoIterator<Item = String>, prefs: Value) -> Self {
        Self::launch(args, prefs, json!({ "browser": "ALL" })).await
    }

    /// As [`start`](Self::start), and keeps what [`network`](Self::network) gives.
    #[allow(dead_code, reason = "not every test target watches the network")]
    pub async fn start_watched(args: impl IntoIterator<Item = String>) -> Self {
        let logs = json!({ "browser": "ALL", "performance": "ALL" });
        Self::launch(args, json!({}), logs).await
    }

    async fn launch(args: impl IntoIterator<Item = String>, prefs: Value, logs: Value) -> Self {
        let driver = Driver::start();
        let args: Vec<String> = ARGS.iter().map(ToString::to_string).chain(args).collect();
        let page = driver.session(args, prefs, logs).await;
        Self { page, driver }
    }

    /// What the console has said since the last call, oldest first.
    #[allow(dead_code, reason = "not every test target reads the console")]
    pub async fn console(&self) -> Vec<String> {
        self.log("browser").await
    }

    /// The events of the DevTools protocol's `Network` since the last call, oldest first.
    #[allow(dead_code, reason = "not every test target watches the network")]
    pub async fn network(&self) -> Vec<Value> {
        let event =
            |line: String| Some(serde_json::from_str::<Value>(&line).ok()?["message"].take());
        let events = self.log("performance").await.into_iter();
        events.filter_map(event).collect()
    }

    async fn log(&self, name: &str) -> Vec<String> {
        let entries = self.command("se/log", json!({ "type": name })).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let text = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        entries.iter().map(text).collect()
    }

    /// A command of the Chrome DevTools Protocol, such as `Network.clearBrowserCookies`.
    #[allow(dead_code, reason = "not every test target needs it")]
    pub async fn cdp(&self, command: &str, params: Value) -> Value {
        self.command(
            "goog/cdp/execute",
            json!({ "cmd": command, "params": params }),
        )
        .await
    }

    async fn command(&self, path: &'static str, body: Value) -> Value {
        let command = SessionCommand { path, body };
        self.page
            .issue_cmd(command)
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The directory that all of this browser's processes name in their command line.
    #[allow(dead_code, reason = "only one test looks for survivors")]
    pub fn profile(&self) -> PathBuf {
        self.driver.profile.path().to_owned()
    }
}

/// chromedriver on a free port.
#[derive(Debug)]
struct Driver {
    _group: Group,
    port: u16,
    profile: tempfile::TempDir,
}

/// The guard, and with it a process group.
#[derive(Debug)]
struct Group {
    guard: Child,
    /// Reads what the group prints until the last process of it is gone.
    reader: Option<JoinHandle<()>>,
    lines: Receiver<String>,
}

impl Group {
    fn start(chromedriver: &Path) -> Self {
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(chromedriver)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        let output = BufReader::new(guard.stdout.take().expect("stdout is piped"));
        let (told, lines) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Nobody listens any more once the port is known.
                let _ = told.send(line);
            }
        });
        Self {
            guard,
            reader: Some(reader),
            lines,
        }
    }

    /// The port, or else all that was said.
    fn port(&self) -> Result<u16, String> {
        let mut said = String::new();
        while let Ok(line) = self.lines.recv_timeout(STARTUP) {
            match port_in(&line) {
                Some(port) => return Ok(port),
                None => said = format!("{said}{line}\n"),
            }
        }
        Err(said)
    }
}

impl Driver {
    fn start() -> Self {
        let installed = Installed::find().expect("chromium and chromedriver are installed");
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            let group = Group::start(&installed.chromedriver);
            match group.port() {
                Ok(port) => {
                    let profile = tempfile::tempdir().expect("a directory for the profile");
                    return Self {
                        _group: group,
                        port,
                        profile,
                    };
                }
                Err(this) => said = this,
            }
        }
        panic!("chromedriver does not start:\n{said}");
    }

    async fn session(&self, mut args: Vec<String>, prefs: Value, logs: Value) -> Client {
        let binary = Installed::find()
            .expect("chromium was found before")
            .chromium;
        args.push(format!("--user-data-dir={}", self.profile.path().display()));
        let capabilities = json!({
            "goog:chromeOptions": { "binary": binary, "args": args, "prefs": prefs },
            "goog:loggingPrefs": logs,
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("a literal object")
        };
        ClientBuilder::new(HttpConnector::new())
            .capabilities(Capabilities::from_iter(capabilities))
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .expect("Chromium starts")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// `ChromeDriver was started successfully on port 39591.`
fn port_in(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}

/// One of chromedriver's own commands.
#[derive(Debug)]
struct SessionCommand {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for SessionCommand {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// The two programs.
struct Installed {
    chromium: PathBuf,
    chromedriver: PathBuf,
}

impl Installed {
    /// # Errors
    /// Names what is missing.
    fn find() -> Result<Self, &'static str> {
        let chromium = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find_map(in_path);
        let chromium = chromium.ok_or("no chromium in PATH")?;
        let chromedriver = in_path("chromedriver").ok_or("no chromedriver in PATH")?;
        Ok(Self {
            chromium,
            chromedriver,
        })
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// What keeps Chromium from being started here, if something does.
pub fn missing() -> Option<&'static str> {
    Installed::find().err()
}

/// One test with a runtime of its own; a panic fails it.
pub fn trial<T, F>(name: &str, test: T) -> Trial
where
    T: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let missing = missing();
    let run = move || {
        if let Some(missing) = missing {
            return Err(Failed::from(missing));
        }
        let runtime = tokio::runtime::Runtime::new()?;
        // What it does before it gives its future, such as building what it starts, is not counted.
        let test = test();
        runtime.block_on(async { tokio::time::timeout(TRIAL_LIMIT, test).await })?;
        Ok(())
    };
    match missing {
        Some(reason) if std::env::var_os("CI").is_none_or(|ci| ci != "true") => {
            Trial::test(name, run)
                .with_kind(reason)
                .with_ignored_flag(true)
        }
        _ => Trial::test(name, run),
    }
}

/// The `main` of a target with `harness = false`.
pub fn run(trials: Vec<Trial>) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
