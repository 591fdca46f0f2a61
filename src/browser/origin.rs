//! The origin of a page: HTML's, and those of the schemes that applications and extensions have.

use url::Url;

/// An origin as browsers serialize it into `Origin`.
///
/// The `url` crate follows the URL standard, by which every scheme but a few has opaque origins. Browsers
/// give tuple origins to those that are registered with them: `tauri://localhost`,
/// `capacitor://localhost`, `chrome-extension://…`, and their pages fetch with these words in `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// One of http or https; or an opaque one, equal to nothing but its own copies.
    Web(url::Origin),
    /// One of a scheme that an application registered, serialized.
    App(String),
}

impl Origin {
    /// The origin of a URL.
    pub(crate) fn of(url: &Url) -> Self {
        let authority = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => String::new(),
        };
        let standard = url.origin();
        // Files have opaque origins, `file:` URLs with a host too.
        let is_registered = !standard.is_tuple() && !authority.is_empty() && url.scheme() != "file";
        if is_registered {
            Self::App(format!("{}://{authority}", url.scheme()))
        } else {
            Self::Web(standard)
        }
    }

    /// The origin of all files where one may read others: in WebViews that are told so, and in Chromium with
    /// `--allow-file-access-from-files`.
    pub(crate) fn files() -> Self {
        Self::App("file://".into())
    }

    /// A new opaque origin: that of a sandboxed frame.
    pub(crate) fn opaque() -> Self {
        Self::Web(url::Origin::new_opaque())
    }

    pub(crate) fn is_opaque(&self) -> bool {
        matches!(self, Self::Web(origin) if !origin.is_tuple())
    }

    /// HTML #ascii-serialisation-of-an-origin.
    pub(crate) fn serialized(&self) -> String {
        match self {
            Self::Web(origin) => origin.ascii_serialization(),
            Self::App(serialized) => serialized.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_of_urls() {
        for (url, origin) in [
            ("https://app.test/a?b#c", "https://app.test"),
            ("http://localhost:3000/", "http://localhost:3000"),
            ("tauri://localhost/index.html", "tauri://localhost"),
            ("capacitor://localhost", "capacitor://localhost"),
            (
                "chrome-extension://abcdefghijklmnop/popup.html",
                "chrome-extension://abcdefghijklmnop",
            ),
            ("app://./index.html", "app://."),
            ("ionic://localhost:8100/", "ionic://localhost:8100"),
            ("file:///home/page.html", "null"),
            ("file://host/page.html", "null"),
            ("data:text/html,x", "null"),
            ("about:blank", "null"),
        ] {
            let parsed = Origin::of(&Url::parse(url).unwrap());
            assert_eq!(parsed.serialized(), origin, "{url}");
            assert_eq!(parsed.is_opaque(), origin == "null", "{url}");
        }
        assert_ne!(Origin::opaque(), Origin::opaque());
    }
}
