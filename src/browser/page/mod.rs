//! A page, and what its script and its markup can ask for.

mod cookies;
mod elements;
pub(crate) mod fetch;
pub(crate) mod form;
mod navigation;
pub(crate) mod request;

use url::Url;

use crate::browser::fetch::client::{Client, EmbedderPolicy, StorageAccess};
use crate::browser::fetch::referrer::ReferrerPolicy;
use crate::browser::origin::Origin;
use crate::browser::site::potentially_trustworthy;
use crate::browser::web::Web;

/// A page that script runs in.
#[derive(Clone, Debug)]
#[must_use]
pub struct Page {
    web: Web,
    client: Client,
    referrer_policy: ReferrerPolicy,
    mistakes: Vec<String>,
}

impl Page {
    pub(crate) fn open(web: Web, url: &str) -> Self {
        let page = Url::parse(url).ok().and_then(|address| {
            let origin = match url {
                "file://" => Origin::files(),
                _ => Origin::of(&address),
            };
            let is_page = !origin.is_opaque() || address.scheme() == "file";
            is_page.then(|| Client::top(origin, &address))
        });
        let (client, mistakes) = match page {
            Some(client) => (client, Vec::new()),
            None => {
                let mistake = format!(
                    "`{url}` is not the URL of a page; write one like `https://app.example.com`"
                );
                (Client::nowhere(), vec![mistake])
            }
        };
        Self {
            web,
            client,
            referrer_policy: ReferrerPolicy::default(),
            mistakes,
        }
    }

    /// A page in an `<iframe>` of this one, of any origin: what it asks for is asked for below this page,
    /// which decides about `SameSite`, partitions, storage access and mixed content. A page that came by https
    /// has no frames of plain http, but for loopback.
    pub fn frame(&self, url: &str) -> Self {
        let framed = Self::open(self.web.clone(), url);
        let client = Client {
            top: self.client.top.clone(),
            cross_site_ancestor: self.client.is_cross_site_framed(),
            // Mixed Content #categorize-settings-object: the pages around a page count as well.
            secure: self.client.secure || framed.client.secure,
            embedder_policy: self.client.embedder_policy,
            ..framed.client
        };
        let mut mistakes = [self.mistakes.clone(), framed.mistakes].concat();
        let address = client.address.as_ref();
        let in_the_clear =
            address.is_some_and(|url| url.scheme() == "http" && !potentially_trustworthy(url));
        if self.client.secure && in_the_clear {
            mistakes.push(format!(
                "`{url}` cannot be in a frame of a page that came by https, as it is mixed content; write \
                 `https://`"
            ));
        }
        Self {
            client,
            mistakes,
            ..framed
        }
    }

    /// The same page in `<iframe sandbox="allow-scripts">`: its origin is `null`, equal to no other.
    ///
    /// Its forms are sent, and it can lead the window away, as if `allow-forms` and `allow-top-navigation`
    /// were there too: whoever writes the attribute can allow them.
    pub fn sandboxed(&self) -> Self {
        let client = Client {
            origin: Origin::opaque(),
            ..self.client.clone()
        };
        Self {
            client,
            ..self.clone()
        }
    }

    /// A `data:` document in a frame of this page: its origin is `null`, and it has no address.
    pub fn data(&self) -> Self {
        let mut page = self.sandboxed();
        page.client.address = None;
        page
    }

    /// The policy of the whole page, as by its own `Referrer-Policy` header.
    pub fn referrer_policy(self, referrer_policy: ReferrerPolicy) -> Self {
        Self {
            referrer_policy,
            ..self
        }
    }

    /// The policy of the whole page about what it embeds, as by `Cross-Origin-Embedder-Policy`.
    pub fn embedder_policy(mut self, policy: EmbedderPolicy) -> Self {
        self.client.embedder_policy = policy;
        self
    }

    /// Whether a frame of another site has its cookies where those of third parties are blocked.
    pub fn storage_access(mut self, access: StorageAccess) -> Self {
        self.client.storage_access = access;
        self
    }

    /// The origin that the page's requests tell in `Origin`, or `null`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.client.origin.serialized()
    }

    /// For tables: the address, and what became of it.
    pub(crate) fn name(&self) -> String {
        if let Some(file) = self
            .client
            .address
            .as_ref()
            .filter(|url| url.scheme() == "file")
        {
            return match self.client.origin.is_opaque() {
                true => file.to_string(),
                false => self.origin(),
            };
        }
        let address = self.client.address.as_ref().map(Origin::of);
        match address {
            Some(address) if self.client.origin.is_opaque() => {
                format!("{} (sandboxed)", address.serialized())
            }
            Some(address) if self.client.origin != self.client.top => {
                let top = self.client.top.serialized();
                format!("{} (in {top})", address.serialized())
            }
            Some(address) => address.serialized(),
            None => "data:".into(),
        }
    }
}

impl Web {
    /// Opens a page: an origin, or a whole URL, which relative URLs and `Referer` are made from.
    ///
    /// The page needs no service behind its own origin, unless it fetches from there. Pages of
    /// applications and extensions have their own schemes: `tauri://localhost`, `chrome-extension://…`.
    ///
    /// A file, `file:///home/me/page.html`, has the origin `null`, as in every browser. `file://` alone is the
    /// origin that files have where they may read each other: in WebViews that are told so, and in Chromium
    /// with `--allow-file-access-from-files`.
    pub fn page(&self, url: &str) -> Page {
        Page::open(self.clone(), url)
    }
}
