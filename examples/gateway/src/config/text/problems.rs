//! Problems of a configuration: all of them, each with the key that it is at.

use std::fmt;

use super::environment::{Failed, Filled};
use super::place::{Place, Source};
use super::written::as_written;

#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// Once it is known.
    place: Option<Place>,
    /// As it is written in TOML and in messages of its readers: `routes[1].timeouts.connect`. Counted
    /// from 0. Empty for the whole file.
    pub key: String,
    /// The fault, and its remedy.
    pub message: String,
}

/// Every problem of a configuration; one line each when displayed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn push(&mut self, key: impl Into<String>, message: impl fmt::Display) {
        self.0.push(Problem {
            place: None,
            key: key.into(),
            message: one_line(&message.to_string()),
        });
    }

    /// Adds a problem, unless it is there already.
    pub fn push_once(&mut self, key: &str, message: impl fmt::Display) {
        let message = one_line(&message.to_string());
        let is_same = |other: &Problem| other.key == key && other.message == message;
        if !self.0.iter().any(is_same) {
            self.push(key, message);
        }
    }

    /// Adds a problem that was found in what is left of the file: none at a key at which, or below
    /// which, there is one already. A problem that follows from another one is not news.
    pub fn add(&mut self, key: String, message: impl fmt::Display) {
        if !self.touch(&key) {
            self.push(key, message);
        }
    }

    /// Whether there is a problem at a key or below it already.
    pub fn touch(&self, key: &str) -> bool {
        self.0.iter().any(|problem| is_below(&problem.key, key))
    }

    /// Puts the problems of these values in the place of all that is said at their keys and below them, and of what
    /// quotes them elsewhere: it follows from them.
    pub fn replace(&mut self, texts: &[Failed], with: Self) {
        let follows = |problem: &Problem, from: &Failed| {
            let quoted = one_line(&from.written);
            is_below(&problem.key, &from.key) || problem.message.contains(&quoted)
        };
        self.0
            .retain(|problem| !texts.iter().any(|text| follows(problem, text)));
        self.0.extend(with.0);
    }

    /// Shows what is written in the file in the place of what was put into it.
    pub fn hide_values(&mut self, texts: &[Filled]) {
        for problem in &mut self.0 {
            let message = std::mem::take(&mut problem.message);
            problem.message = as_written(message, &problem.key, texts);
        }
    }

    /// Says where in the file each of them is, puts them in the order of their lines, and names routes by their
    /// prefixes and numbers as they are written.
    pub fn locate(&mut self, source: &Source<'_>) {
        for problem in &mut self.0 {
            if problem.place.is_none() {
                problem.place = Some(source.place(&problem.key));
                let message = std::mem::take(&mut problem.message);
                problem.message = source.as_written(&problem.key, message);
                problem.key = source.name(&problem.key);
            }
        }
        // A table that is missing stands on none of the lines, and comes last.
        let line = |problem: &Problem| {
            let line = problem.place.as_ref().and_then(|place| place.line);
            line.unwrap_or(usize::MAX)
        };
        self.0.sort_by_key(line);
    }

    /// A problem at a place that is not a key's.
    pub fn push_at(&mut self, place: Place, message: impl fmt::Display) {
        self.push("", message);
        if let Some(problem) = self.0.last_mut() {
            problem.place = Some(place);
        }
    }

    /// One line each, for a log.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(ToString::to_string)
    }

    /// Fails with the problems if there are any.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None => Err(self),
        }
    }
}

/// Whether a key is another one, or below it.
pub fn is_below(key: &str, above: &str) -> bool {
    let rest = key.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Messages of parsers come on several lines, indented.
pub fn one_line(message: &str) -> String {
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

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            key,
            message,
        } = self;
        if let Some(place) = place {
            write!(f, "{place}: ")?;
        }
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        f.write_str(message)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            let line = if number == 0 { "" } else { "\n" };
            write!(f, "{line}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
