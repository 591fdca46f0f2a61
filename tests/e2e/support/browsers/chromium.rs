//! Chromium, started by chromedriver.

use std::path::PathBuf;

use fantoccini::Client;
use serde_json::{Value, json};

use super::driver::{Driver, Group, command, find};

/// The arguments of every session. `--no-sandbox` because the user is root in most containers.
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

/// Chromium with one session. Dropping it kills browser and driver and waits until they are gone.
#[derive(Debug)]
pub struct Chromium {
    /// The session's WebDriver client.
    pub page: Client,
    driver: Driver,
}

impl Chromium {
    /// A fresh profile with default preferences and these further command-line arguments.
    pub async fn start(args: impl IntoIterator<Item = String>) -> Self {
        Self::start_with(args, json!({})).await
    }

    /// As [`start`](Self::start), with preferences, such as `{"profile.cookie_controls_mode": 0}`.
    pub async fn start_with(args: impl IntoIterator<Item = String>, prefs: Value) -> Self {
        Self::launch(args, prefs, json!({ "browser": "ALL" })).await
    }

    /// As [`start`](Self::start), and keeps what [`network`](Self::network) gives.
    pub async fn start_watched(args: impl IntoIterator<Item = String>) -> Self {
        let logs = json!({ "browser": "ALL", "performance": "ALL" });
        Self::launch(args, json!({}), logs).await
    }

    async fn launch(args: impl IntoIterator<Item = String>, prefs: Value, logs: Value) -> Self {
        let Installed {
            chromium,
            chromedriver,
        } = Installed::find().expect("chromium and chromedriver are installed");
        let driver = Driver::start(|_| {
            let group = Group::start(&chromedriver, &["--port=0"], &[]);
            let port = group.said(port_in);
            (group, port)
        });
        let mut args: Vec<String> = ARGS.iter().map(ToString::to_string).chain(args).collect();
        args.push(format!(
            "--user-data-dir={}",
            driver.folder.path().display()
        ));
        let capabilities = json!({
            "goog:chromeOptions": { "binary": chromium, "args": args, "prefs": prefs },
            "goog:loggingPrefs": logs,
        });
        let page = driver.session(capabilities).await;
        Self { page, driver }
    }

    /// The lines of the console since the last call, oldest first.
    pub async fn console(&self) -> Vec<String> {
        self.log("browser").await
    }

    /// The events of the DevTools protocol's `Network` since the last call, oldest first.
    pub async fn network(&self) -> Vec<Value> {
        let event =
            |line: String| Some(serde_json::from_str::<Value>(&line).ok()?["message"].take());
        let events = self.log("performance").await.into_iter();
        events.filter_map(event).collect()
    }

    async fn log(&self, name: &str) -> Vec<String> {
        let entries = command(&self.page, "se/log", json!({ "type": name })).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let text = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        entries.iter().map(text).collect()
    }

    /// A command of the Chrome DevTools Protocol, such as `Network.clearBrowserCookies`.
    pub async fn cdp(&self, cmd: &str, params: Value) -> Value {
        let body = json!({ "cmd": cmd, "params": params });
        command(&self.page, "goog/cdp/execute", body).await
    }

    /// The directory that all of this browser's processes name in their command line.
    pub fn profile(&self) -> PathBuf {
        self.driver.folder.path().to_owned()
    }
}

/// `ChromeDriver was started successfully on port 39591.`
fn port_in(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}

/// The two programs.
struct Installed {
    chromium: PathBuf,
    chromedriver: PathBuf,
}

impl Installed {
    fn find() -> Result<Self, &'static str> {
        let chromium = find(&["chromium", "chromium-browser", "google-chrome"], &[]);
        Ok(Self {
            chromium: chromium.ok_or("no chromium in PATH")?,
            chromedriver: find(&["chromedriver"], &[]).ok_or("no chromedriver in PATH")?,
        })
    }
}

/// The reason for which Chromium cannot be started here, if there is one.
pub fn missing() -> Option<&'static str> {
    Installed::find().err()
}
