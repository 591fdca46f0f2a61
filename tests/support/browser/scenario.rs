//! A scenario: the steps of a page and their results, the same in both browsers, line by line.

use std::fmt::Write as _;

use same_origin::browser::{EmbedderPolicy, Engine, Page, ReferrerPolicy, Web};
use serde_json::Value;

use super::step::{NO_SCENARIO, Seen, Step, without_queries};
use super::world::{Arrived, World};

/// The steps of a page, and what is to be seen of them.
#[derive(Clone)]
pub struct Scenario {
    pub name: &'static str,
    /// A number of its own.
    pub id: usize,
    /// The URL of the page.
    pub page: &'static str,
    pub frame: Frame,
    pub steps: Vec<Step>,
    /// Cookies of the browser before the start: the URL that sets it, and `Set-Cookie`.
    pub cookies: Vec<(&'static str, &'static str)>,
    /// Request headers to look at besides those of CORS.
    pub watch: &'static [&'static str],
}

/// The frame in which the script runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    Top,
    Sandbox,
    Data,
}

/// `name`, from a page.
pub fn scenario(name: &'static str, page: &'static str) -> Scenario {
    Scenario {
        name,
        id: NO_SCENARIO,
        page,
        frame: Frame::Top,
        steps: Vec::new(),
        cookies: Vec::new(),
        watch: &[],
    }
}

impl Scenario {
    pub fn does(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.extend(steps);
        self
    }

    pub fn framed(self, frame: Frame) -> Self {
        Self { frame, ..self }
    }

    pub fn cookie(mut self, url: &'static str, set_cookie: &'static str) -> Self {
        self.cookies.push((url, set_cookie));
        self
    }

    pub fn watch(self, watch: &'static [&'static str]) -> Self {
        Self { watch, ..self }
    }

    /// The result in the simulated browser.
    pub async fn simulate(&self, world: &World, engine: Engine) -> String {
        let web = world.web().engine(engine);
        for (url, cookie) in &self.cookies {
            web.set_cookie(url, cookie)
                .expect("a browser takes the cookie");
        }
        world.arrived();
        let mut lines = String::new();
        let page = self.page_of(&web);
        for step in &self.steps {
            let seen = step.simulate(&web, &page, self.id).await;
            self.report(&mut lines, &world.arrived(), seen);
        }
        lines
    }

    fn page_of(&self, web: &Web) -> Page {
        let mut page = web.page(self.page);
        if self.page.contains("/hidden/") {
            page = page.referrer_policy(ReferrerPolicy::NoReferrer);
        }
        for (path, policy) in [
            ("/require-corp/", EmbedderPolicy::RequireCorp),
            ("/credentialless/", EmbedderPolicy::Credentialless),
        ] {
            if self.page.contains(path) {
                page = page.embedder_policy(policy);
            }
        }
        match self.frame {
            Frame::Top => page,
            Frame::Sandbox => page.sandboxed(),
            Frame::Data => page.data(),
        }
    }

    /// The steps as `page.js` takes them.
    pub fn script(&self) -> Vec<Value> {
        self.steps.iter().map(|step| step.json(self.id)).collect()
    }

    pub fn frame_name(&self) -> Option<&'static str> {
        match self.frame {
            Frame::Top => None,
            Frame::Sandbox => Some("sandbox"),
            Frame::Data => Some("data"),
        }
    }

    /// The lines of one step: its requests, what script saw, what the console said.
    pub fn report(&self, lines: &mut String, arrived: &[Arrived], seen: Seen) {
        // Chromium asks for the icon of every document that it shows.
        for request in arrived
            .iter()
            .filter(|request| request.path != "/favicon.ico")
        {
            writeln!(lines, "{}", self.request_line(request)).expect("a string");
        }
        match seen {
            Seen::Nothing => {}
            Seen::Result(result) => writeln!(lines, "= {result}").expect("a string"),
            Seen::Failure(console) => {
                writeln!(lines, "! {}", comparable(&console)).expect("a string")
            }
        }
    }

    fn request_line(&self, request: &Arrived) -> String {
        let path = match request.path.len() {
            0..100 => request.path.clone(),
            length => format!("{}… ({length} bytes)", &request.path[..9]),
        };
        let mut line = format!("> {} {}{path}", request.method, request.origin);
        let short = [
            ("origin", "origin"),
            ("access-control-request-method", "acrm"),
            ("access-control-request-headers", "acrh"),
            ("authorization", "auth"),
            ("cookie", "cookie"),
        ];
        let watched = self.watch.iter().map(|name| (*name, *name));
        for (name, shown) in short.into_iter().chain(watched) {
            if let Some(mut value) = request.header(name) {
                if shown == "auth" {
                    value.truncate(value.find(' ').unwrap_or(value.len()));
                }
                // Each multipart body has a boundary of its own.
                value.truncate(value.find("; boundary=").unwrap_or(value.len()));
                write!(line, " {shown}={}", without_queries(&value)).expect("a string");
            }
        }
        line
    }
}

/// Chromium leaves out which URL it is that has a user name; we do not.
fn comparable(console: &str) -> String {
    let console = without_queries(console);
    match console.split_once("Redirect location '") {
        Some((before, after)) => {
            let after = after.split_once("' ").map_or(after, |(_, after)| after);
            format!("{before}Redirect location '' {after}")
        }
        None => console,
    }
}
