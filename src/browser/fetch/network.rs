//! HTTP-network-or-cache fetch: the headers that go on the wire, the caches before it, the cookies after.

use bytes::Bytes;
use http::header::{COOKIE, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use url::Position;

use super::Run;
use super::outgoing;
use super::state::{self, State};
use crate::browser::cache::responses::Asked;
use crate::browser::outcome::error::{FetchError, FetchErrorKind};
use crate::browser::outcome::trace::Exchange;
use crate::browser::values;
use crate::browser::web::server::{self, Body, ResponseBody};

/// The bytes of a refusal that are kept.
const REFUSAL: usize = 2048;

const STORAGE_ACCESS: HeaderName = HeaderName::from_static("sec-fetch-storage-access");

/// A response whose body is not read yet.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Arriving,
    /// The request's headers as they were sent, which `Vary` speaks of.
    pub(super) asked: HeaderMap,
}

pub(super) enum Arriving {
    Stream(ResponseBody),
    Cached(Bytes),
}

impl Run<'_> {
    /// Fetch #http-network-or-cache-fetch.
    pub(super) async fn network_or_cache(
        &mut self,
        state: State,
        body: Option<Bytes>,
        preflight: bool,
    ) -> Result<Received, FetchError> {
        let credentials = state.includes_credentials();
        let length = match (&body, state.body) {
            (None, _) if matches!(state.method, Method::POST | Method::PUT) => Some(0),
            // The length of a stream is null.
            (None, _) | (_, state::Body::Stream) => None,
            (Some(body), _) => Some(body.len()),
        };
        let headers = self.headers(&state, length);
        let mut exchange = Exchange {
            preflight,
            cached: false,
            method: state.method.clone(),
            url: state.url().clone(),
            headers: headers.clone(),
            response: None,
            refusal: Bytes::new(),
        };
        let asked = self.asked(&state, &headers);
        let cached = self.web.profile().responses.select(&asked).cloned();
        if let Some(stored) = cached {
            exchange.cached = true;
            exchange.response = Some((stored.status, stored.headers.clone()));
            self.trace.exchange(exchange);
            return Ok(Received {
                status: stored.status,
                headers: stored.headers,
                body: Arriving::Cached(stored.body),
                asked: headers,
            });
        }
        if self.web.permit.as_ref().is_some_and(|ask| !ask(&exchange)) {
            let withheld = FetchErrorKind::Withheld(state.method.clone());
            return Err(FetchError::new(withheld).at(state.scene(preflight)));
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
            self.keep_cookies(&state, &head.headers);
        }
        Ok(Received {
            status: head.status,
            headers: head.headers,
            body: Arriving::Stream(body),
            asked: headers,
        })
    }

    /// Keeps the beginning of an answer that script does not get and that failed: a server may say there why.
    pub(super) async fn keep_refusal(&mut self, received: &mut Received) {
        let body = std::mem::replace(&mut received.body, Arriving::Cached(Bytes::new()));
        if let (400.., Arriving::Stream(body)) = (received.status.as_u16(), body) {
            self.trace.refusal(server::beginning(body, REFUSAL).await);
        }
    }

    /// Step 8: what goes on the wire.
    fn headers(&self, state: &State, body_length: Option<usize>) -> HeaderMap {
        let mut headers = outgoing::headers(state, body_length);
        let word = state.storage_access_word(self.web.third_party_cookies);
        if let Some(word) = word.filter(|_| outgoing::tells_metadata(state)) {
            headers.insert(STORAGE_ACCESS, HeaderValue::from_static(word));
            if let ("inactive", Ok(origin)) = (word, state.serialized_origin().try_into()) {
                // Storage Access Headers: so that a server can name the origin that it activates.
                headers.entry(ORIGIN).or_insert(origin);
            }
        }
        if state.includes_credentials() {
            let profile = self.web.profile();
            let access = state.cookie_access(self.web.third_party_cookies);
            let cookie = profile
                .cookies
                .header(state.url(), &access, state.engine, profile.now);
            if let Some(cookie) = cookie {
                headers.insert(COOKIE, cookie);
            }
        }
        headers
    }

    fn asked<'b>(&self, state: &'b State, headers: &'b HeaderMap) -> Asked<'b> {
        Asked {
            engine: state.engine,
            partition: state.network_partition(),
            url: state.url(),
            method: &state.method,
            headers,
            credentials: state.includes_credentials(),
            now: self.web.now(),
        }
    }

    /// Fetch #http-network-fetch: the wire is a call.
    async fn network(
        &self,
        state: &State,
        body: Option<Bytes>,
        headers: HeaderMap,
    ) -> Result<http::Response<ResponseBody>, FetchError> {
        let origin = state.target().serialized();
        let server = self
            .web
            .server(&origin)
            .ok_or_else(|| FetchError::new(FetchErrorKind::UnknownOrigin(origin.clone())))?;
        let target = &state.url()[Position::BeforePath..Position::AfterQuery];
        let streamed = state.body == state::Body::Stream;
        let trouble = self.trouble.filter(|_| body.is_some());
        let mut request = http::Request::new(Body::new(body, trouble).streamed(streamed));
        *request.method_mut() = state.method.clone();
        *request.uri_mut() = target.parse::<Uri>().map_err(FetchError::service)?;
        *request.headers_mut() = headers;
        let mut response = server.answer(request).await?;
        *response.headers_mut() = values::trimmed(std::mem::take(response.headers_mut()));
        Ok(response)
    }

    fn keep_cookies(&mut self, state: &State, headers: &HeaderMap) {
        let access = state.cookie_access(self.web.third_party_cookies);
        for line in headers.get_all(SET_COOKIE) {
            let kept = {
                let mut profile = self.web.profile();
                let now = profile.now;
                profile
                    .cookies
                    .store(line, state.url(), &access, state.engine, now)
            };
            if let Err(reason) = kept {
                let name = values::isomorphic(line.as_bytes());
                let name = name.split(['=', ';']).next().unwrap_or_default();
                self.trace.check(
                    format!("cookie `{name}` ignored: {reason}"),
                    "RFC 6265bis 5.7",
                    false,
                );
            }
        }
    }

    pub(super) fn remember(
        &self,
        asked: &HeaderMap,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) {
        if self.state.is_uncached() {
            return;
        }
        let asked = self.asked(&self.state, asked);
        let mut profile = self.web.profile();
        profile.responses.store(&asked, status, headers, body);
    }

    /// A redirect is a response like another to the cache; its body is nobody's.
    pub(super) fn remember_redirect(&self, received: &Received) {
        if let Arriving::Stream(_) = received.body {
            let (status, headers) = (received.status, &received.headers);
            self.remember(&received.asked, status, headers, &Bytes::new());
        }
    }
}
