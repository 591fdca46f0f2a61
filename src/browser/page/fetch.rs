//! A fetch about to happen, and how what script said becomes a request.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::Page;
use super::request::Request;
use crate::browser::engine::Quirk;
use crate::browser::fetch::Run;
use crate::browser::fetch::initiator::Initiator;
use crate::browser::fetch::options::{Credentials, Mode, Redirect};
use crate::browser::fetch::referrer::{self, ReferrerPolicy};
use crate::browser::fetch::state::{Body, State, Tainting};
use crate::browser::fetch::{classify, safelist};
use crate::browser::outcome::error::{FetchError, FetchErrorKind};
use crate::browser::outcome::response::Outcome;
use crate::browser::outcome::trace::Trace;
use crate::browser::reference::resolve;
use crate::browser::values;
use crate::fields::{append_line, is_token, trim};

/// The bytes that may be under way for pages that are gone.
const MAX_KEEPALIVE: usize = 64 << 10;

/// A fetch about to happen. Nothing is sent before [`send`](Self::send).
#[derive(Clone, Debug)]
#[must_use = "a fetch does nothing unless sent"]
pub struct Fetch {
    page: Page,
    request: Request,
    initiator: Initiator,
    mode: Mode,
    credentials: Credentials,
    redirect: Redirect,
    referrer_policy: ReferrerPolicy,
    streaming: bool,
    user_activation: bool,
    /// The subprotocols of a WebSocket.
    protocols: Vec<String>,
}

impl Page {
    /// `fetch()`, or with an [upload listener](Fetch::upload_listener) an `XMLHttpRequest`.
    pub fn fetch(&self, request: impl Into<Request>) -> Fetch {
        self.ask(Initiator::Fetch, request.into())
    }

    /// A request of any kind, with the settings that `fetch()` starts with.
    pub(super) fn ask(&self, initiator: Initiator, request: Request) -> Fetch {
        Fetch {
            page: self.clone(),
            request,
            initiator,
            mode: Mode::default(),
            credentials: Credentials::default(),
            redirect: Redirect::default(),
            referrer_policy: self.referrer_policy,
            streaming: false,
            user_activation: false,
            protocols: Vec::new(),
        }
    }
}

impl Fetch {
    /// Sets the credentials mode; credentials go to the page's own origin only by default.
    pub fn credentials(self, credentials: Credentials) -> Self {
        Self {
            credentials,
            ..self
        }
    }

    /// Sets the mode; [`Mode::Cors`] by default.
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Sets the redirect mode; redirects are followed by default.
    pub fn redirect(self, redirect: Redirect) -> Self {
        Self { redirect, ..self }
    }

    /// Sets the referrer policy of this request; the page's by default.
    pub fn referrer_policy(self, referrer_policy: ReferrerPolicy) -> Self {
        Self {
            referrer_policy,
            ..self
        }
    }

    /// As an `XMLHttpRequest` with a listener on its `upload`, which forces a preflight.
    pub fn upload_listener(self) -> Self {
        Self {
            initiator: Initiator::Xhr,
            ..self
        }
    }

    /// The body is a `ReadableStream`: it forces a preflight, has no `Content-Length`, and cannot be sent again
    /// on a redirect.
    pub fn streaming(self) -> Self {
        Self {
            streaming: true,
            ..self
        }
    }

    /// As started by the user's click: a [navigation](Page::navigate) then sends `Sec-Fetch-User: ?1`. Other requests
    /// do not tell.
    pub fn user_activation(self) -> Self {
        Self {
            user_activation: true,
            ..self
        }
    }

    /// The subprotocols of a [WebSocket](Page::socket), the second argument of `new WebSocket()`, such as
    /// `["graphql-transport-ws"]`. The server has to choose one of them.
    pub fn protocols<P: Into<String>>(mut self, names: impl IntoIterator<Item = P>) -> Self {
        self.protocols = names.into_iter().map(Into::into).collect();
        if self.initiator != Initiator::Socket {
            let mistake = "`protocols` are a WebSocket's; call it on `Page::socket`";
            self.request.mistakes.push(mistake.into());
        }
        self
    }

    /// The same fetch, by a browser that has the cookies and nothing else.
    pub(crate) fn apart(mut self) -> Self {
        self.page.web = self.page.web.apart();
        self
    }

    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    pub(crate) fn credentials_mode(&self) -> Credentials {
        self.credentials
    }

    /// For tables: what is asked for, in which mode and with which credentials unless they are the default.
    pub(crate) fn summary(&self) -> String {
        let mode = match self.mode {
            Mode::Cors => String::new(),
            other => format!(", mode {}", other.as_str()),
        };
        let credentials = match self.credentials {
            Credentials::SameOrigin => String::new(),
            other => format!(", credentials {}", other.as_str()),
        };
        let (method, url) = (&self.request.method, &self.request.url);
        format!("{method} {url}{mode}{credentials}")
    }

    /// Sends it, and all that a browser sends before and after it.
    ///
    /// The services are awaited, nothing else: any executor will do.
    pub async fn send(self) -> Outcome {
        let web = &self.page.web;
        let mut trace = Trace::new(self.title());
        let state = self.state(&mut trace);
        let result = match state {
            Ok(state) => {
                Run::new(web, state, self.request.body.clone(), &mut trace)
                    .fetch()
                    .await
            }
            Err(kind) => Err(FetchError::new(kind)),
        };
        if let Err(error) = &result {
            trace.console(error.console());
        }
        Outcome { result, trace }
    }

    fn title(&self) -> String {
        let (mode, credentials) = (self.mode.as_str(), self.credentials.as_str());
        let (method, url, page) = (&self.request.method, &self.request.url, self.page.name());
        format!(
            "{} {method} {url} from {page} (mode {mode}, credentials {credentials})",
            self.initiator
        )
    }

    /// Fetch #dom-request, steps on the method and the mode.
    fn method(&self) -> Result<Method, FetchErrorKind> {
        let method = classify::normalized(&self.request.method);
        let Ok(method) = Method::from_bytes(method.as_bytes()) else {
            return Err(script(format!("'{method}' is not a valid HTTP method.")));
        };
        if classify::is_forbidden_method(method.as_str()) {
            return Err(script(format!("'{method}' HTTP method is unsupported.")));
        }
        if matches!(self.mode, Mode::Navigate | Mode::WebSocket) && self.is_script() {
            let mode = self.mode.as_str();
            return Err(script(format!(
                "Cannot construct a Request with a RequestInit whose mode member is set as '{mode}'."
            )));
        }
        if self.mode == Mode::NoCors && !classify::is_safelisted_method(&method) {
            return Err(script(format!(
                "'{method}' is unsupported in no-cors mode."
            )));
        }
        Ok(method)
    }

    /// Fetch #dom-request, steps on the body.
    fn body(&self, method: &Method) -> Result<Body, FetchErrorKind> {
        let body = match (&self.request.body.bytes, self.streaming) {
            (None, _) => Body::None,
            (Some(_), false) => Body::Bytes,
            (Some(_), true) => Body::Stream,
        };
        if body != Body::None && matches!(*method, Method::GET | Method::HEAD) {
            return Err(script("Request with GET/HEAD method cannot have body."));
        }
        // Fetch #http-network-or-cache-fetch step 8.10, of `keepalive`; Beacon: `sendBeacon()` returns false.
        let length = self.request.body.bytes.as_ref().map_or(0, Bytes::len);
        if self.initiator == Initiator::Beacon && length > MAX_KEEPALIVE {
            return Err(FetchErrorKind::BeaconTooLong(length));
        }
        if body == Body::Stream && self.mode == Mode::NoCors {
            return Err(script(
                "Only HTTP streaming of CORS or same-origin requests is allowed.",
            ));
        }
        Ok(body)
    }

    /// Fetch #dom-request: what script said becomes a request, or a `TypeError`.
    pub(super) fn state(&self, trace: &mut Trace) -> Result<State, FetchErrorKind> {
        let mistakes = [
            &self.page.web.mistakes,
            &self.page.mistakes,
            &self.request.mistakes,
        ];
        let mistakes: Vec<_> = mistakes.into_iter().flatten().cloned().collect();
        if !mistakes.is_empty() {
            return Err(FetchErrorKind::Setup(mistakes));
        }
        let url = self.url()?;
        let method = self.method()?;
        let body = self.body(&method)?;
        let client = self.page.client.clone();
        let engine = self.page.web.engine;
        let mut headers = self.headers(trace);
        if let Some(names) = self.subprotocols()? {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, names);
        }
        Ok(State {
            method,
            urls: vec![url],
            headers,
            body,
            mode: self.mode,
            credentials: self.credentials,
            redirect: self.redirect,
            referrer: referrer::of_page(&client, self.initiator, engine),
            referrer_policy: self.referrer_policy,
            initiator: self.initiator,
            user_activation: self.user_activation,
            engine,
            tainting: Tainting::Basic,
            use_preflight: body == Body::Stream
                || self.initiator == Initiator::Xhr
                    && (body != Body::None || !engine.has(Quirk::UploadsHaveBodies)),
            timing_allow_failed: false,
            became_get_from: None,
            client,
        })
    }

    fn is_script(&self) -> bool {
        matches!(self.initiator, Initiator::Fetch | Initiator::Xhr)
    }

    fn url(&self) -> Result<Url, FetchErrorKind> {
        let given = &self.request.url;
        let parsed = match &self.page.client.address {
            Some(base) => resolve(base, given),
            None => Url::parse(given),
        };
        let url = parsed
            .map_err(|_| FetchErrorKind::Script(format!("Failed to parse URL from {given}")))?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if has_credentials && !self.initiator.is_navigation() {
            let text = format!(
                "Request cannot be constructed from a URL that includes credentials: {given}"
            );
            return Err(FetchErrorKind::Script(text));
        }
        if self.initiator == Initiator::Socket {
            return socket_url(url);
        }
        Ok(url)
    }

    /// WebSockets #dom-websocket-websocket step 8, and #concept-websocket-establish step 8.
    fn subprotocols(&self) -> Result<Option<HeaderValue>, FetchErrorKind> {
        for (index, name) in self.protocols.iter().enumerate() {
            let fault = match self.protocols[..index].contains(name) {
                _ if !is_token(name.as_bytes()) => "invalid",
                true => "duplicated",
                false => continue,
            };
            let text = format!("The subprotocol '{name}' is {fault}.");
            return Err(script(format!("Failed to construct 'WebSocket': {text}")));
        }
        let names = Some(self.protocols.join(", ")).filter(|names| !names.is_empty());
        // A list of tokens is a value.
        Ok(names.and_then(|names| HeaderValue::try_from(names).ok()))
    }

    /// Fetch #concept-headers-append with the guard of the mode, then the headers of #fetching.
    fn headers(&self, trace: &mut Trace) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.request.headers {
            // Fetch #concept-header-value-normalize; a part of a value is a value.
            let value = HeaderValue::from_bytes(trim(value.as_bytes())).unwrap_or(value.clone());
            let before = values::joined(&headers, name).map(|old| [old, b", ".to_vec()].concat());
            let combined = [before.unwrap_or_default(), value.as_bytes().to_vec()].concat();
            let fixed = self.page.web.engine.has(Quirk::FixedUserAgent) && *name == USER_AGENT;
            if fixed || classify::is_forbidden_header(name, &value) {
                let what = format!("`{name}` is not script's to set: ignored");
                trace.note(what, "Fetch #forbidden-request-header");
            } else if self.mode == Mode::NoCors && !safelist::is_no_cors_safelisted(name, &combined)
            {
                let what = format!("`{name}` cannot be set in mode no-cors: ignored");
                trace.note(what, "Fetch #concept-headers-append");
            } else {
                append_line(&mut headers, name.clone(), value);
            }
        }
        self.add_body_type(&mut headers, trace);
        let accept = self.initiator.accept();
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static(accept));
        headers
            .entry(ACCEPT_LANGUAGE)
            .or_insert(HeaderValue::from_static("en"));
        headers
    }

    /// Adds the `Content-Type` of the body (Fetch #dom-request). It is added after the headers of script, because one
    /// that was ignored does not count, and under the same guard, because a blob must not say in mode `no-cors` what
    /// script cannot.
    fn add_body_type(&self, headers: &mut HeaderMap, trace: &mut Trace) {
        let Some(value) = &self.request.body.content_type else {
            return;
        };
        if headers.contains_key(CONTENT_TYPE) {
            return;
        }
        if self.mode == Mode::NoCors
            && !safelist::is_no_cors_safelisted(&CONTENT_TYPE, value.as_bytes())
        {
            let what = "the body's type cannot be told in mode no-cors: ignored";
            trace.note(what, "Fetch #concept-headers-append");
        } else {
            headers.insert(CONTENT_TYPE, value.clone());
        }
    }
}

/// WebSockets #concept-websocket-establish step 1: `wss` is asked for by https.
fn socket_url(mut url: Url) -> Result<Url, FetchErrorKind> {
    let given = url.to_string();
    let scheme = match url.scheme() {
        "wss" | "https" => "https",
        "ws" | "http" => "http",
        _ => "",
    };
    // Both schemes are special, so that the URL parser changes one into the other.
    let changed = !scheme.is_empty() && url.set_scheme(scheme).is_ok();
    if changed && url.fragment().is_none() {
        Ok(url)
    } else {
        let text = format!("Failed to construct 'WebSocket': The URL '{given}' is invalid.");
        Err(FetchErrorKind::Script(text))
    }
}

/// The `TypeError` that script gets.
fn script(text: impl Into<String>) -> FetchErrorKind {
    FetchErrorKind::Script(text.into())
}
