//! The means by which a page can have a request made that its user's cookies go along with.

use std::fmt;

use url::Url;

use super::Attacks;
use crate::browser::fetch::options::{Credentials, Mode};
use crate::browser::page::Page;
use crate::browser::page::fetch::Fetch;
use crate::browser::page::form::{Encoding, Form};
use crate::browser::page::request::Request;

/// One of the means, and the address that it is for.
#[derive(Clone, Debug)]
pub(super) struct Means {
    kind: Kind,
    path: String,
    /// The own page's request, for the means that can send one like it.
    request: Option<Request>,
    /// The subprotocols of a WebSocket.
    protocols: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Form(Encoding),
    FormInFrame,
    Bounced,
    NoCors,
    Cors,
    AsOwn,
    Beacon,
    Socket,
    Read,
    Script,
    Image,
    Frame,
    Window,
}

const CHANGES: [Kind; 9] = [
    Kind::Form(Encoding::UrlEncoded),
    Kind::Form(Encoding::Multipart),
    Kind::Form(Encoding::Plain),
    Kind::FormInFrame,
    Kind::Bounced,
    Kind::NoCors,
    Kind::Cors,
    Kind::AsOwn,
    Kind::Beacon,
];

const READS: [Kind; 5] = [
    Kind::Read,
    Kind::Script,
    Kind::Image,
    Kind::Frame,
    Kind::Window,
];

/// All means for what there is to attack.
pub(super) fn all_means(attacks: &Attacks) -> Vec<Means> {
    let of = |kinds: &'static [Kind], path: &str, request: Option<&Request>| {
        let (path, request) = (path.to_owned(), request.cloned());
        kinds.iter().map(move |kind| Means {
            kind: *kind,
            path: path.clone(),
            request: request.clone(),
            protocols: attacks.protocols.clone(),
        })
    };
    let mut means = Vec::new();
    for request in &attacks.changes {
        means.extend(of(&CHANGES, &request.url, Some(request)));
    }
    for path in &attacks.sockets {
        means.extend(of(&[Kind::Socket], path, None));
    }
    for path in &attacks.secrets {
        means.extend(of(&READS, path, None));
    }
    means
}

impl Means {
    /// Whether it can change something, by the method or as it opens a tunnel.
    pub(super) fn is_unsafe(&self) -> bool {
        !READS.contains(&self.kind)
    }

    /// Whether it goes by way of the attacker's own server.
    pub(super) fn is_bounced(&self) -> bool {
        self.kind == Kind::Bounced
    }

    /// The address below an origin.
    pub(super) fn url(&self, target: &str) -> String {
        let joined = Url::parse(target).and_then(|target| target.join(&self.path));
        joined.map_or_else(|_| self.path.clone(), Into::into)
    }

    /// The request as this page makes it.
    pub(super) fn fetch(&self, page: &Page, target: &str) -> Fetch {
        let url = self.url(target);
        let form = || Form::post(&*url).field("a", "1");
        match self.kind {
            Kind::Form(encoding) => page.submit(form().encoding(encoding)),
            Kind::FormInFrame => page.submit_in_frame(form()),
            Kind::Bounced => page.submit(Form::post(page.bouncing(&url)).field("a", "1")),
            Kind::NoCors => unasked(page.fetch(Request::post(&*url).body("{}"))),
            Kind::Cors => with_cookies(page.fetch(Request::post(&*url).body("{}"))),
            Kind::AsOwn => {
                let own = self.request.clone().unwrap_or_else(|| Request::get(&*url));
                with_cookies(page.fetch(Request { url, ..own }))
            }
            Kind::Beacon => page.beacon(&url, "{}"),
            Kind::Socket => page.socket(&url).protocols(&self.protocols),
            Kind::Read => with_cookies(page.fetch(url)),
            Kind::Script => page.script(&url),
            Kind::Image => page.image(&url),
            Kind::Frame => page.iframe(&url),
            Kind::Window => page.navigate(&url),
        }
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.kind {
            Kind::Form(Encoding::UrlEncoded) => write!(f, "form, POST {path}"),
            Kind::Form(Encoding::Multipart) => write!(f, "form, multipart, POST {path}"),
            Kind::Form(Encoding::Plain) => write!(f, "form, text/plain, POST {path}"),
            Kind::FormInFrame => write!(f, "form in a frame, POST {path}"),
            Kind::Bounced => write!(f, "form, redirected by 307, POST {path}"),
            Kind::NoCors => write!(f, "fetch, no-cors, POST {path}"),
            Kind::Cors => write!(f, "fetch, POST {path}"),
            Kind::AsOwn => {
                let method = self.request.as_ref().map_or("GET", |own| &own.method);
                write!(f, "fetch as the own page, {method} {path}")
            }
            Kind::Beacon => write!(f, "beacon, POST {path}"),
            Kind::Socket => write!(f, "WebSocket {path}"),
            Kind::Read => write!(f, "fetch, GET {path}"),
            Kind::Script => write!(f, "<script> {path}"),
            Kind::Image => write!(f, "<img> {path}"),
            Kind::Frame => write!(f, "<iframe> {path}"),
            Kind::Window => write!(f, "link, GET {path}"),
        }
    }
}

/// A request of script with credentials in mode `cors`.
fn with_cookies(fetch: Fetch) -> Fetch {
    fetch.credentials(Credentials::Include)
}

/// A request of script with credentials that asks for no permission.
fn unasked(fetch: Fetch) -> Fetch {
    with_cookies(fetch).mode(Mode::NoCors)
}
