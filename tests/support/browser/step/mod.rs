//! The steps of script in a scenario, and what it sees of them.

mod simulated;

use std::fmt::Write as _;

use same_origin::browser::{Credentials, Encoding, Mode, Redirect, ReferrerPolicy};
use serde_json::{Value, json};

use super::instructed::Target;

/// One thing that script does.
#[derive(Clone)]
pub struct Step {
    kind: Kind,
    method: &'static str,
    url: Address,
    headers: Vec<(&'static str, String)>,
    body: Option<&'static str>,
    credentials: Credentials,
    mode: Mode,
    redirect: Redirect,
    referrer_policy: Option<(ReferrerPolicy, &'static str)>,
}

/// The number of steps that belong to a table.
pub const NO_SCENARIO: usize = 0;

/// A URL with or without instructions to the server; each scenario makes its own of it.
#[derive(Clone)]
enum Address {
    Instructed(Target),
    Plain(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fetch,
    Xhr,
    Image,
    /// A script or a style sheet, of which the page learns whether it was loaded.
    Loaded(Loaded),
    /// `fetch()`, and whether the page may know how long it took.
    Timing,
    Wait(u64),
    /// Of these nothing is to be seen but the requests.
    Blind(Blind),
}

/// Loads of markup that tell no more than whether they came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    Script,
    Style,
}

/// The means of a page by which it sends and sees nothing of what comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Blind {
    Script,
    Font,
    Beacon,
    Socket,
    Frame,
    Window,
    FrameForm(Encoding),
    WindowForm(Encoding),
}

impl Blind {
    fn name(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Font => "font",
            Self::Beacon => "beacon",
            Self::Socket => "socket",
            Self::Frame => "frame",
            Self::Window => "window",
            Self::FrameForm(_) => "frame-form",
            Self::WindowForm(_) => "window-form",
        }
    }

    /// The page is gone after it.
    pub fn leaves(self) -> bool {
        matches!(self, Self::Window | Self::WindowForm(_))
    }
}

/// `fetch(url, { method })`.
pub fn fetch(method: &'static str, target: &Target) -> Step {
    fetch_address(method, Address::Instructed(target.clone()))
}

/// `fetch(url, { method })` of a server that needs no instruction.
pub fn fetch_url(method: &'static str, url: &str) -> Step {
    fetch_address(method, Address::Plain(url.to_owned()))
}

fn fetch_address(method: &'static str, url: Address) -> Step {
    Step {
        kind: Kind::Fetch,
        method,
        url,
        headers: Vec::new(),
        body: None,
        credentials: Credentials::default(),
        mode: Mode::default(),
        redirect: Redirect::default(),
        referrer_policy: None,
    }
}

/// `<img src>`.
pub fn image(target: &Target) -> Step {
    Step {
        kind: Kind::Image,
        ..fetch("GET", target).include().mode(Mode::NoCors)
    }
}

/// `<script src>` or `<link rel="stylesheet">`.
pub fn loaded(what: Loaded, target: &Target) -> Step {
    let mime = match what {
        Loaded::Script => "content-type: text/javascript",
        Loaded::Style => "content-type: text/css",
    };
    Step {
        kind: Kind::Loaded(what),
        ..image(&target.clone().headers(&[mime]))
    }
}

/// `fetch()` in mode `no-cors`, and whether the page may know how long it took.
pub fn timing(target: &Target) -> Step {
    Step {
        kind: Kind::Timing,
        ..fetch("GET", target).mode(Mode::NoCors)
    }
}

/// An `XMLHttpRequest` with a listener on its upload.
pub fn upload(method: &'static str, target: &Target) -> Step {
    Step {
        kind: Kind::Xhr,
        ..fetch(method, target)
    }
}

/// One of the means by which a page sends and sees nothing. Forms have the one field `a=1`.
pub fn blind(means: Blind, method: &'static str, target: &Target) -> Step {
    Step {
        kind: Kind::Blind(means),
        ..fetch(method, target)
    }
}

/// Waits for some seconds.
pub fn wait(seconds: u64) -> Step {
    let nowhere = super::instructed::at("https://app.test", "");
    Step {
        kind: Kind::Wait(seconds),
        ..fetch("GET", &nowhere)
    }
}

impl Address {
    fn of(&self, id: usize) -> String {
        match self {
            Self::Instructed(target) => target.url(id).into(),
            Self::Plain(url) if id == NO_SCENARIO => url.clone(),
            Self::Plain(url) => format!("{url}?id={id}"),
        }
    }
}

/// The result of a step.
pub enum Seen {
    Nothing,
    Result(String),
    Failure(String),
}

impl Step {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn body(self, body: &'static str) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    pub fn json_body(self) -> Self {
        self.header("content-type", "application/json").body("{}")
    }

    pub fn include(self) -> Self {
        self.credentials(Credentials::Include)
    }

    pub fn omit(self) -> Self {
        self.credentials(Credentials::Omit)
    }

    pub fn credentials(self, credentials: Credentials) -> Self {
        Self {
            credentials,
            ..self
        }
    }

    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    pub fn redirect(self, redirect: Redirect) -> Self {
        Self { redirect, ..self }
    }

    pub fn referrer_policy(self, policy: ReferrerPolicy, name: &'static str) -> Self {
        Self {
            referrer_policy: Some((policy, name)),
            ..self
        }
    }

    pub fn is_form(&self) -> bool {
        matches!(
            self.kind,
            Kind::Blind(Blind::FrameForm(_) | Blind::WindowForm(_))
        )
    }

    /// Whether the page is gone after this step.
    pub fn leaves(&self) -> bool {
        matches!(self.kind, Kind::Blind(means) if means.leaves())
    }

    /// The step as `page.js` takes it.
    pub fn json(&self, id: usize) -> Value {
        let (kind, seconds) = match self.kind {
            Kind::Fetch => ("fetch", 0),
            Kind::Xhr => ("xhr", 0),
            Kind::Image => ("image", 0),
            Kind::Loaded(Loaded::Script) => ("loaded-script", 0),
            Kind::Loaded(Loaded::Style) => ("loaded-style", 0),
            Kind::Timing => ("timing", 0),
            Kind::Wait(seconds) => ("wait", seconds),
            Kind::Blind(means) => (means.name(), 0),
        };
        let encoding = match self.kind {
            Kind::Blind(Blind::FrameForm(encoding) | Blind::WindowForm(encoding)) => Some(encoding),
            _ => None,
        };
        let encoding = encoding.map(|encoding| match encoding {
            Encoding::UrlEncoded => "application/x-www-form-urlencoded",
            Encoding::Multipart => "multipart/form-data",
            Encoding::Plain => "text/plain",
            other => panic!("a new encoding: {other:?}"),
        });
        json!({
            "kind": kind, "seconds": seconds, "method": self.method, "url": self.url.of(id).as_str(), "headers": self.headers,
            "body": self.body, "credentials": self.credentials.as_str(),
            "mode": self.mode.as_str(), "redirect": self.redirect.as_str(),
            "encoding": encoding,
            "referrerPolicy": self.referrer_policy.map(|(_, name)| name),
        })
    }
}

/// `200 cors x-a=1 body`: what script saw of a response, in one line.
pub fn result(
    status: u64,
    kind: &str,
    redirected_to: &str,
    headers: impl IntoIterator<Item = (String, String)>,
    text: &str,
) -> String {
    // Those that every HTTP server adds on its own are not the scenario's, and CORS is its means.
    let shown = |name: &str| {
        !matches!(name, "date" | "content-length" | "content-type")
            && !name.starts_with("access-control-")
    };
    let mut headers: Vec<_> = headers
        .into_iter()
        .filter(|(name, _)| shown(name))
        .collect();
    headers.sort();
    headers.dedup();
    let mut line = format!("{status} {kind}");
    for (name, value) in headers {
        write!(line, " {name}={}", without_queries(&value)).expect("a string");
    }
    let text = if text.starts_with("GIF") {
        "an image"
    } else {
        text
    };
    for (what, text) in [("url", redirected_to), ("body", text)] {
        if !text.is_empty() {
            write!(line, " {what}={}", without_queries(text)).expect("a string");
        }
    }
    line
}

/// The queries are instructions to the server and would drown the rest.
pub fn without_queries(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('?') {
        kept.push_str(&rest[..start]);
        let query = &rest[start..];
        let end = query.find(['\'', ' ', '#', '"']).unwrap_or(query.len());
        rest = &query[end..];
    }
    kept + rest
}
