//! The algorithm's thin shell: it sends what the pure parts say and asks them what comes next.

pub(crate) mod check;
pub(crate) mod classify;
pub(crate) mod client;
pub(crate) mod credentials;
mod handshake;
pub(crate) mod initiator;
mod network;
pub(crate) mod options;
pub(crate) mod outgoing;
pub(crate) mod port;
pub(crate) mod preflight;
pub(crate) mod redirect;
pub(crate) mod referrer;
pub(crate) mod safelist;
pub(crate) mod state;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use self::initiator::Initiator;
use self::network::{Arriving, Received};
use self::options::{Credentials, Mode, Redirect};
use self::redirect::is_redirect;
use self::state::{Route, State, Tainting};
use crate::browser::engine::Quirk;
use crate::browser::outcome::error::{FetchError, FetchErrorKind};
use crate::browser::outcome::response::{Response, ResponseType};
use crate::browser::outcome::trace::Trace;
use crate::browser::page::request::BodyInit;
use crate::browser::web::Web;
use crate::browser::web::server::{self, Trouble};

/// One fetch under way.
pub(crate) struct Run<'a> {
    web: &'a Web,
    state: State,
    body: Option<Bytes>,
    trouble: Option<Trouble>,
    trace: &'a mut Trace,
    /// Whether a preflight was needed at any of the URLs.
    preflighted: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(web: &'a Web, state: State, body: BodyInit, trace: &'a mut Trace) -> Self {
        Self {
            web,
            state,
            body: body.bytes,
            trouble: body.trouble,
            trace,
            preflighted: false,
        }
    }

    /// Fetch #main-fetch.
    pub(crate) async fn fetch(mut self) -> Result<Response, FetchError> {
        let result = self.follow_to_the_end().await;
        if result.is_err() && self.preflighted && !self.state.engine.has(Quirk::OnePreflight) {
            // Step 12, after a failed fetch with preflight.
            self.web.profile().preflights.clear(&self.state);
        }
        result
    }

    /// Main fetch and HTTP-redirect fetch call each other; here they are a loop.
    async fn follow_to_the_end(&mut self) -> Result<Response, FetchError> {
        loop {
            let route = self.route()?;
            self.preflighted |= route.preflight;
            self.state.tainting = route.tainting;
            let received = self.http_fetch(route).await?;
            if !is_redirect(&self.state, received.status, &received.headers) {
                return self.deliver(received).await;
            }
            if self.state.engine.has(Quirk::RefusedIsNotStored) {
                self.remember_redirect(&received);
            }
            if self.state.engine.has(Quirk::LocationFirst) {
                // Its network stack reads `Location` before its redirect mode is asked.
                let read = self.state.check_location(&received.headers);
                read.map_err(|kind| self.fail(kind))?;
            }
            match self.state.redirect {
                Redirect::Error => {
                    return Err(self.fail(FetchErrorKind::RedirectNotAllowed(received.status)));
                }
                Redirect::Manual => {
                    let url = Some(self.state.url().clone());
                    return Ok(Response::opaque(ResponseType::OpaqueRedirect, url));
                }
                Redirect::Follow => {}
            }
            let followed = self
                .state
                .follow(received.status, &received.headers)
                .map_err(|kind| self.fail(kind))?;
            if !followed {
                return self.deliver(received).await;
            }
            self.note_redirect();
        }
    }

    fn route(&mut self) -> Result<Route, FetchError> {
        if !matches!(self.state.url().scheme(), "http" | "https") {
            return Err(self.fail(FetchErrorKind::UnsupportedScheme(
                self.state.url().scheme().to_owned(),
            )));
        }
        let allowed = self
            .state
            .upgrade_or_block_mixed_content()
            .and_then(|()| self.state.block_bad_port());
        let space = self.web.local_network_check(&self.state);
        self.state.determine_referrer();
        let route = allowed
            .and(space)
            .and_then(|()| self.state.route())
            .map_err(|kind| self.fail(kind))?;
        let (what, tainting) = match (self.state.mode, route.tainting) {
            (Mode::Navigate, _) if self.state.initiator == Initiator::Frame => {
                ("a frame goes there".to_owned(), "no CORS")
            }
            (Mode::Navigate, _) => ("the window goes there".to_owned(), "no CORS"),
            (Mode::WebSocket, _) => ("a WebSocket".to_owned(), "no CORS"),
            (_, Tainting::Basic) => ("the page's own origin".to_owned(), "no CORS"),
            (_, Tainting::Opaque) => (
                "another origin in mode no-cors".to_owned(),
                "the response will be opaque",
            ),
            (_, Tainting::Cors) if route.preflight => (self.reasons(), "a preflight is needed"),
            (_, Tainting::Cors) => (
                "another origin, a simple request".to_owned(),
                "no preflight",
            ),
        };
        self.trace
            .note(format!("{what}: {tainting}"), "Fetch #main-fetch step 12");
        Ok(route)
    }

    /// The properties for which the request needs a preflight.
    fn reasons(&self) -> String {
        let mut reasons = Vec::new();
        if !classify::is_safelisted_method(&self.state.method) {
            reasons.push(format!("method {}", self.state.method));
        }
        for name in self.state.unsafe_header_names() {
            reasons.push(format!("header {name}"));
        }
        if self.state.use_preflight {
            reasons.push("an upload that script watches or streams".into());
        }
        format!("another origin, {}", reasons.join(", "))
    }

    fn note_redirect(&mut self) {
        let origin = self.state.serialized_origin();
        let what = format!(
            "redirected to {}; the origin is now told as {origin}",
            self.state.url()
        );
        self.trace.note(what, "Fetch #http-redirect-fetch");
        if self.state.body == state::Body::None {
            self.body = None;
        }
    }

    /// Fetch #http-fetch, without what becomes of a redirect.
    async fn http_fetch(&mut self, route: Route) -> Result<Received, FetchError> {
        if route.preflight {
            let covered = {
                let mut profile = self.web.profile();
                let now = profile.now;
                profile.preflights.covers(&self.state, now)
            };
            if covered {
                self.trace.note(
                    "an earlier preflight covers it",
                    "Fetch #http-fetch step 4.1",
                );
            } else {
                self.preflight().await?;
            }
        }
        let mut received = self
            .network_or_cache(self.state.clone(), self.body.clone(), false)
            .await?;
        let redirects = is_redirect(&self.state, received.status, &received.headers);
        if redirects && !self.state.engine.has(Quirk::RefusedIsNotStored) {
            // #http-network-or-cache-fetch step 10.5: it is stored before any check, so that what is refused is
            // refused again without being asked for. Other responses have a body, which nobody has read yet.
            self.remember_redirect(&received);
        }
        if route.tainting == Tainting::Cors {
            let verdict = self.cors_check(&received.headers);
            if verdict.is_err() {
                self.keep_refusal(&mut received).await;
            }
            self.checked("CORS check", "Fetch #http-fetch step 4.4", verdict, false)?;
        }
        self.state.timing_allow_failed |= !check::timing_allowed(&self.state, &received.headers);
        self.resource_policy_check(route, &received)?;
        Ok(received)
    }

    fn cors_check(&self, headers: &HeaderMap) -> Result<(), FetchErrorKind> {
        let include = self.state.credentials == Credentials::Include;
        check::cors_check(&self.state.serialized_origin(), include, headers)
    }

    /// Fetch #http-fetch step 5, and of frames HTML #check-a-navigation-response's-adherence.
    fn resource_policy_check(
        &mut self,
        route: Route,
        received: &Received,
    ) -> Result<(), FetchError> {
        let policy = self.state.client.embedder_policy;
        let is_frame = self.state.initiator == Initiator::Frame;
        let framed = is_frame && policy != client::EmbedderPolicy::UnsafeNone;
        if framed {
            let verdict = check::embedder_policy_check(&received.headers);
            let what = "embedder policy of the frame";
            self.checked(what, "HTML #check-an-embedder-policy", verdict, false)?;
        }
        if route.tainting == Tainting::Opaque || framed {
            let verdict = check::resource_policy_check(&self.state, &received.headers);
            let what = "cross-origin resource policy check";
            self.checked(what, "Fetch #http-fetch step 5", verdict, false)?;
        }
        Ok(())
    }

    /// Fetch #cors-preflight-fetch.
    async fn preflight(&mut self) -> Result<(), FetchError> {
        let request = preflight::request(&self.state);
        let mut response = self.network_or_cache(request, None, true).await?;
        let verdict = preflight::judge(&self.state, response.status, &response.headers);
        if verdict.is_err() {
            self.keep_refusal(&mut response).await;
        }
        let what = "the answer to the preflight";
        let grant = self.checked(what, "Fetch #cors-preflight-fetch step 7", verdict, true)?;
        let mut profile = self.web.profile();
        let now = profile.now;
        profile.preflights.store(&self.state, grant, now);
        Ok(())
    }

    /// Fetch #main-fetch steps 14 to 20: the body is read, remembered and shown as far as allowed.
    async fn deliver(&mut self, received: Received) -> Result<Response, FetchError> {
        let Received {
            status,
            headers,
            body,
            asked,
        } = received;
        if self.state.mode == Mode::WebSocket {
            let verdict = handshake::judge(&asked, status, &headers, self.state.engine);
            let clause = "WebSockets #concept-websocket-establish";
            self.checked("the handshake", clause, verdict, false)?;
            return Ok(Response::socket(&self.state, status, &headers));
        }
        let body = match body {
            Arriving::Cached(body) => body,
            Arriving::Stream(body) => {
                let read = server::read(body, self.web.body_limit).await;
                let body = read.map_err(|error| error.at(self.state.scene(false)))?;
                let body = if has_body(&self.state.method, status) {
                    body
                } else {
                    Bytes::new()
                };
                self.remember(&asked, status, &headers, &body);
                body
            }
        };
        Ok(Response::filtered(&self.state, status, &headers, body))
    }

    /// Notes how a check came out; a failure has a clause of its own.
    fn checked<T>(
        &mut self,
        what: &str,
        clause: &'static str,
        verdict: Result<T, FetchErrorKind>,
        preflight: bool,
    ) -> Result<T, FetchError> {
        match &verdict {
            Ok(_) => self.trace.check(what, clause, true),
            Err(kind) => {
                let header = kind
                    .header()
                    .map_or(String::new(), |name| format!(": {name}"));
                self.trace
                    .check(format!("{what}{header}"), kind.clause(), false);
            }
        }
        verdict.map_err(|kind| FetchError::new(kind).at(self.state.scene(preflight)))
    }

    fn fail(&self, kind: FetchErrorKind) -> FetchError {
        FetchError::new(kind).at(self.state.scene(false))
    }
}

/// Fetch #main-fetch step 20 and #null-body-status.
fn has_body(method: &Method, status: StatusCode) -> bool {
    method != Method::HEAD && !matches!(status.as_u16(), 101 | 103 | 204 | 205 | 304)
}
