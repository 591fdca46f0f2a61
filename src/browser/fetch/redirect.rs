//! HTTP-redirect fetch: whether a response is a redirect, and the request that follows it.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, LOCATION,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use super::options::{Mode, Redirect};
use super::referrer::ReferrerPolicy;
use super::safelist;
use super::state::{Body, State, Tainting};
use crate::browser::engine::{Engine, Quirk};
use crate::browser::origin::Origin;
use crate::browser::outcome::error::FetchErrorKind;
use crate::browser::reference::resolve;
use crate::browser::values;

/// Fetch #http-redirect-fetch step 7.
const MAX_REDIRECTS: usize = 20;

/// Fetch #redirect-status.
pub(crate) fn is_redirect_status(engine: Engine, status: StatusCode) -> bool {
    match status.as_u16() {
        301 | 302 | 303 | 307 | 308 => true,
        309..400 => engine.has(Quirk::MoreRedirects),
        _ => false,
    }
}

/// Whether the response is handled as a redirect: where redirects are script's to handle, by its status alone.
pub(crate) fn is_redirect(state: &State, status: StatusCode, response: &HeaderMap) -> bool {
    match state.redirect {
        Redirect::Manual => is_redirect_status(state.engine, status),
        Redirect::Follow | Redirect::Error => leads_on(state.engine, status, response),
    }
}

/// By Fetch #http-fetch step 6 the status decides. Some engines also want a `Location` that is not empty, and take
/// other responses for ordinary ones, those to preflights included.
pub(crate) fn leads_on(engine: Engine, status: StatusCode, response: &HeaderMap) -> bool {
    let mut lines = response.get_all(LOCATION).iter();
    is_redirect_status(engine, status)
        && (!engine.has(Quirk::EmptyLocation) || lines.any(|line| !line.is_empty()))
}

impl State {
    /// Fetch #http-redirect-fetch: the request goes on to `Location`; `false` when there is none.
    pub(crate) fn follow(
        &mut self,
        status: StatusCode,
        response: &HeaderMap,
    ) -> Result<bool, FetchErrorKind> {
        // Steps 3 to 5.
        let Some(location) = self.location(response)? else {
            return Ok(false);
        };
        if !matches!(location.scheme(), "http" | "https") {
            return Err(FetchErrorKind::RedirectScheme(location.into())); // step 6
        }
        if self.urls.len() > MAX_REDIRECTS {
            return Err(FetchErrorKind::TooManyRedirects); // step 7
        }
        self.check_credentials_of(&location)?;
        if status != StatusCode::SEE_OTHER && self.body == Body::Stream {
            return Err(FetchErrorKind::BodyNotReplayable); // step 11
        }
        if becomes_get(status, &self.method) {
            // Step 12.
            let method = std::mem::replace(&mut self.method, Method::GET);
            self.became_get_from = Some(method);
            self.body = Body::None;
            for name in [
                CONTENT_ENCODING,
                CONTENT_LANGUAGE,
                CONTENT_LOCATION,
                CONTENT_TYPE,
            ] {
                self.headers.remove(name);
            }
        }
        if location.origin() != self.url().origin() {
            self.headers.remove(AUTHORIZATION); // step 13
        }
        self.urls.push(location);
        if self.engine.has(Quirk::HintsStay) && !self.is_same_origin() {
            for name in safelist::HINTS {
                self.headers.remove(name);
            }
        }
        let policy = ReferrerPolicy::from_headers(response, self.engine);
        if let Some(policy) = policy {
            self.referrer_policy = policy; // step 19
        }
        Ok(true)
    }

    /// Whether `Location` can be read, and where redirects are an error, leads to http or https.
    pub(crate) fn check_location(&self, response: &HeaderMap) -> Result<(), FetchErrorKind> {
        match self.location(response)? {
            Some(url)
                if self.redirect == Redirect::Error
                    && !matches!(url.scheme(), "http" | "https") =>
            {
                Err(FetchErrorKind::RedirectScheme(url.into()))
            }
            _ => Ok(()),
        }
    }

    /// Steps 9 and 10: a user name or a password in the URL, where CORS is involved. Chromium takes them
    /// from no redirect but that of a window or frame.
    fn check_credentials_of(&self, location: &Url) -> Result<(), FetchErrorKind> {
        let has_credentials = !location.username().is_empty() || location.password().is_some();
        let foreign = self.mode == Mode::Cors && Origin::of(location) != *self.origin();
        let embedded = self.engine.has(Quirk::NoUserInLocation) && !self.initiator.is_navigation();
        match (has_credentials, foreign || self.tainting == Tainting::Cors) {
            (true, true) => Err(FetchErrorKind::RedirectWithCredentials(
                location.to_string(),
            )),
            (true, false) if embedded => {
                Err(FetchErrorKind::EmbeddedCredentials(location.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Fetch #concept-response-location-url.
    fn location(&self, response: &HeaderMap) -> Result<Option<Url>, FetchErrorKind> {
        let Some(location) = values::joined(response, LOCATION) else {
            return Ok(None);
        };
        let invalid = || FetchErrorKind::InvalidLocation(values::isomorphic(&location));
        let mut lines = response.get_all(LOCATION).iter();
        let first = lines.next().map_or(&[][..], HeaderValue::as_bytes);
        let harmless = |line: &HeaderValue| self.engine.has(Quirk::EqualLocations) && line == first;
        let joins = self.engine.has(Quirk::JoinedLocations);
        let first = if joins { &*location } else { first };
        if !joins && !lines.all(harmless) {
            return Err(FetchErrorKind::MultipleLocations(values::isomorphic(
                &location,
            )));
        }
        let mut url = resolve(self.url(), &text(first)).map_err(|_| invalid())?;
        if url.fragment().is_none() {
            url.set_fragment(self.url().fragment());
        }
        Ok(Some(url))
    }
}

/// The text of a `Location`, which URL #concept-url-parser works on. Of what is not UTF-8 browsers escape the
/// bytes as they are (web-platform-tests: `redirect-location-escape`), in a host too, which is invalid then.
fn text(location: &[u8]) -> String {
    match std::str::from_utf8(location) {
        Ok(text) => text.to_owned(),
        Err(_) => location
            .iter()
            .map(|byte| match byte {
                0x80.. => format!("%{byte:02X}"),
                _ => char::from(*byte).to_string(),
            })
            .collect(),
    }
}

/// Fetch #http-redirect-fetch step 12.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
        StatusCode::SEE_OTHER => !matches!(*method, Method::GET | Method::HEAD),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_that_are_not_utf_8_are_escaped_byte_by_byte() {
        let base = Url::parse("https://api.test/a").unwrap();
        let read = |location: &[u8]| resolve(&base, &text(location)).ok().map(String::from);
        let some = |url: &str| Some(format!("https://api.test/{url}"));
        assert_eq!(read("h2?\u{2603}".as_bytes()), some("h2?%E2%98%83"));
        assert_eq!(read(b"h2?\xff"), some("h2?%FF"));
        assert_eq!(read(b"h2?\xe2\x98\x83\xff"), some("h2?%E2%98%83%FF"));
        assert_eq!(read(b"\xff#\xff"), some("%FF#%FF"));
        assert_eq!(read(b"//\xe9.test/"), None);
    }
}
