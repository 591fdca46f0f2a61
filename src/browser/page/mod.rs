//! A page, and what its script and its markup can ask for.

pub(crate) mod fetch;
pub(crate) mod request;

use url::{Origin, Url};

use crate::browser::fetch::options::ReferrerPolicy;
use crate::browser::web::Web;

/// A page that script runs in.
#[derive(Clone, Debug)]
#[must_use]
pub struct Page {
    web: Web,
    /// Where relative URLs start; a `data:` page has nowhere.
    base: Option<Url>,
    origin: Origin,
    secure: bool,
    referrer_policy: ReferrerPolicy,
    mistakes: Vec<String>,
}

impl Page {
    pub(crate) fn open(web: Web, url: &str) -> Self {
        let parsed = Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let mistake =
            format!("`{url}` is not the URL of a page; write one like `https://app.example.com`");
        Self {
            origin: parsed.as_ref().map_or_else(Origin::new_opaque, Url::origin),
            secure: parsed.as_ref().is_some_and(|url| url.scheme() == "https"),
            mistakes: if parsed.is_some() {
                Vec::new()
            } else {
                vec![mistake]
            },
            base: parsed,
            web,
            referrer_policy: ReferrerPolicy::default(),
        }
    }

    /// The same page in `<iframe sandbox="allow-scripts">`: its origin is `null`, equal to no other.
    pub fn sandboxed(&self) -> Self {
        Self {
            origin: Origin::new_opaque(),
            ..self.clone()
        }
    }

    /// A `data:` document in a frame of this page: its origin is `null`, and it has no address.
    pub fn data(&self) -> Self {
        Self {
            base: None,
            ..self.sandboxed()
        }
    }

    /// The policy of the whole page, as by its own `Referrer-Policy` header.
    pub fn referrer_policy(self, referrer_policy: ReferrerPolicy) -> Self {
        Self {
            referrer_policy,
            ..self
        }
    }

    /// What the page's requests say in `Origin`: its origin, or `null`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.origin.ascii_serialization()
    }

    /// For tables: the address, and what became of it.
    pub(crate) fn name(&self) -> String {
        let address = self
            .base
            .as_ref()
            .map(|base| base.origin().ascii_serialization());
        match address {
            Some(address) if self.origin.is_tuple() => address,
            Some(address) => format!("{address} (sandboxed)"),
            None => "data:".into(),
        }
    }
}

impl Web {
    /// Opens a page: an origin, or a whole URL, which relative URLs and `Referer` are made from.
    ///
    /// The page needs no service behind its own origin, unless it fetches from there.
    pub fn page(&self, url: &str) -> Page {
        Page::open(self.clone(), url)
    }
}
