//! A page, an API and a bucket behind one origin: the gateway's process in front of them, and Chromium
//! in front of the gateway.

mod cookies;
mod files;
mod pages;
mod redirects;
mod requests;
mod streams;
mod upload;

use std::path::Path;

use fantoccini::error::CmdError;
use libtest_mimic::Trial;
use same_origin::browser::Engine;
use serde_json::{Value, json};

use crate::browsers::{self, chromium::Chromium};
use crate::gateway::{ORIGIN, gateway};
use crate::identity::Identity;
use crate::process::Process;
use crate::program::after_build;
use crate::support::world::Arrived;
use crate::upstreams::Upstreams;

/// The version of HTTP that the browser speaks with the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    /// As Resource Timing has it (RFC 7301 6).
    fn id(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
        }
    }

    /// As `Via` has it (RFC 9110 7.6.3).
    fn via(self) -> &'static str {
        match self {
            Self::Http1 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// A trial that needs the gateway.
pub fn trial<T, F>(name: &str, test: T) -> Trial
where
    T: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    browsers::trial(Engine::Chromium, name, after_build(test))
}

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("one_origin::pages", pages::deep_links_reload),
        trial(
            "one_origin::unknown",
            pages::what_is_unknown_is_said_by_whom_it_concerns,
        ),
        trial("one_origin::cookies", cookies::come_back),
        trial("one_origin::redirects", redirects::stay_on_the_origin),
        trial(
            "one_origin::signatures",
            files::signed_urls_hold_to_the_byte,
        ),
        trial("one_origin::encodings", files::encodings_and_ranges_pass),
        trial(
            "one_origin::streams",
            upload::streams_end_as_the_page_ends_them,
        ),
    ];
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let name = |test: &str| format!("one_origin::{test}::{}", protocol.id());
        trials.extend([
            trial(&name("requests"), move || {
                requests::none_is_preflighted(protocol)
            }),
            trial(&name("events"), move || {
                streams::events_arrive_one_by_one(protocol)
            }),
            trial(&name("sockets"), move || {
                streams::sockets_open_speak_and_close(protocol)
            }),
            trial(&name("upload"), move || {
                upload::tells_its_progress(protocol)
            }),
        ]);
    }
    trials
}

/// All of it, and a page that is open.
pub struct Site {
    pub browser: Chromium,
    pub upstreams: Upstreams,
    _gateway: Process,
    folder: tempfile::TempDir,
}

impl Site {
    pub async fn start(protocol: Protocol) -> Self {
        let upstreams = Upstreams::start();
        let folder = tempfile::tempdir().expect("a folder");
        let identity = Identity::new(&["app.test"]);
        let gateway = gateway(&upstreams, &identity, folder.path());
        let mut args = vec![
            format!("--host-resolver-rules=MAP app.test {}", gateway.address()),
            format!("--ignore-certificate-errors-spki-list={}", identity.pin()),
        ];
        if protocol == Protocol::Http1 {
            args.push("--disable-http2".to_owned());
        }
        let browser = Chromium::start_watched(args).await;
        let site = Self {
            browser,
            upstreams,
            _gateway: gateway,
            folder,
        };
        site.open("/").await;
        let spoken = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
        assert_eq!(site.execute(spoken).await, protocol.id());
        site
    }

    /// The path of the gateway's configuration, which its command line names.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub async fn open(&self, path: &str) {
        let page = &self.browser.page;
        page.goto(&format!("{ORIGIN}{path}")).await.expect("a page");
    }

    /// Runs statements in the page.
    pub async fn execute(&self, script: &str) -> Value {
        let result = self.browser.page.execute(script, Vec::new()).await;
        result.expect("the script runs")
    }

    /// Calls a function of the page's script, and waits for what it promises.
    pub async fn call(&self, function: &str, argument: Value) -> Value {
        let script = format!(
            "const [argument, done] = arguments;
             {function}(argument).then(done, error => done({{ thrown: String(error) }}))"
        );
        let result = self
            .browser
            .page
            .execute_async(&script, vec![argument])
            .await;
        let result = result.unwrap_or_else(|error: CmdError| panic!("{function}: {error}"));
        assert_eq!(result["thrown"], Value::Null, "{function}");
        result
    }

    /// One request as script sees it and `page.js` describes it.
    pub async fn fetch(&self, step: Value) -> Value {
        let mut seen = self.call("run", json!([step])).await;
        if seen[0]["error"].is_string() {
            panic!("{step}: {:?}", self.browser.console().await);
        }
        seen[0].take()
    }

    /// The requests that have arrived at a server since the last call.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.upstreams.log.arrived()
    }
}
