//! An explanation as a value: its steps, read one by one or displayed as a text.

use std::fmt;

use super::judge::Refusal;

/// The steps in which a browser reads the response to a request, and the settings to change.
///
/// Made by [`CorsPolicy::explain`](super::CorsPolicy::explain). Displays as a text of a few lines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Explanation {
    pub(super) request: String,
    pub(super) refusal: Option<Refusal>,
    pub(super) steps: Vec<Step>,
}

/// One step of the standard's algorithm, and the rule of the policy that decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Step {
    pub(super) outcome: Outcome,
    pub(super) clause: &'static str,
    pub(super) key: Option<&'static str>,
    pub(super) reason: String,
    pub(super) remedy: Option<String>,
}

/// The end of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Outcome {
    /// The browser goes on.
    Passes,
    /// The browser shows the page nothing but an error.
    Fails,
    /// It depends on something that only the browser knows.
    Depends,
}

impl Explanation {
    /// The rule that the request breaks, if it does.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// The steps, in the order in which a browser takes them.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl Step {
    pub(super) fn passes(clause: &'static str, key: Option<&'static str>, reason: String) -> Self {
        let outcome = Outcome::Passes;
        Self {
            outcome,
            clause,
            key,
            reason,
            remedy: None,
        }
    }

    pub(super) fn fails(
        clause: &'static str,
        key: &'static str,
        reason: String,
        remedy: String,
    ) -> Self {
        let (outcome, key, remedy) = (Outcome::Fails, Some(key), Some(remedy));
        Self {
            outcome,
            clause,
            key,
            reason,
            remedy,
        }
    }

    /// A value that is not to be allowed.
    pub(super) fn broken(clause: &'static str, reason: String, remedy: &'static str) -> Self {
        Self {
            outcome: Outcome::Fails,
            clause,
            key: None,
            reason,
            remedy: Some(String::from(remedy)),
        }
    }

    /// Its end.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The clause of the Fetch standard.
    #[must_use]
    pub fn clause(&self) -> &'static str {
        self.clause
    }

    /// The setting that decides it, by the name of its setter.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        self.key
    }

    /// The reason for which it ends so.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The change that allows the request.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refusal {
            Some(refusal) => writeln!(f, "{}: refused, {refusal}", self.request)?,
            None => writeln!(f, "{}: not refused", self.request)?,
        }
        self.steps.iter().try_for_each(|step| step.fmt(f))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Passes => "passes",
            Outcome::Fails => "fails",
            Outcome::Depends => "depends",
        };
        writeln!(f, "- {outcome}: {} ({})", self.reason, self.clause)?;
        match &self.remedy {
            Some(remedy) => writeln!(f, "  to allow it: {remedy}"),
            None => Ok(()),
        }
    }
}
