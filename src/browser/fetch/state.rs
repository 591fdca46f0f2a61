//! A request on its way through the algorithm: what Fetch calls a *request*, without its body.

use http::{HeaderMap, HeaderName, Method};
use url::Url;

use super::client::{Client, EmbedderPolicy};
use super::initiator::Initiator;
use super::options::{Credentials, Mode, Redirect};
use super::port;
use super::referrer::ReferrerPolicy;
use super::{classify, safelist};
use crate::browser::engine::{Engine, Quirk};
use crate::browser::origin::Origin;
use crate::browser::outcome::error::{FetchErrorKind, Scene};
use crate::browser::site::{potentially_trustworthy, same_site, schemelessly_same_site};

/// Fetch #concept-request.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) method: Method,
    /// The URLs of the request so far; never empty, the last is the current one.
    pub(crate) urls: Vec<Url>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) client: Client,
    pub(crate) mode: Mode,
    pub(crate) credentials: Credentials,
    pub(crate) redirect: Redirect,
    /// As main fetch writes it back at each URL; nothing is `no-referrer`.
    pub(crate) referrer: Option<Url>,
    pub(crate) referrer_policy: ReferrerPolicy,
    pub(crate) initiator: Initiator,
    /// The user clicked; of navigations it is told.
    pub(crate) user_activation: bool,
    pub(crate) engine: Engine,
    pub(crate) tainting: Tainting,
    /// An upload listener or a stream as body: preflighted whatever else it is.
    pub(crate) use_preflight: bool,
    /// Fetch #timing-allow-failed.
    pub(crate) timing_allow_failed: bool,
    /// The method that a redirect made a GET.
    pub(crate) became_get_from: Option<Method>,
}

/// The kind of body, which decides whether a redirect can send it again.
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

/// Fetch #concept-request-tainted-origin: whether redirects have led the request across origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedirectTaint {
    SameOrigin,
    SameSite,
    CrossSite,
}

/// The decision of main fetch about the current URL.
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

    /// The origin of the current URL.
    pub(crate) fn target(&self) -> Origin {
        Origin::of(self.url())
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.client.origin
    }

    pub(crate) fn is_same_origin(&self) -> bool {
        self.target() == *self.origin()
    }

    /// Fetch #cors-unsafe-request-header-names of this request.
    pub(crate) fn unsafe_header_names(&self) -> Vec<HeaderName> {
        safelist::unsafe_header_names(&self.headers, self.engine)
    }

    /// Fetch #concept-request-tainted-origin.
    pub(crate) fn redirect_taint(&self) -> RedirectTaint {
        let mut taint = RedirectTaint::SameOrigin;
        for pair in self.urls.windows(2) {
            let (last, url) = (Origin::of(&pair[0]), Origin::of(&pair[1]));
            if !same_site(&url, &last) && !same_site(self.origin(), &last) {
                return RedirectTaint::CrossSite;
            }
            if url != last && *self.origin() != last {
                taint = RedirectTaint::SameSite;
            }
        }
        taint
    }

    /// Whether any redirect led to another origin.
    pub(crate) fn has_changed_origin(&self) -> bool {
        let changes = |pair: &[Url]| Origin::of(&pair[0]) != Origin::of(&pair[1]);
        self.urls.windows(2).any(changes)
    }

    /// Fetch #byte-serializing-a-request-origin.
    pub(crate) fn serialized_origin(&self) -> String {
        match self.redirect_taint() {
            RedirectTaint::SameOrigin => self.origin().serialized(),
            RedirectTaint::SameSite | RedirectTaint::CrossSite => "null".into(),
        }
    }

    /// Whether a request that script makes conditional leaves it at that.
    pub(crate) fn is_silent_of_caches(&self) -> bool {
        self.initiator == Initiator::Xhr && self.engine.has(Quirk::SilentXhr)
    }

    /// Fetch #main-fetch step 9: the referrer that was determined is the request's from now on, so that
    /// a later URL cannot be told more than an earlier one was.
    pub(crate) fn determine_referrer(&mut self) {
        let (policy, engine) = (self.policy_there(), self.engine);
        self.referrer = self
            .referrer
            .take()
            .and_then(|referrer| policy.determine(&referrer, self.url(), engine));
    }

    /// The referrer policy for the current URL: some browsers let none tell another site more than the default one.
    fn policy_there(&self) -> ReferrerPolicy {
        let policy = self.referrer_policy;
        let tells_more = match policy {
            ReferrerPolicy::UnsafeUrl
            | ReferrerPolicy::NoReferrerWhenDowngrade
            | ReferrerPolicy::OriginWhenCrossOrigin => true,
            ReferrerPolicy::NoReferrer
            | ReferrerPolicy::SameOrigin
            | ReferrerPolicy::Origin
            | ReferrerPolicy::StrictOrigin
            | ReferrerPolicy::StrictOriginWhenCrossOrigin => false,
        };
        let cautious =
            self.engine.has(Quirk::CautiousReferrers) && self.initiator != Initiator::Window;
        match tells_more && cautious && !schemelessly_same_site(self.origin(), &self.target()) {
            true => ReferrerPolicy::default(),
            false => policy,
        }
    }

    /// Fetch #main-fetch steps 6 and 7: mixed content is upgraded, if it is an image, or blocked.
    pub(crate) fn upgrade_or_block_mixed_content(&mut self) -> Result<(), FetchErrorKind> {
        // Mixed Content #should-block-fetch: a window that goes elsewhere mixes nothing.
        let mixes = self.client.secure && self.initiator != Initiator::Window;
        let is_image = self.initiator == Initiator::Image;
        let is_blocked =
            !is_image && self.url().scheme() != "https" && self.engine.has(Quirk::LoopbackIsMixed);
        if !mixes || potentially_trustworthy(self.url()) && !is_blocked {
            return Ok(());
        }
        // Mixed Content #upgrade-algorithm: images, and not for addresses.
        let upgradable = is_image && self.url().domain().is_some();
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

    /// Fetch #main-fetch step 7.
    pub(crate) fn block_bad_port(&self) -> Result<(), FetchErrorKind> {
        let is_bad = |port: &u16| port::is_bad(*port, self.engine);
        match self.url().port().filter(is_bad) {
            Some(port) => Err(FetchErrorKind::BadPort(port)),
            None => Ok(()),
        }
    }

    /// Fetch #main-fetch step 12.
    pub(crate) fn route(&self) -> Result<Route, FetchErrorKind> {
        let plain = |tainting| {
            Ok(Route {
                tainting,
                preflight: false,
            })
        };
        if self.is_same_origin() && self.tainting == Tainting::Basic {
            return plain(Tainting::Basic);
        }
        match self.mode {
            Mode::Navigate | Mode::WebSocket => plain(Tainting::Basic),
            Mode::SameOrigin => Err(FetchErrorKind::NotSameOrigin),
            Mode::NoCors if self.redirect != Redirect::Follow => {
                Err(FetchErrorKind::NoCorsRedirectMode)
            }
            Mode::NoCors => plain(Tainting::Opaque),
            Mode::Cors => Ok(Route {
                tainting: Tainting::Cors,
                preflight: self.use_preflight
                    || !classify::is_safelisted_method(&self.method)
                    || !self.unsafe_header_names().is_empty(),
            }),
        }
    }

    /// Fetch #cross-origin-embedder-policy-allows-credentials.
    pub(crate) fn embedder_policy_allows_credentials(&self) -> bool {
        self.mode != Mode::NoCors
            || self.client.embedder_policy != EmbedderPolicy::Credentialless
            || self.engine.has(Quirk::NoCredentialless)
            || self.is_same_origin() && self.redirect_taint() == RedirectTaint::SameOrigin
    }

    pub(crate) fn scene(&self, preflight: bool) -> Scene {
        Scene {
            initiator: self.initiator,
            first_url: self.urls[0].to_string(),
            url: self.url().to_string(),
            origin: self.origin().serialized(),
            page: match &self.client.address {
                Some(address) if !self.origin().is_opaque() || address.scheme() == "file" => {
                    address.to_string()
                }
                _ => "about:srcdoc".into(),
            },
            preflight,
        }
    }
}
