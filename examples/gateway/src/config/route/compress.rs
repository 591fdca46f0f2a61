//! Compression of a route's answers: `compress = true`, `false`, or a list of codings.

use toml::Value;

use crate::compress::{Coding, Codings};
use crate::config::Checker;

/// The text to write at the key.
const REMEDY: &str =
    "write true, false, or a list of \"zstd\", \"br\" and \"gzip\", the best one first";

impl Checker<'_> {
    /// The codings of a route; none if it does not compress.
    ///
    /// `default` says whether it does where the key is absent: files are the same for everybody, and what
    /// an upstream answers may hold a secret, whose letters the compressed length tells (BREACH).
    pub(super) fn codings(&mut self, at: &str, value: Option<Value>, default: bool) -> Codings {
        match value.unwrap_or(Value::Boolean(default)) {
            Value::Boolean(true) => Codings::ALL,
            Value::Boolean(false) => Codings::default(),
            Value::Array(list) => self.listed_codings(at, &list),
            other => {
                self.problems
                    .push(at, format!("{other} does not fit; {REMEDY}"));
                Codings::default()
            }
        }
    }

    fn listed_codings(&mut self, at: &str, list: &[Value]) -> Codings {
        let mut codings = Codings::default();
        if list.is_empty() {
            let message = "an empty list compresses nothing; write false, or name a coding";
            self.problems.push(at, message);
        }
        for (index, value) in list.iter().enumerate() {
            let key = format!("{at}[{index}]");
            let name = value.as_str();
            let coding = Coding::ALL
                .into_iter()
                .find(|coding| Some(coding.name()) == name);
            match coding {
                None => {
                    let message =
                        format!("{value} is not a coding; write \"zstd\", \"br\" or \"gzip\"");
                    self.problems.push(key, message);
                }
                Some(coding) if !codings.push(coding) => {
                    self.problems
                        .push(key, format!("{value} is in the list already; remove it"));
                }
                Some(_) => {}
            }
        }
        codings
    }
}
