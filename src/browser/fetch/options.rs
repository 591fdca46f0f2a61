//! Options of `fetch()`, in the words of its `RequestInit`.

/// Whether cookies go with a request, and `Set-Cookie` is obeyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Credentials {
    /// Never.
    Omit,
    /// Only as long as the page's own origin is asked: what `fetch()` does if not told otherwise.
    #[default]
    SameOrigin,
    /// Always; the server has to send `Access-Control-Allow-Credentials: true`.
    Include,
}

/// The mode of a request: what the page wants of another origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// To read the response, which the server has to allow: what `fetch()` does.
    #[default]
    Cors,
    /// To send the request only; the response is opaque. What an `<img>` does.
    NoCors,
    /// To stay at home: a request to another origin is an error.
    SameOrigin,
    /// To go there, with the window or with a frame. Not script's to choose in `fetch()`; see
    /// [`Page::navigate`](crate::browser::Page::navigate).
    Navigate,
    /// To open a WebSocket. Not script's to choose in `fetch()`; see
    /// [`Page::socket`](crate::browser::Page::socket).
    WebSocket,
}

/// The redirect mode of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Redirect {
    /// Follow it, up to twenty times.
    #[default]
    Follow,
    /// Fail.
    Error,
    /// Hand out an opaque response that says nothing but that there was one.
    Manual,
}

impl Credentials {
    /// The word that script uses: `omit`, `same-origin` or `include`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Omit => "omit",
            Self::SameOrigin => "same-origin",
            Self::Include => "include",
        }
    }
}

impl Mode {
    /// The word of `Sec-Fetch-Mode`: `cors`, `no-cors`, `same-origin`, `navigate` or `websocket`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cors => "cors",
            Self::NoCors => "no-cors",
            Self::SameOrigin => "same-origin",
            Self::Navigate => "navigate",
            Self::WebSocket => "websocket",
        }
    }
}

impl Redirect {
    /// The word that script uses: `follow`, `error` or `manual`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Error => "error",
            Self::Manual => "manual",
        }
    }
}
