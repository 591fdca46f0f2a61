//! Foreign pages in Chromium that try to act in a user's name, through the gateway: each attempt comes out as
//! `attacks()` says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use same_origin::browser::{AttackVerdict, Attempt, Engine, Request, Web, attacks};
use same_origin::proxy::Client;
use serde_json::{Value, json};

use crate::browsers::chromium::Chromium;
use crate::identity::Identity;
use crate::one_origin;
use crate::process::Process;
use crate::program;
use crate::real::{self, perform};
use crate::server::Server;
use crate::sockets::Served;
use crate::support::instructed::{at, page_server, server};
use crate::support::world::{Arrived, World};

/// The gateway's own origin.
const BANK: &str = "https://bank.example";

/// The pages that attack: as `attacks()` calls them, the page, and the frame that script runs in.
const ATTACKERS: [(&str, &str, Option<&str>); 5] = [
    ("https://attacker.example", "https://attacker.example", None),
    (
        "https://sibling-attacker.bank.example",
        "https://sibling-attacker.bank.example",
        None,
    ),
    (
        "https://bank.example:4999",
        "https://bank.example:4999",
        None,
    ),
    ("http://bank.example", "http://bank.example", None),
    (
        "a sandboxed frame",
        "https://attacker.example",
        Some("sandbox-allowing"),
    ),
];

/// The time that a window may take to go elsewhere.
const LEAVING: Duration = Duration::from_millis(1500);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    Default,
    Off,
}

pub fn trials() -> Vec<Trial> {
    // The last is younger than two minutes: it is set when the trial begins.
    let cookies = [
        ("none", "sid=1; SameSite=None; Secure; Path=/"),
        ("lax", "sid=1; SameSite=Lax; Path=/"),
        ("silent", "sid=1; Path=/"),
    ];
    let guards = [(Guard::Default, "guarded"), (Guard::Off, "unguarded")];
    let all = cookies
        .iter()
        .flat_map(|cookie| guards.map(|guard| (*cookie, guard)));
    all.map(|((name, cookie), (guard, how))| {
        one_origin::trial(&format!("attacks::{how}::{name}"), move || {
            attempts_come_out_as_simulated(cookie, guard)
        })
    })
    .collect()
}

async fn attempts_come_out_as_simulated(cookie: &'static str, guard: Guard) {
    let bank = Bank::start(guard).await;
    let simulated = bank.simulate(cookie).await;
    let pages = attackers();
    let served = Served::start(&pages).await;
    let browser = bank.browser(&served).await;
    bank.log_in(&browser, cookie).await;
    the_own_page_gets_through(&bank, &browser).await;

    let mut differences = String::new();
    let mut through = 0;
    for (attacker, page, frame) in ATTACKERS {
        let real = bank.attack(&browser, page, frame).await;
        assert_eq!(real.len(), MEANS.len());
        for (means, real) in real {
            let simulated = simulated.get(&(attacker.to_owned(), means.to_owned()));
            through += usize::from(real == Reached::WithCookies);
            if simulated != Some(&real) {
                differences += &format!(
                    "{means} from {attacker}: simulated {simulated:?}, Chromium {real:?}\n"
                );
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
    assert_eq!(simulated.len(), ATTACKERS.len() * MEANS.len());
    if guard == Guard::Off {
        assert!(through > 0, "without the guard something gets through");
    }
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// The bank saw nothing of it.
    Nothing,
    WithoutCookies,
    WithCookies,
}

impl Reached {
    /// The guard's refusal is the only 403 here.
    fn simulated(attempt: &Attempt) -> Self {
        let requests = attempt.outcome().trace().requests();
        let at_bank = |url: &url::Url| url.origin().ascii_serialization() == BANK;
        let last = requests
            .filter(|request| !request.is_preflight() && at_bank(request.url()))
            .last();
        match (attempt.verdict(), last) {
            (AttackVerdict::NotSent | AttackVerdict::Refused(403), _) | (_, None) => Self::Nothing,
            (_, Some(request)) if request.header("cookie").is_some() => Self::WithCookies,
            _ => Self::WithoutCookies,
        }
    }

    fn real(arrived: &[Arrived], path: &str) -> Self {
        let mut at = arrived.iter().filter(|request| request.is_at(path));
        match at.next() {
            None => Self::Nothing,
            Some(request) if request.header("cookie").is_some() => Self::WithCookies,
            Some(_) => Self::WithoutCookies,
        }
    }
}

/// A means as `attacks()` calls it, and as `page.js` does it.
type Means = (&'static str, fn(&str, &str) -> Value);

const MEANS: [Means; 15] = [
    ("form, POST", |_, url| {
        form(url, "application/x-www-form-urlencoded")
    }),
    ("form, multipart, POST", |_, url| {
        form(url, "multipart/form-data")
    }),
    ("form, text/plain, POST", |_, url| form(url, "text/plain")),
    ("form, redirected by 307, POST", |page, url| {
        let scheme = page.split(':').next().unwrap_or_default();
        let bounce = at(&format!("{scheme}://bounce.attacker.example"), "");
        let bounce = bounce.status(307).headers(&[&format!("location: {url}")]);
        form(bounce.url(1).as_str(), "application/x-www-form-urlencoded")
    }),
    (
        "link, GET",
        |_, url| json!({ "kind": "window", "url": url, "target": "_top" }),
    ),
    ("form in a frame, POST", |_, url| {
        json!({ "kind": "frame-form", "method": "POST", "url": url,
            "encoding": "application/x-www-form-urlencoded" })
    }),
    ("fetch, no-cors, POST", |_, url| {
        fetch("POST", url, "no-cors")
    }),
    ("fetch, POST", |_, url| fetch("POST", url, "cors")),
    ("fetch as the own page, DELETE", |_, url| {
        fetch("DELETE", url, "cors")
    }),
    (
        "beacon, POST",
        |_, url| json!({ "kind": "beacon", "url": url, "body": "{}" }),
    ),
    (
        "WebSocket",
        |_, url| json!({ "kind": "socket", "url": url }),
    ),
    ("fetch, GET", |_, url| fetch("GET", url, "cors")),
    ("<script>", |_, url| json!({ "kind": "script", "url": url })),
    ("<img>", |_, url| json!({ "kind": "image", "url": url })),
    ("<iframe>", |_, url| json!({ "kind": "frame", "url": url })),
];

/// Those by which the page leaves come first.
const LEAVING_MEANS: usize = 5;

fn form(url: &str, encoding: &str) -> Value {
    json!({ "kind": "window-form", "method": "POST", "url": url, "encoding": encoding, "target": "_top" })
}

fn fetch(method: &str, url: &str, mode: &str) -> Value {
    let body = if method == "POST" {
        json!("{}")
    } else {
        Value::Null
    };
    json!({ "kind": "fetch", "method": method, "url": url, "mode": mode, "credentials": "include", "body": body })
}

/// The pages that attack, and the server by way of which one of them goes.
fn attackers() -> World {
    let pages = ATTACKERS.map(|(_, page, _)| page);
    let world = pages.iter().fold(World::default(), |world, page| {
        world.site(page, page_server(real::PAGE))
    });
    [
        "https://bounce.attacker.example",
        "http://bounce.attacker.example",
    ]
    .into_iter()
    .fold(world, |world, bounce| world.site(bounce, server()))
}

/// A bank that checks nothing, behind the gateway's process.
struct Bank {
    log: World,
    identity: Identity,
    gateway: Process,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Bank {
    async fn start(guard: Guard) -> Self {
        let log = World::default().site(BANK, page_server(real::PAGE));
        let server = Server::start(log.sites[BANK].clone(), None).await;
        let identity = Identity::new(&["bank.example"]);
        let folder = tempfile::tempdir().expect("a folder");
        identity.write(folder.path());
        let config = format!(
            "tls = {{ cert = \"cert.pem\", key = \"key.pem\" }}\n{}\n\
             [[routes]]\nprefix = \"/\"\nupstream = \"http://{}\"\n",
            if guard == Guard::Off {
                "guard = false"
            } else {
                ""
            },
            server.address
        );
        Self {
            log,
            identity,
            gateway: gateway(&config, folder.path()),
            _server: server,
            _folder: folder,
        }
    }

    /// The table of `attacks()`, by attacker and means.
    async fn simulate(&self, cookie: &str) -> BTreeMap<(String, String), Reached> {
        let client = Client::builder().tls_config(Arc::new(self.identity.trusting()));
        let web = Web::network_by(client.build().expect("a client"));
        let web = web.resolve(BANK, self.gateway.address());
        web.set_cookie(BANK, cookie).expect("a cookie");
        let report = attacks(&web, BANK)
            .engine(Engine::Chromium)
            .change(Request::delete("/x"))
            .socket("/x")
            .secret("/x")
            .run()
            .await;
        let named = report.attempts().map(|attempt| {
            let means = attempt.means().trim_end_matches(" /x").to_owned();
            (
                (attempt.attacker().to_owned(), means),
                Reached::simulated(attempt),
            )
        });
        named.collect()
    }

    /// Its name leads to the gateway, all others and its other ports to the attackers.
    async fn browser(&self, attackers: &Served) -> Chromium {
        let others = &attackers.reach;
        let rules = [
            format!("MAP bank.example:443 {}", self.gateway.address()),
            format!("MAP *.example {}", others.address),
        ];
        let prefs = json!({
            "profile.cookie_controls_mode": 0,
            "profile.block_third_party_cookies": false,
        });
        Chromium::start_with(
            [
                format!("--host-resolver-rules={}", rules.join(",")),
                format!(
                    "--ignore-certificate-errors-spki-list={},{}",
                    self.identity.pin(),
                    others.pin
                ),
            ],
            prefs,
        )
        .await
    }

    async fn log_in(&self, browser: &Chromium, cookie: &str) {
        let login = at(BANK, "login").headers(&[&format!("set-cookie: {cookie}")]);
        browser
            .page
            .goto(login.url(1).as_str())
            .await
            .expect("a page");
        self.log.arrived();
    }

    /// Every means of one attacker, and how far it came.
    async fn attack(
        &self,
        browser: &Chromium,
        page: &str,
        frame: Option<&str>,
    ) -> Vec<(&'static str, Reached)> {
        let url = |number: usize| format!("{BANK}/attempt{number}x");
        let step = |number: usize| MEANS[number].1(page, &url(number));
        let mut arrived = Vec::new();
        for number in 0..LEAVING_MEANS {
            open(browser, page).await;
            perform(&browser.page, &[step(number)], frame).await;
            left_for(browser, &url(number)).await;
            arrived.extend(self.log.arrived());
        }
        open(browser, page).await;
        let steps: Vec<_> = (LEAVING_MEANS..MEANS.len()).map(step).collect();
        perform(&browser.page, &steps, frame).await;
        arrived.extend(self.log.arrived());
        let path = |number: usize| format!("/attempt{number}x");
        let reached = |number: usize| (MEANS[number].0, Reached::real(&arrived, &path(number)));
        (0..MEANS.len()).map(reached).collect()
    }
}

async fn the_own_page_gets_through(bank: &Bank, browser: &Chromium) {
    open(browser, BANK).await;
    let urls = ["own0", "own1"].map(|path| format!("{BANK}/{path}"));
    let steps = [
        fetch("POST", &urls[0], "cors"),
        json!({ "kind": "socket", "url": urls[1] }),
    ];
    perform(&browser.page, &steps, None).await;
    let arrived = bank.log.arrived();
    for path in ["/own0", "/own1"] {
        assert_eq!(
            Reached::real(&arrived, path),
            Reached::WithCookies,
            "{path}"
        );
    }
}

async fn open(browser: &Chromium, page: &str) {
    browser.page.goto(page).await.expect("a page");
    let here = browser.page.current_url().await.expect("an address");
    assert_eq!(here.origin().ascii_serialization(), page);
}

/// Waits until the window is there, whatever was answered.
async fn left_for(browser: &Chromium, url: &str) {
    let arrives = async {
        while !browser
            .page
            .current_url()
            .await
            .is_ok_and(|here| here.as_str() == url)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let arrived = tokio::time::timeout(LEAVING, arrives).await;
    assert!(arrived.is_ok(), "the window goes to {url}");
}

fn gateway(config: &str, folder: &Path) -> Process {
    let file = folder.join("gateway.toml");
    std::fs::write(&file, config).expect("a folder to write to");
    let file = file.to_str().expect("a path in UTF-8");
    Process::start(
        &program::gateway(),
        &["--config", file, "--listen", "127.0.0.1:0"],
    )
}
