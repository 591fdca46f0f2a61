//! Firefox, started by geckodriver.

use std::path::PathBuf;

use fantoccini::Client;
use serde_json::{Value, json};

use super::driver::{Driver, Group, command, find};
use super::{Reach, engines};

/// Firefox with one session. Dropping it kills browser and driver and waits until they are gone.
#[derive(Debug)]
pub struct Firefox {
    /// The session's WebDriver client.
    pub page: Client,
    driver: Driver,
}

impl Firefox {
    /// A fresh profile that finds all names where `reach` says.
    pub async fn start(reach: &Reach) -> Self {
        let (firefox, geckodriver) = installed().expect("Firefox and geckodriver are installed");
        let driver = Driver::start(|folder| {
            let profiles = folder.display().to_string();
            // Scripts of the browser's own are needed to make it forget cookies.
            let args = [
                "--port=0",
                "--allow-system-access",
                "--profile-root",
                &profiles,
            ];
            let group = Group::start(&geckodriver, &args, &[("HOME", folder.as_os_str())]);
            let port = group.said(port_in);
            (group, port)
        });
        let capabilities = json!({
            "moz:firefoxOptions": { "binary": firefox, "args": ["-headless"], "prefs": prefs() },
            "acceptInsecureCerts": true,
            "pageLoadStrategy": "normal",
            "proxy": proxy(reach),
        });
        let page = driver.session(capabilities).await;
        Self { page, driver }
    }

    /// As if the browser had been started anew, as far as cookies and caches go.
    pub async fn forget(&self) {
        self.chrome("Services.cookies.removeAll(); Services.cache2.clear();")
            .await;
    }

    /// Runs statements with the rights of the browser itself.
    async fn chrome(&self, script: &str) -> Value {
        let context = |name: &str| json!({ "context": name });
        command(&self.page, "moz/context", context("chrome")).await;
        let result = command(
            &self.page,
            "execute/sync",
            json!({ "script": script, "args": [] }),
        )
        .await;
        command(&self.page, "moz/context", context("content")).await;
        result
    }

    /// The folder that this browser's processes name in their command line or as `HOME`.
    pub fn profile(&self) -> PathBuf {
        self.driver.folder.path().to_owned()
    }
}

/// A SOCKS proxy is told the names, and a connection is as it would be without it.
fn proxy(reach: &Reach) -> Value {
    json!({ "proxyType": "manual", "socksProxy": reach.address.to_string(), "socksVersion": 5 })
}

fn prefs() -> Value {
    json!({
        // Cookies of other sites, which a fresh profile keeps apart by the site of the page, are part of
        // the standard.
        "network.cookie.cookieBehavior": 0,
        "network.cookie.cookieBehavior.optInPartitioning": false,
        "network.proxy.socks_remote_dns": true,
        "network.proxy.allow_hijacking_localhost": true,
        "network.proxy.failover_direct": false,
        "browser.chrome.site_icons": false,
        // It asks its makers for news otherwise.
        "services.settings.server": "data:,#remote-settings-dummy/v1",
        // The pages are plain http where a scenario says so.
        "dom.security.https_first": false,
        "dom.disable_open_during_load": false,
    })
}

/// `… geckodriver INFO Listening on 127.0.0.1:39591`
fn port_in(line: &str) -> Option<u16> {
    let (_, address) = line.split_once("Listening on ")?;
    address.trim().rsplit_once(':')?.1.parse().ok()
}

fn installed() -> Result<(PathBuf, PathBuf), &'static str> {
    let firefox = find(&["firefox-esr", "firefox"], &[]).ok_or("no firefox in PATH")?;
    let geckodriver = find(&["geckodriver"], &[engines().join("bin")])
        .ok_or("no geckodriver: cargo install --locked geckodriver --root target/engines")?;
    Ok((firefox, geckodriver))
}

/// The reason for which Firefox cannot be started here, if there is one.
pub fn missing() -> Option<&'static str> {
    installed().err()
}
