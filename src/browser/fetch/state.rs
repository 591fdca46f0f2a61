//! A request on its way through the algorithm: what Fetch calls a *request*, without its body.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, LOCATION,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::{Origin, Url};

use crate::browser::engine::Engine;
use crate::browser::fetch::classify;
use crate::browser::fetch::options::{Credentials, Mode, Redirect, ReferrerPolicy};
use crate::browser::outcome::error::{FetchErrorKind, Initiator, Scene};
use crate::browser::site::{potentially_trustworthy, same_site};
use crate::browser::values;

/// Fetch #http-redirect-fetch step 7.
const MAX_REDIRECTS: usize = 20;

/// Fetch #concept-request.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) method: Method,
    /// The URLs of the request so far; never empty, the last is the current one.
    pub(crate) urls: Vec<Url>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) origin: Origin,
    pub(crate) mode: Mode,
    pub(crate) credentials: Credentials,
    pub(crate) redirect: Redirect,
    pub(crate) referrer: Option<Url>,
    pub(crate) referrer_policy: ReferrerPolicy,
    pub(crate) initiator: Initiator,
    pub(crate) engine: Engine,
    pub(crate) tainting: Tainting,
    /// An upload listener or a stream as body: preflighted whatever else it is.
    pub(crate) use_preflight: bool,
    /// The page came by https, so that plain http is mixed content.
    pub(crate) secure_page: bool,
}

/// What a redirect has to know of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    Bytes,
    Stream,
}

/// Fetch #concept-request-response-tainting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tainting {
    Basic,
    Cors,
    Opaque,
}

/// Fetch #concept-request-tainted-origin: how foreign the redirects made the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedirectTaint {
    SameOrigin,
    SameSite,
    CrossSite,
}

/// What main fetch decides for the current URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) tainting: Tainting,
    pub(crate) preflight: bool,
}

impl State {
    pub(crate) fn url(&self) -> &Url {
        // The list starts with one URL and only grows.
        &self.urls[self.urls.len() - 1]
    }

    pub(crate) fn is_same_origin(&self) -> bool {
        self.url().origin() == self.origin
    }

    /// Fetch #cors-unsafe-request-header-names of this request.
    pub(crate) fn unsafe_header_names(&self) -> Vec<HeaderName> {
        classify::unsafe_header_names(&self.headers, self.engine)
    }

    /// Fetch #concept-request-tainted-origin.
    pub(crate) fn redirect_taint(&self) -> RedirectTaint {
        let mut taint = RedirectTaint::SameOrigin;
        for pair in self.urls.windows(2) {
            let (last, url) = (pair[0].origin(), pair[1].origin());
            if !same_site(&url, &last) && !same_site(&self.origin, &last) {
                return RedirectTaint::CrossSite;
            }
            if url != last && self.origin != last {
                taint = RedirectTaint::SameSite;
            }
        }
        taint
    }

    /// Fetch #byte-serializing-a-request-origin.
    pub(crate) fn serialized_origin(&self) -> String {
        match self.redirect_taint() {
            RedirectTaint::SameOrigin => self.origin.ascii_serialization(),
            RedirectTaint::SameSite | RedirectTaint::CrossSite => "null".into(),
        }
    }

    /// Fetch #http-network-or-cache-fetch step 8.3.
    pub(crate) fn includes_credentials(&self) -> bool {
        match self.credentials {
            Credentials::Omit => false,
            Credentials::SameOrigin => self.tainting == Tainting::Basic,
            Credentials::Include => true,
        }
    }

    /// RFC 6265bis 5.2: whether cookies with `SameSite` may be stored and sent.
    pub(crate) fn is_same_site(&self) -> bool {
        let chain = match self.engine {
            // Fetch #determine-the-same-site-mode step 5.
            Engine::Standard => self.redirect_taint() != RedirectTaint::CrossSite,
            Engine::Chromium => true,
        };
        chain && same_site(&self.origin, &self.url().origin())
    }

    /// Fetch #main-fetch steps 6 and 7: mixed content is upgraded, if it is an image, or blocked.
    pub(crate) fn upgrade_or_block_mixed_content(&mut self) -> Result<(), FetchErrorKind> {
        if !self.secure_page || potentially_trustworthy(self.url()) {
            return Ok(());
        }
        // Mixed Content #upgrade-algorithm: images, and not for addresses.
        let upgradable = self.initiator == Initiator::Image && self.url().domain().is_some();
        let upgraded = upgradable
            && self
                .urls
                .last_mut()
                .is_some_and(|url| url.set_scheme("https").is_ok());
        if upgraded {
            Ok(())
        } else {
            Err(FetchErrorKind::MixedContent)
        }
    }

    /// Fetch #main-fetch step 12.
    pub(crate) fn route(&self) -> Result<Route, FetchErrorKind> {
        if self.is_same_origin() && self.tainting == Tainting::Basic {
            return Ok(Route {
                tainting: Tainting::Basic,
                preflight: false,
            });
        }
        match self.mode {
            Mode::SameOrigin => Err(FetchErrorKind::NotSameOrigin),
            Mode::NoCors if self.redirect != Redirect::Follow => {
                Err(FetchErrorKind::NoCorsRedirectMode)
            }
            Mode::NoCors => Ok(Route {
                tainting: Tainting::Opaque,
                preflight: false,
            }),
            Mode::Cors => Ok(Route {
                tainting: Tainting::Cors,
                preflight: self.use_preflight
                    || !classify::is_safelisted_method(&self.method)
                    || !self.unsafe_header_names().is_empty(),
            }),
        }
    }

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
        let with_credentials = !location.username().is_empty() || location.password().is_some();
        let foreign = self.mode == Mode::Cors && location.origin() != self.origin;
        if with_credentials && (foreign || self.tainting == Tainting::Cors) {
            return Err(FetchErrorKind::RedirectWithCredentials(location.into())); // steps 9 and 10
        }
        if status != StatusCode::SEE_OTHER && self.body == Body::Stream {
            return Err(FetchErrorKind::BodyNotReplayable); // step 11
        }
        if becomes_get(status, &self.method) {
            // Step 12.
            self.method = Method::GET;
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
        if let Some(policy) = ReferrerPolicy::from_headers(response) {
            self.referrer_policy = policy; // step 19
        }
        Ok(true)
    }

    /// Fetch #concept-response-location-url.
    fn location(&self, response: &HeaderMap) -> Result<Option<Url>, FetchErrorKind> {
        let Some(location) = values::joined(response, LOCATION) else {
            return Ok(None);
        };
        let invalid = || FetchErrorKind::InvalidLocation(values::isomorphic(&location));
        let mut lines = response.get_all(LOCATION).iter();
        let first = lines.next().map_or(&[][..], HeaderValue::as_bytes);
        let harmless = |line: &HeaderValue| self.engine == Engine::Chromium && line == first;
        if !lines.all(harmless) {
            return Err(FetchErrorKind::MultipleLocations(values::isomorphic(
                &location,
            )));
        }
        // URL #concept-url-parser works on text: what is not UTF-8 is read as Latin-1.
        let text =
            std::str::from_utf8(first).map_or_else(|_| values::isomorphic(first), Into::into);
        let mut url = self.url().join(&text).map_err(|_| invalid())?;
        if url.fragment().is_none() {
            url.set_fragment(self.url().fragment());
        }
        Ok(Some(url))
    }

    pub(crate) fn scene(&self, preflight: bool) -> Scene {
        Scene {
            initiator: self.initiator,
            first_url: self.urls[0].to_string(),
            url: self.url().to_string(),
            origin: self.origin.ascii_serialization(),
            page: self
                .referrer
                .as_ref()
                .map_or("about:srcdoc", Url::as_str)
                .to_owned(),
            preflight,
        }
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

/// Fetch #redirect-status.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
