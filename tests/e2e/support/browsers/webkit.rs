//! WebKitGTK's MiniBrowser, started by WebKitWebDriver, on a display of its own that nobody sees.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fantoccini::Client;
use serde_json::json;

use super::Reach;
use super::driver::{Driver, Group, find};

/// WebKitGTK with one session. Dropping it kills browser, driver and display and waits until they are gone.
#[derive(Debug)]
pub struct WebKit {
    /// The session's WebDriver client.
    pub page: Client,
    driver: Driver,
    _display: Group,
}

impl WebKit {
    /// A session without a past that finds all names where `reach` says.
    pub async fn start(reach: &Reach) -> Self {
        let Installed {
            browser,
            driver,
            xvfb,
        } = Installed::find().expect("WebKitWebDriver, MiniBrowser and Xvfb are installed");
        let args = [
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1024x768x24",
            "-nolisten",
            "tcp",
        ];
        let display = Group::start(&xvfb, &args, &[]);
        let number: u32 = display
            .said(|line| line.trim().parse().ok())
            .expect("a display");
        let driver = Driver::start(|folder| start(&driver, folder, number));
        let capabilities = json!({
            "webkitgtk:browserOptions": {
                "binary": browser,
                // Its driver takes no SOCKS proxy from the capability of that name.
                "args": ["--automation", "--cookies-policy=always", format!("--proxy=socks5://{}", reach.address)],
            },
            "acceptInsecureCerts": true,
            "pageLoadStrategy": "normal",
        });
        let page = driver.session(capabilities).await;
        Self {
            page,
            driver,
            _display: display,
        }
    }

    /// The folder that this browser's processes have as `HOME`.
    pub fn profile(&self) -> PathBuf {
        self.driver.folder.path().to_owned()
    }
}

/// It does not say when it listens, and takes no port 0.
fn start(driver: &Path, folder: &Path, display: u32) -> (Group, Result<u16, String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("the port").port();
    drop(listener);
    let display = format!(":{display}");
    let home = folder.as_os_str();
    let group = Group::start(
        driver,
        &[&format!("--port={port}"), "--host=127.0.0.1"],
        &[
            ("DISPLAY", OsStr::new(&display)),
            ("HOME", home),
            ("XDG_RUNTIME_DIR", home),
            ("XDG_CACHE_HOME", home),
            ("XDG_DATA_HOME", home),
            ("XDG_CONFIG_HOME", home),
            // No bus, which would start processes of its own.
            ("DBUS_SESSION_BUS_ADDRESS", OsStr::new("disabled:")),
            ("NO_AT_BRIDGE", OsStr::new("1")),
            ("GDK_BACKEND", OsStr::new("x11")),
            ("GSETTINGS_BACKEND", OsStr::new("memory")),
            ("LIBGL_ALWAYS_SOFTWARE", OsStr::new("1")),
            ("WEBKIT_DISABLE_DMABUF_RENDERER", OsStr::new("1")),
            ("WEBKIT_DISABLE_COMPOSITING_MODE", OsStr::new("1")),
        ],
    );
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if Instant::now() > until {
            return (group, Err("WebKitWebDriver does not listen".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    (group, Ok(port))
}

struct Installed {
    browser: PathBuf,
    driver: PathBuf,
    xvfb: PathBuf,
}

impl Installed {
    fn find() -> Result<Self, &'static str> {
        let driver = find(&["WebKitWebDriver"], &[]).ok_or("no WebKitWebDriver in PATH")?;
        Ok(Self {
            browser: find(&["MiniBrowser"], &libraries()).ok_or("no MiniBrowser of WebKitGTK")?,
            driver,
            xvfb: find(&["Xvfb"], &[]).ok_or("no Xvfb in PATH")?,
        })
    }
}

/// `/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1` and the like.
fn libraries() -> Vec<PathBuf> {
    let below = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let is_webkit = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("webkit2gtk-") || name.starts_with("webkitgtk-")
    };
    let mut all = below(Path::new("/usr/libexec"));
    for folder in below(Path::new("/usr/lib")) {
        all.extend(below(&folder));
        all.push(folder);
    }
    all.retain(is_webkit);
    all.sort();
    all
}

/// The reason for which WebKitGTK cannot be started here, if there is one.
pub fn missing() -> Option<&'static str> {
    Installed::find().err()
}
