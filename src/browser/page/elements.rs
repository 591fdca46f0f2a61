//! The requests of markup and of script's smaller means: images, scripts, styles, fonts, beacons, sockets.

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::Page;
use super::fetch::Fetch;
use super::request::{BodyInit, Request};
use crate::browser::engine::Quirk;
use crate::browser::fetch::initiator::Initiator;
use crate::browser::fetch::options::{Credentials, Mode, Redirect};
use crate::browser::fetch::safelist;
use crate::browser::values::mime_essence;

impl Page {
    /// `<img src="…">`: mode `no-cors`, with credentials.
    pub fn image(&self, url: &str) -> Fetch {
        self.embed(Initiator::Image, url)
    }

    /// `<script src="…">`: mode `no-cors`, with credentials.
    pub fn script(&self, url: &str) -> Fetch {
        self.embed(Initiator::Script, url)
    }

    /// `<link rel="stylesheet" href="…">`: mode `no-cors`, with credentials.
    pub fn stylesheet(&self, url: &str) -> Fetch {
        self.embed(Initiator::Stylesheet, url)
    }

    /// `@font-face`: mode `cors`, credentials for the page's own origin only.
    pub fn font(&self, url: &str) -> Fetch {
        match self.web.engine.has(Quirk::FontWithoutCors) {
            true => self.embed(Initiator::Font, url),
            false => self.ask(Initiator::Font, url.into()),
        }
    }

    /// `navigator.sendBeacon()`: a POST with credentials, in mode `no-cors` unless the type of its body needs
    /// a preflight, as a [blob](BodyInit::blob) of JSON does. At most 64 KiB are sent.
    pub fn beacon(&self, url: &str, body: impl Into<BodyInit>) -> Fetch {
        let mut request = Request::post(url).body(body);
        if self.web.engine.has(Quirk::BeaconsOfNoType) {
            let is_type = |value: &HeaderValue| mime_essence(value.as_bytes()).is_some();
            request.body.content_type = request.body.content_type.filter(is_type);
        }
        // Beacon #sec-processing-model: the whole rule for a safelisted value decides, not the type alone.
        let mode = match &request.body.content_type {
            Some(value) if !safelist::is_no_cors_safelisted(&CONTENT_TYPE, value.as_bytes()) => {
                Mode::Cors
            }
            _ => Mode::NoCors,
        };
        self.ask(Initiator::Beacon, request)
            .mode(mode)
            .credentials(Credentials::Include)
    }

    /// `new WebSocket("wss://…")`: the handshake, with credentials and, always, `Origin`. It succeeds when
    /// the server answers 101 with the fields that belong to it and with nothing that was not asked for:
    /// ask for subprotocols by [`protocols`](Fetch::protocols).
    ///
    /// A WebSocket has no CORS check: the server decides by `Origin` which pages may talk to it.
    pub fn socket(&self, url: &str) -> Fetch {
        self.ask(Initiator::Socket, url.into())
            .mode(Mode::WebSocket)
            .credentials(Credentials::Include)
            .redirect(Redirect::Error)
    }

    fn embed(&self, initiator: Initiator, url: &str) -> Fetch {
        self.ask(initiator, url.into())
            .mode(Mode::NoCors)
            .credentials(Credentials::Include)
    }
}
