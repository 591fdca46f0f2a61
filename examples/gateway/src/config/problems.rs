//! What is wrong with a configuration: every problem, with the key it is at.

use std::fmt;

#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// As it is written in TOML and in messages of its readers: `routes[1].timeouts.connect`. Counted
    /// from 0. Empty for the whole file.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Every problem of a configuration; one line each when displayed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn push(&mut self, key: impl Into<String>, message: impl fmt::Display) {
        self.0.push(Problem {
            key: key.into(),
            message: one_line(&message.to_string()),
        });
    }

    /// Adds a problem that was found in what is left of the file: none at a key at which, or below
    /// which, there is one already. What follows from another problem is no news.
    pub fn add(&mut self, key: String, message: impl fmt::Display) {
        if !self.touch(&key) {
            self.push(key, message);
        }
    }

    /// Whether there is a problem at a key or below it already.
    pub fn touch(&self, key: &str) -> bool {
        let below = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
        self.0
            .iter()
            .any(|problem| problem.key.strip_prefix(key).is_some_and(below))
    }

    /// Fails with the problems if there are any.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None => Err(self),
        }
    }
}

/// Messages of parsers come on several lines, indented.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A key below another.
pub fn join(above: &str, key: &str) -> String {
    let dot = if above.is_empty() || key.is_empty() || key.starts_with('[') {
        ""
    } else {
        "."
    };
    format!("{above}{dot}{key}")
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Problem { key, message }) in self.0.iter().enumerate() {
            let line = if number == 0 { "" } else { "\n" };
            if key.is_empty() {
                write!(f, "{line}{message}")?;
            } else {
                write!(f, "{line}{key}: {message}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
