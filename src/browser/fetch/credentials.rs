//! The cookies that a request may carry and its response may set: credentials mode, sites, partitions.

use http::Method;

use super::client::StorageAccess;
use super::initiator::Initiator;
use super::options::Credentials;
use super::state::{RedirectTaint, State, Tainting};
use crate::browser::cookies::access::{Access, Partition, SiteMode};
use crate::browser::engine::Quirk;
use crate::browser::origin::Origin;
use crate::browser::site::{self, same_site, schemelessly_same_site};

impl State {
    /// Fetch #http-network-or-cache-fetch step 8.3.
    pub(crate) fn includes_credentials(&self) -> bool {
        let mode = match self.credentials {
            Credentials::Omit => false,
            Credentials::SameOrigin => self.tainting == Tainting::Basic,
            Credentials::Include => true,
        };
        mode && self.embedder_policy_allows_credentials()
    }

    /// The page in the address bar while the request is made: of a window that goes elsewhere, the one
    /// that it goes to.
    pub(crate) fn top(&self) -> Origin {
        match self.initiator {
            Initiator::Window => self.target(),
            _ => self.client.top.clone(),
        }
    }

    /// RFC 6265bis 5.2: the cookies that may go along, by their `SameSite`.
    pub(crate) fn site_mode(&self) -> SiteMode {
        let target = self.target();
        // Fetch #determine-the-same-site-mode.
        let forgiven = match self.initiator {
            Initiator::Window => self.engine.has(Quirk::SameSiteRedirects),
            _ => {
                self.engine.has(Quirk::SameSiteRedirects)
                    || self.engine.has(Quirk::SameSiteRedirectsWithin)
            }
        };
        let chain = forgiven || self.redirect_taint() != RedirectTaint::CrossSite;
        let of_site = |origin: &Origin| match self.engine.has(Quirk::SchemelessCookies) {
            true => schemelessly_same_site(origin, &target),
            false => same_site(origin, &target),
        };
        let asks = match &self.client.address {
            Some(address) if self.engine.has(Quirk::SandboxIsSite) => Origin::of(address),
            _ => self.origin().clone(),
        };
        let framed = match self.engine.has(Quirk::SandboxIsSite) {
            true => self.client.cross_site_ancestor,
            false => self.client.is_cross_site_framed(),
        };
        let asked_by_site = self.client.is_user || of_site(&asks);
        if self.initiator == Initiator::Window {
            return match (asked_by_site && chain, &self.method) {
                (true, _) => SiteMode::Strict,
                (false, &Method::GET | &Method::HEAD | &Method::OPTIONS | &Method::TRACE) => {
                    SiteMode::Lax
                }
                (false, _) => SiteMode::LaxUnsafe,
            };
        }
        let shown_by_site = of_site(&self.client.top) && !framed;
        if asked_by_site && shown_by_site && chain {
            SiteMode::Strict
        } else {
            SiteMode::None
        }
    }

    /// Whether the request goes to another site than that of the page in the address bar, or is made
    /// below a page of another site.
    pub(crate) fn is_third_party(&self) -> bool {
        self.initiator != Initiator::Window
            && (!same_site(&self.client.top, &self.target()) || self.client.is_cross_site_framed())
    }

    /// The request's access to the cookie jar.
    pub(crate) fn cookie_access(&self, third_party_cookies: bool) -> Access {
        // A frame that was granted storage access uses it for its own origin only.
        let storage_access =
            self.client.storage_access == StorageAccess::Active && self.is_same_origin();
        Access {
            mode: self.site_mode(),
            partition: self.partition(),
            unpartitioned: third_party_cookies || storage_access || !self.is_third_party(),
        }
    }

    /// CHIPS: the site in the address bar, and whether one of another site is between it and the request.
    fn partition(&self) -> Partition {
        Partition {
            site: site::partition(&self.top()),
            cross_site: self.is_third_party(),
        }
    }

    /// The key of the HTTP cache and of the preflight cache.
    ///
    /// A navigation has the partition of the document to come (HTML #create-navigation-params-by-fetching),
    /// whichever page leads there.
    pub(crate) fn network_partition(&self) -> String {
        match self.is_apart() {
            true => site::partition(self.origin()),
            false => site::partition(&self.top()),
        }
    }

    /// Chromium stores nothing in a partition that no other document will have.
    pub(crate) fn is_uncached(&self) -> bool {
        self.engine.has(Quirk::OpaqueUncached) && self.is_apart()
    }

    /// An opaque origin is another for each document.
    fn is_apart(&self) -> bool {
        self.origin().is_opaque() && !self.initiator.is_navigation()
    }

    /// Storage Access Headers: the word of `Sec-Fetch-Storage-Access`, of requests with credentials to
    /// another site than that in the address bar.
    pub(crate) fn storage_access_word(&self, third_party_cookies: bool) -> Option<&'static str> {
        let told = self.includes_credentials()
            && self.is_third_party()
            && !self.engine.has(Quirk::NoStorageAccess);
        told.then_some(match self.client.storage_access {
            _ if third_party_cookies => "active",
            StorageAccess::Active if self.is_same_origin() => "active",
            StorageAccess::Active | StorageAccess::Granted if self.is_same_origin() => "inactive",
            _ => "none",
        })
    }
}
