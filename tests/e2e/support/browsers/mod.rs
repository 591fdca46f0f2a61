//! Real browsers for tests: started by their drivers, driven by fantoccini, gone when dropped.
//!
//! ```ignore
//! #[path = "../support/browsers/mod.rs"]
//! mod browsers;
//!
//! fn main() -> std::process::ExitCode {
//!     browsers::run(vec![chromium::trial("opens_a_page", || async {
//!         let browser = chromium::Chromium::start(["--window-size=800,600".into()]).await;
//!         browser.page.goto("data:text/html,<title>hi</title>").await.unwrap();
//!         assert_eq!(browser.page.title().await.unwrap(), "hi");
//!     })])
//! }
//! ```
//!
//! The target needs `harness = false`. Trials of a browser that is not installed are ignored and say why;
//! with `CI=true` a missing browser is a failure, so that no pipeline goes green without it.
#![allow(dead_code, reason = "each test target uses a part of it")]

pub mod chromium;
pub mod driver;
pub mod firefox;
pub mod webkit;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chromium::Chromium;
use fantoccini::Client;
use firefox::Firefox;
use libtest_mimic::{Arguments, Failed, Trial};
use same_origin::browser::Engine;
use serde_json::json;
use webkit::WebKit;

/// The longest that one trial may take; a hang becomes a failure with a name.
const TRIAL_LIMIT: Duration = Duration::from_secs(120);

/// The browsers there are.
pub const ALL: [Engine; 3] = [Engine::Chromium, Engine::Firefox, Engine::WebKit];

/// The place where a browser finds the servers of all names, and the reason why it trusts them.
#[derive(Clone, Debug)]
pub struct Reach {
    /// It serves HTTP, TLS and SOCKS 5, told apart by the first byte.
    pub address: SocketAddr,
    /// The names that are served, for Chromium's rules: `*.test`.
    pub names: &'static str,
    /// The hash of the key of TLS.
    pub pin: String,
}

impl Reach {
    /// The command line that makes Chromium find these servers and trust them.
    pub fn chromium_args(&self) -> [String; 2] {
        [
            format!("--host-resolver-rules=MAP {} {}", self.names, self.address),
            format!("--ignore-certificate-errors-spki-list={}", self.pin),
        ]
    }
}

/// A browser of any kind.
#[derive(Debug)]
pub enum Browser {
    Chromium(Chromium),
    Firefox(Firefox),
    WebKit(WebKit),
}

impl Browser {
    /// Starts it with cookies of other sites allowed, which all of them restrict in their own ways.
    pub async fn start(engine: Engine, reach: &Reach) -> Self {
        match engine {
            Engine::Firefox => Self::Firefox(Firefox::start(reach).await),
            Engine::WebKit => Self::WebKit(WebKit::start(reach).await),
            _ => {
                let prefs = json!({
                    "profile.cookie_controls_mode": 0,
                    "profile.block_third_party_cookies": false,
                });
                Self::Chromium(Chromium::start_with(reach.chromium_args(), prefs).await)
            }
        }
    }

    /// The session's WebDriver client.
    pub fn page(&self) -> &Client {
        match self {
            Self::Chromium(browser) => &browser.page,
            Self::Firefox(browser) => &browser.page,
            Self::WebKit(browser) => &browser.page,
        }
    }

    /// Makes it forget all cookies. `clear` is a page that says so by `Clear-Site-Data`, for those that
    /// have no other means; one for each site.
    pub async fn forget(&self, clear: &[&str]) {
        match self {
            Self::Chromium(browser) => {
                browser.cdp("Network.clearBrowserCookies", json!({})).await;
            }
            Self::Firefox(browser) => browser.forget().await,
            Self::WebKit(browser) => {
                for url in clear {
                    browser.page.goto(url).await.expect("a page");
                }
            }
        }
    }

    /// The lines of the console since the last call, in Chromium.
    pub async fn console(&self) -> Vec<String> {
        match self {
            Self::Chromium(browser) => browser.console().await,
            Self::Firefox(_) | Self::WebKit(_) => Vec::new(),
        }
    }

    /// The folder that this browser's processes name in their command line or as `HOME`.
    pub fn profile(&self) -> PathBuf {
        match self {
            Self::Chromium(browser) => browser.profile(),
            Self::Firefox(browser) => browser.profile(),
            Self::WebKit(browser) => browser.profile(),
        }
    }
}

/// The reason for which a browser cannot be started here, if there is one.
pub fn missing(engine: Engine) -> Option<&'static str> {
    match engine {
        Engine::Firefox => firefox::missing(),
        Engine::WebKit => webkit::missing(),
        _ => chromium::missing(),
    }
}

/// The folder of what is built once for these tests: `target/engines`, wherever below it this test is.
fn engines() -> PathBuf {
    let test = std::env::current_exe().expect("these tests");
    let folders = test.ancestors().map(|folder| folder.join("engines"));
    let mut built = folders.filter(|folder| folder.join("bin").is_dir());
    built.next().unwrap_or_default()
}

/// One test of a browser with a runtime of its own; a panic fails it.
pub fn trial<T, F>(engine: Engine, name: &str, test: T) -> Trial
where
    T: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let missing = missing(engine);
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
