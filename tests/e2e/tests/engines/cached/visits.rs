//! Visits of one page: what its answers said may be kept is not asked for again, neither of the gateway nor
//! of what stands behind it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::browsers::chromium::Chromium;
use crate::gateway::ORIGIN;
use crate::identity::Identity;
use crate::process::Process;
use crate::program;
use crate::server::Server;
use crate::support::world::World;

/// The paths of the API, and what it says of each.
const SAID: [(&str, &[(&str, &str)]); 6] = [
    // For everybody.
    ("/news", &[("cache-control", "max-age=600")]),
    // For the gateway; the browser is to ask.
    (
        "/edge",
        &[
            ("cache-control", "max-age=0"),
            ("cdn-cache-control", "max-age=600"),
        ],
    ),
    // For the browser only.
    ("/mine", &[("cache-control", "private, max-age=600")]),
    // For the gateway, and for each language.
    (
        "/greeting",
        &[
            ("cache-control", "max-age=600"),
            ("vary", "accept-language"),
        ],
    ),
    // For nobody.
    ("/secret", &[("cache-control", "no-store")]),
    ("/unmarked", &[]),
];

const PAGE: &str = "<!doctype html><link rel=icon href=data:,><link rel=stylesheet \
    href=/assets/page-1a2b.css><script src=/assets/page-1a2b.js defer></script>";

/// Fetches all that the API has, and tells of it when it is there.
const SCRIPT: &str =
    "window.seen = Promise.all(['news', 'edge', 'mine', 'greeting', 'secret', 'unmarked'].map(
    async name => [name, await (await fetch('/api/' + name)).text()])).then(Object.fromEntries)";

pub async fn the_second_one_asks_for_nothing() {
    let log = World::default().site("api", Router::new().fallback(answer));
    let api = Server::start(log.sites["api"].clone(), None).await;
    let folder = tempfile::tempdir().expect("a folder");
    let identity = Identity::new(&["app.test"]);
    let gateway = gateway(&api, &identity, folder.path());
    let asked = async || Asked {
        gateway: lines(folder.path()).await,
        api: log.arrived().into_iter().map(|one| one.path).collect(),
    };
    let everything = [
        "/",
        "/api/edge",
        "/api/greeting",
        "/api/mine",
        "/api/news",
        "/api/secret",
        "/api/unmarked",
        "/assets/page-1a2b.css",
        "/assets/page-1a2b.js",
    ];
    let of_api = SAID.map(|(path, _)| path);

    let browser = start(&gateway, &identity).await;
    let first = visit(&browser).await;
    let all = asked().await;
    all.assert_gateway(&everything);
    all.assert_api(&of_api);

    let second = visit(&browser).await;
    let again = asked().await;
    // The page is `no-cache`; of the others only those that say that they have to be asked for.
    again.assert_gateway(&["/", "/api/edge", "/api/secret", "/api/unmarked"]);
    assert_eq!(again.gateway["/"], [(304, String::new())]);
    // The browser's copy is confirmed out of the gateway's memory.
    assert_eq!(again.gateway["/api/edge"], [(304, "hit".to_owned())]);
    again.assert_api(&["/secret", "/unmarked"]);
    for (path, _) in SAID {
        let name = path.trim_start_matches('/');
        let is_kept = !["secret", "unmarked"].contains(&name);
        assert_eq!(first[name] == second[name], is_kept, "{path}");
    }

    // Another browser has nothing; what is for everybody it gets from the gateway, and nothing of the first one's.
    let other = start(&gateway, &identity).await;
    let third = visit(&other).await;
    let others = asked().await;
    others.assert_gateway(&everything);
    others.assert_api(&["/mine", "/secret", "/unmarked"]);
    for name in ["news", "edge", "greeting"] {
        assert_eq!(third[name], first[name], "{name}");
        let outcome = &others.gateway[&format!("/api/{name}")];
        assert_eq!(outcome, &[(200, "hit".to_owned())], "{name}");
    }
    for name in ["mine", "secret", "unmarked"] {
        assert_ne!(third[name], first[name], "{name}");
        assert_ne!(third[name], second[name], "{name}");
    }
}

/// The requests of a visit.
struct Asked {
    /// Paths, with the status and what the gateway's cache did.
    gateway: BTreeMap<String, Vec<(u64, String)>>,
    api: Vec<String>,
}

impl Asked {
    #[track_caller]
    fn assert_gateway(&self, paths: &[&str]) {
        assert_eq!(self.gateway.keys().collect::<Vec<_>>(), paths);
        assert!(self.gateway.values().all(|times| times.len() == 1));
    }

    #[track_caller]
    fn assert_api(&self, paths: &[&str]) {
        let mut asked = self.api.clone();
        asked.sort_unstable();
        let mut paths = paths.to_vec();
        paths.sort_unstable();
        assert_eq!(asked, paths);
    }
}

/// Opens the page from elsewhere, which is a visit and not a reload.
async fn visit(browser: &Chromium) -> Value {
    browser.page.goto("about:blank").await.expect("a page");
    browser.page.goto(ORIGIN).await.expect("a page");
    let script = "const [done] = arguments; seen.then(done)";
    let seen = browser.page.execute_async(script, Vec::new()).await;
    seen.expect("the script runs")
}

async fn start(gateway: &Process, identity: &Identity) -> Chromium {
    Chromium::start([
        format!("--host-resolver-rules=MAP app.test {}", gateway.address()),
        format!("--ignore-certificate-errors-spki-list={}", identity.pin()),
    ])
    .await
}

/// Says each time something else, at some length, so that it is compressed on its way.
async fn answer(request: Request) -> (StatusCode, HeaderMap, String) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let path = request.uri().path();
    let Some((_, fields)) = SAID.iter().find(|(known, _)| *known == path) else {
        return (StatusCode::NOT_FOUND, HeaderMap::new(), String::new());
    };
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let tag = format!("\"{number}\"");
    let own = [("content-type", "text/plain"), ("etag", &*tag)];
    let lines = fields.iter().chain(&own).map(|(name, value)| {
        let name = name.parse::<http::HeaderName>().expect("a name");
        (name, value.parse().expect("a value"))
    });
    let text = format!("{path} is answer {number}\n").repeat(50);
    (StatusCode::OK, lines.collect(), text)
}

/// The page from files, and the API behind a cache.
fn gateway(api: &Server, identity: &Identity, folder: &Path) -> Process {
    identity.write(folder);
    let assets = folder.join("dist/assets");
    std::fs::create_dir_all(&assets).expect("a folder to write to");
    for (name, text) in [
        ("../index.html", PAGE),
        ("page-1a2b.css", "body { color: teal }"),
        ("page-1a2b.js", SCRIPT),
    ] {
        std::fs::write(assets.join(name), text).expect("a folder to write to");
    }
    let config = format!(
        r#"
tls = {{ cert = "cert.pem", key = "key.pem" }}

[log]
access = "access.log"
format = "json"

[[routes]]
prefix = "/api"
upstream = "http://{}"
cache = true
compress = true

[[routes]]
prefix = "/"
dir = "dist"
set_response_headers = [
  {{ cache-control = "no-cache" }},
  {{ path = "/assets/*", cache-control = "public, max-age=31536000, immutable" }},
]
"#,
        api.address
    );
    let file = folder.join("gateway.toml");
    std::fs::write(&file, config).expect("a folder to write to");
    let file = file.to_str().expect("a path in UTF-8");
    Process::start(
        &program::gateway(),
        &["--config", file, "--listen", "127.0.0.1:0"],
    )
}

/// The lines of the access log since the last call, once no more come: they are gathered before they are written.
async fn lines(folder: &Path) -> BTreeMap<String, Vec<(u64, String)>> {
    let log = folder.join("access.log");
    let length = || std::fs::metadata(&log).map_or(0, |log| log.len());
    let mut before = None;
    while before != Some(length()) {
        before = Some(length());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let text = std::fs::read_to_string(&log).expect("the access log");
    // It is opened to append, so that what is written next begins at the start again.
    std::fs::write(&log, "").expect("the access log");
    let mut lines: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line in JSON");
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let status = line["status"].as_u64().unwrap_or_default();
        lines
            .entry(text("path"))
            .or_default()
            .push((status, text("cache")));
    }
    lines
}
