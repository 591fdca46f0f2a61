//! The part of a page that starts a request: script, markup, a form, a link.

use std::fmt;

/// The part of a page that starts a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Initiator {
    Fetch,
    Xhr,
    Image,
    Script,
    Stylesheet,
    Font,
    Beacon,
    Socket,
    /// A link, a form or the user's own typing: the whole window goes there.
    Window,
    /// The same in an `<iframe>` of the page.
    Frame,
}

impl Initiator {
    /// Fetch #concept-request-destination, as `Sec-Fetch-Dest` has it.
    pub(crate) const fn destination(self) -> &'static str {
        match self {
            Self::Fetch | Self::Xhr | Self::Beacon | Self::Socket => "empty",
            Self::Image => "image",
            Self::Script => "script",
            Self::Stylesheet => "style",
            Self::Font => "font",
            Self::Window => "document",
            Self::Frame => "iframe",
        }
    }

    /// Fetch #fetching step 12: the `Accept` of a destination.
    pub(crate) const fn accept(self) -> &'static str {
        match self {
            Self::Fetch | Self::Xhr | Self::Beacon | Self::Script | Self::Font | Self::Socket => {
                "*/*"
            }
            Self::Image => "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
            Self::Stylesheet => "text/css,*/*;q=0.1",
            Self::Window | Self::Frame => {
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
            }
        }
    }

    pub(crate) const fn is_window(self) -> bool {
        matches!(self, Self::Window)
    }

    /// HTML #navigation-request.
    pub(crate) const fn is_navigation(self) -> bool {
        matches!(self, Self::Window | Self::Frame)
    }
}

impl fmt::Display for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fetch => "fetch",
            Self::Xhr => "XMLHttpRequest",
            Self::Image => "image",
            Self::Script => "script",
            Self::Stylesheet => "CSS stylesheet",
            Self::Font => "font",
            Self::Beacon => "resource",
            Self::Socket => "WebSocket",
            Self::Window => "navigation",
            Self::Frame => "iframe",
        })
    }
}
