//! The algorithm's thin shell: it sends what the pure parts say and asks them what comes next.

pub(crate) mod check;
pub(crate) mod classify;
pub(crate) mod options;
mod outgoing;
pub(crate) mod preflight;
pub(crate) mod state;

use bytes::Bytes;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode, Uri};
use url::Position;

use crate::browser::cache::responses::Asked;
use crate::browser::fetch::options::{Credentials, Redirect};
use crate::browser::fetch::state::{Route, State, Tainting, is_redirect};
use crate::browser::outcome::error::{FetchError, FetchErrorKind};
use crate::browser::outcome::response::{Response, ResponseType};
use crate::browser::outcome::trace::{Exchange, Trace};
use crate::browser::site;
use crate::browser::web::Web;
use crate::browser::web::server::{self, Body, ResponseBody};

/// One fetch under way.
pub(crate) struct Run<'a> {
    web: &'a Web,
    state: State,
    body: Option<Bytes>,
    trace: &'a mut Trace,
    /// Whether a preflight was needed at any of the URLs.
    preflighted: bool,
}

/// A response whose body is not read yet.
struct Received {
    status: StatusCode,
    headers: HeaderMap,
    body: Arriving,
    /// The request's headers as they were sent, which `Vary` speaks of.
    asked: HeaderMap,
}

enum Arriving {
    Stream(ResponseBody),
    Cached(Bytes),
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        web: &'a Web,
        state: State,
        body: Option<Bytes>,
        trace: &'a mut Trace,
    ) -> Self {
        Self {
            web,
            state,
            body,
            trace,
            preflighted: false,
        }
    }

    /// Fetch #main-fetch.
    pub(crate) async fn fetch(mut self) -> Result<Response, FetchError> {
        let result = self.follow_to_the_end().await;
        if result.is_err()
            && self.preflighted
            && self.state.engine == crate::browser::engine::Engine::Standard
        {
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
            if !is_redirect(received.status) {
                return self.deliver(received).await;
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
        let allowed = self.state.upgrade_or_block_mixed_content();
        let route = allowed
            .and_then(|()| self.state.route())
            .map_err(|kind| self.fail(kind))?;
        let (what, tainting) = match route.tainting {
            Tainting::Basic => ("the page's own origin".to_owned(), "no CORS"),
            Tainting::Opaque => (
                "another origin in mode no-cors".to_owned(),
                "the response will be opaque",
            ),
            Tainting::Cors if route.preflight => (self.reasons(), "a preflight is needed"),
            Tainting::Cors => (
                "another origin, a simple request".to_owned(),
                "no preflight",
            ),
        };
        self.trace
            .note(format!("{what}: {tainting}"), "Fetch #main-fetch step 12");
        Ok(route)
    }

    /// What makes the request one that needs a preflight.
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
        let received = self
            .network_or_cache(self.state.clone(), self.body.clone(), false)
            .await?;
        match route.tainting {
            Tainting::Cors => {
                let verdict = self.cors_check(&received.headers);
                self.checked("CORS check", "Fetch #http-fetch step 4.4", verdict, false)?;
            }
            Tainting::Opaque => {
                let verdict = check::resource_policy_check(
                    &self.state.origin,
                    self.state.url(),
                    &received.headers,
                );
                self.checked(
                    "cross-origin resource policy check",
                    "Fetch #http-fetch step 5",
                    verdict,
                    false,
                )?;
            }
            Tainting::Basic => {}
        }
        Ok(received)
    }

    fn cors_check(&self, headers: &HeaderMap) -> Result<(), FetchErrorKind> {
        let include = self.state.credentials == Credentials::Include;
        check::cors_check(&self.state.serialized_origin(), include, headers)
    }

    /// Fetch #cors-preflight-fetch.
    async fn preflight(&mut self) -> Result<(), FetchError> {
        let request = preflight::request(&self.state);
        let response = self.network_or_cache(request, None, true).await?;
        let verdict = preflight::judge(&self.state, response.status, &response.headers);
        let what = "the answer to the preflight";
        let grant = self.checked(what, "Fetch #cors-preflight-fetch step 7", verdict, true)?;
        let mut profile = self.web.profile();
        let now = profile.now;
        profile.preflights.store(&self.state, grant, now);
        Ok(())
    }

    /// Fetch #http-network-or-cache-fetch.
    async fn network_or_cache(
        &mut self,
        state: State,
        body: Option<Bytes>,
        preflight: bool,
    ) -> Result<Received, FetchError> {
        let mut headers = outgoing::headers(&state, body.as_ref().map(Bytes::len));
        let credentials = state.includes_credentials() && self.allows_cookies(&state);
        let same_site = state.is_same_site();
        let partition = site::partition(&state.origin);
        let cached = {
            let profile = self.web.profile();
            if let Some(cookie) = profile
                .cookies
                .header(state.url(), same_site)
                .filter(|_| credentials)
            {
                headers.insert(COOKIE, cookie);
            }
            let (url, method, headers, now) = (state.url(), &state.method, &headers, profile.now);
            profile
                .responses
                .select(&Asked {
                    partition: &partition,
                    url,
                    method,
                    headers,
                    now,
                })
                .cloned()
        };
        let mut exchange = Exchange {
            preflight,
            cached: cached.is_some(),
            method: state.method.clone(),
            url: state.url().clone(),
            headers: headers.clone(),
            response: None,
        };
        if let Some(stored) = cached {
            exchange.response = Some((stored.status, stored.headers.clone()));
            self.trace.exchange(exchange);
            let (status, body) = (stored.status, Arriving::Cached(stored.body));
            return Ok(Received {
                status,
                headers: stored.headers,
                body,
                asked: headers,
            });
        }
        let answered = self.network(&state, body, headers.clone()).await;
        if let Ok(response) = &answered {
            exchange.response = Some((response.status(), response.headers().clone()));
        }
        self.trace.exchange(exchange);
        let (head, body) = answered
            .map_err(|error| error.at(state.scene(preflight)))?
            .into_parts();
        if credentials {
            self.keep_cookies(&state, &head.headers, same_site);
        }
        Ok(Received {
            status: head.status,
            headers: head.headers,
            body: Arriving::Stream(body),
            asked: headers,
        })
    }

    /// Fetch #http-network-fetch: the wire is a call.
    async fn network(
        &self,
        state: &State,
        body: Option<Bytes>,
        headers: HeaderMap,
    ) -> Result<http::Response<ResponseBody>, FetchError> {
        let origin = state.url().origin();
        let unknown =
            || FetchError::new(FetchErrorKind::UnknownOrigin(origin.ascii_serialization()));
        let server = self.web.server(&origin).ok_or_else(unknown)?;
        let target = &state.url()[Position::BeforePath..Position::AfterQuery];
        let mut request = http::Request::new(Body::new(body));
        *request.method_mut() = state.method.clone();
        *request.uri_mut() = target.parse::<Uri>().map_err(FetchError::service)?;
        *request.headers_mut() = headers;
        server.answer(request).await
    }

    fn allows_cookies(&self, state: &State) -> bool {
        self.web.third_party_cookies || site::same_site(&state.origin, &state.url().origin())
    }

    fn keep_cookies(&mut self, state: &State, headers: &HeaderMap, same_site: bool) {
        for line in headers.get_all(SET_COOKIE) {
            let kept = self
                .web
                .profile()
                .cookies
                .store(line, state.url(), same_site);
            if let Err(reason) = kept {
                let name = crate::browser::values::isomorphic(line.as_bytes());
                let name = name.split('=').next().unwrap_or_default();
                self.trace.check(
                    format!("cookie `{name}` ignored: {reason}"),
                    "RFC 6265bis 5.7",
                    false,
                );
            }
        }
    }

    /// Fetch #main-fetch steps 14 to 20: the body is read, remembered and shown as far as allowed.
    async fn deliver(&mut self, received: Received) -> Result<Response, FetchError> {
        let Received {
            status,
            headers,
            body,
            asked,
        } = received;
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

    fn remember(&self, asked: &HeaderMap, status: StatusCode, headers: &HeaderMap, body: &Bytes) {
        let mut profile = self.web.profile();
        let partition = site::partition(&self.state.origin);
        let (url, method, now) = (self.state.url(), &self.state.method, profile.now);
        let asked = Asked {
            partition: &partition,
            url,
            method,
            headers: asked,
            now,
        };
        profile.responses.store(&asked, status, headers, body);
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
