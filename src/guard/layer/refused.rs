//! The error in the answer to a request that was refused.

use std::fmt;

use http::StatusCode;

use crate::guard::verdict::Refusal;

/// The reason of a refusal, in the extensions of the answer.
///
/// Layers outside of the guard find it there: `response.extensions().get::<GuardError>()`. It names the rule
/// and nothing of the settings, so that it may be shown to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardError {
    refusal: Refusal,
}

impl GuardError {
    /// The rule that the request fails.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// The status of the answer: 421 for a host that is not answered, 400 where no single valid one is named, else 403.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.refusal.status()
    }
}

impl From<Refusal> for GuardError {
    fn from(refusal: Refusal) -> Self {
        Self { refusal }
    }
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request is refused: {}", self.refusal)
    }
}

impl std::error::Error for GuardError {}
