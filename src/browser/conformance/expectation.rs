//! Expectations: the responses that a page must be able to read, and those that it must not.

use crate::browser::outcome::error::{FetchError, FetchErrorKind};
use crate::browser::outcome::response::Outcome;
use crate::browser::page::fetch::Fetch;

/// A wish: something that a page must, or must not, be able to do; see [`must`] and [`must_not`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Expectation {
    pub(super) fetch: Fetch,
    pub(super) wish: Wish,
}

#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// The response is readable, perhaps with this status, and these of its headers are.
    Read {
        status: Option<u16>,
        exposed: Vec<String>,
    },
    /// CORS keeps the page from it.
    Blocked {
        /// Whether something was expected of the response, which nobody is to read.
        is_contradictory: bool,
    },
}

/// The page must be able to read the response.
pub fn must(fetch: Fetch) -> Expectation {
    Expectation {
        fetch,
        wish: Wish::Read {
            status: None,
            exposed: Vec::new(),
        },
    }
}

/// The page must not be able to read the response, and CORS must be what keeps it from that: a typing
/// error in the URL does not count.
pub fn must_not(fetch: Fetch) -> Expectation {
    Expectation {
        fetch,
        wish: Wish::Blocked {
            is_contradictory: false,
        },
    }
}

impl Expectation {
    /// Script must see these headers of the response. Behind [`must_not`] it contradicts that, and the line does not pass.
    pub fn exposing<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        match &mut self.wish {
            Wish::Read { exposed, .. } => exposed.extend(names.into_iter().map(Into::into)),
            Wish::Blocked { is_contradictory } => *is_contradictory = true,
        }
        self
    }

    /// The response must have this status; any will do otherwise. Behind [`must_not`] it contradicts that, and the line
    /// does not pass.
    pub fn status(mut self, code: u16) -> Self {
        match &mut self.wish {
            Wish::Read { status, .. } => *status = Some(code),
            Wish::Blocked { is_contradictory } => *is_contradictory = true,
        }
        self
    }
}

impl Wish {
    pub(super) fn wanted(&self) -> String {
        match self {
            Self::Blocked { .. } => "blocked".into(),
            Self::Read {
                status: Some(status),
                ..
            } => format!("readable, {status}"),
            Self::Read { status: None, .. } => "readable".into(),
        }
    }

    pub(super) fn fault(&self, outcome: &Outcome) -> Option<String> {
        match (self, &outcome.result) {
            (
                Self::Blocked {
                    is_contradictory: true,
                },
                _,
            ) => Some("`status` and `exposing` are for `must`: remove them".into()),
            (Self::Blocked { .. }, Err(error)) if error.is_cors() => None,
            (Self::Blocked { .. }, Err(error)) => {
                Some(format!("not CORS is what blocks it: {error}"))
            }
            (Self::Blocked { .. }, Ok(response)) if !response.is_readable() => None,
            (Self::Read { .. }, Ok(response)) if !response.is_readable() => {
                let kind = response.kind().as_str();
                Some(format!(
                    "the response is {kind}: script reads nothing of it"
                ))
            }
            (Self::Blocked { .. }, Ok(response)) => {
                Some(format!("readable, {}", response.status()))
            }
            (Self::Read { .. }, Err(error)) => Some(error.to_string()),
            (Self::Read { status, exposed }, Ok(response)) => {
                if let Some(wanted) = status.filter(|wanted| *wanted != response.status()) {
                    return Some(format!("the status is {}, not {wanted}", response.status()));
                }
                let hidden = exposed
                    .iter()
                    .find(|name| !response.headers().contains_key(&***name))?;
                Some(format!(
                    "script does not see `{hidden}` (Access-Control-Expose-Headers; Fetch #main-fetch step 14)"
                ))
            }
        }
    }
}

impl FetchError {
    /// Whether CORS is what failed.
    fn is_cors(&self) -> bool {
        use FetchErrorKind as E;
        let others = matches!(
            self.kind(),
            E::RedirectWithCredentials(_) | E::LocalNetwork(_) | E::LocalNetworkInsecure(_)
        );
        self.kind().cors_policy(None).is_some() && !others
    }
}
