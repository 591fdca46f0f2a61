//! The page that a request comes from, as far as the request's treatment depends on it.

use url::Url;

use crate::browser::origin::Origin;
use crate::browser::site;

/// HTML #environment-settings-object, in its bearing on requests.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) origin: Origin,
    /// The page's address; nothing where it has none (`data:`), or where its user typed the URL.
    pub(crate) address: Option<Url>,
    /// The page in the address bar; it is the page itself unless that is in a frame.
    pub(crate) top: Origin,
    /// One of the pages around this one is of another site than the one in the address bar.
    pub(crate) cross_site_ancestor: bool,
    /// The page, or one around it, came by https, so that plain http is mixed content.
    pub(crate) secure: bool,
    pub(crate) embedder_policy: EmbedderPolicy,
    pub(crate) storage_access: StorageAccess,
    /// The user asks, not a page, by typing the URL.
    pub(crate) is_user: bool,
}

/// `Cross-Origin-Embedder-Policy` of a page (HTML #embedder-policy-value).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EmbedderPolicy {
    /// Resources need no permission to be embedded: the default.
    #[default]
    UnsafeNone,
    /// Resources that are embedded without CORS need a `Cross-Origin-Resource-Policy` that allows it.
    RequireCorp,
    /// Resources that are embedded without CORS are requested without credentials.
    Credentialless,
}

/// Whether a frame of another site has its cookies without a partition (the Storage Access API).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorageAccess {
    /// It was not granted.
    #[default]
    None,
    /// It was granted before, but this document has not asked for it: a server may activate it.
    Granted,
    /// `document.requestStorageAccess()` was called and granted.
    Active,
}

impl Client {
    /// A page in the address bar.
    pub(crate) fn top(origin: Origin, url: &Url) -> Self {
        Self {
            top: origin.clone(),
            origin,
            address: Some(url.clone()),
            cross_site_ancestor: false,
            secure: url.scheme() == "https",
            embedder_policy: EmbedderPolicy::default(),
            storage_access: StorageAccess::default(),
            is_user: false,
        }
    }

    /// A page that cannot be: what is fetched from it fails.
    pub(crate) fn nowhere() -> Self {
        let origin = Origin::opaque();
        Self {
            top: origin.clone(),
            origin,
            address: None,
            cross_site_ancestor: false,
            secure: false,
            embedder_policy: EmbedderPolicy::default(),
            storage_access: StorageAccess::default(),
            is_user: false,
        }
    }

    /// The user, who types a URL or follows a bookmark.
    pub(crate) fn user() -> Self {
        Self {
            is_user: true,
            ..Self::nowhere()
        }
    }

    /// Whether the page or one around it is of another site than the one in the address bar.
    pub(crate) fn is_cross_site_framed(&self) -> bool {
        self.cross_site_ancestor || !site::same_site(&self.origin, &self.top)
    }
}
