//! The problems of a template's CORS blocks: where, which value, and what to write instead.

use std::fmt;

/// One problem. Displays line, key, value, reason and remedy in one line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Problem {
    /// The line of the template, from 1.
    pub line: usize,
    /// The way from the template's root: `Resources.Api.Properties.Cors.AllowOrigin`.
    pub key: String,
    /// The value as it is written; `None` where something is missing.
    pub value: Option<String>,
    /// The reason why it cannot be meant.
    pub reason: String,
    /// The change that mends it.
    pub remedy: String,
}

/// All problems of a template; at least one. Displays one line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub(super) Vec<Problem>);

impl Problem {
    pub(super) fn new(line: usize, key: &str, reason: &str, remedy: &str) -> Self {
        Self {
            line,
            key: key.to_owned(),
            value: None,
            reason: reason.to_owned(),
            remedy: remedy.to_owned(),
        }
    }

    pub(super) fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }
}

impl Problems {
    /// The problems, in the order of the template.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        if let Some(value) = &self.value {
            write!(f, "{value:?} ")?;
        }
        write!(f, "{}: {}", self.reason, self.remedy)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.iter().enumerate() {
            let line_break = if i == 0 { "" } else { "\n" };
            write!(f, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl std::error::Error for Problems {}
