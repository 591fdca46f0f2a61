//! Environment variables in the file, by name: `${API_URL}`, `listen = "0.0.0.0:${PORT}"`.
//!
//! They are put in when TOML has been parsed, into text alone, so that a value is one text whatever is in it:
//! put into the file before that, a quote in a password would end its text, and a line break begin a new key.
//! A value is put in once and not looked through again.

use super::problems::{Problems, join};
use std::env::VarError;
use toml::{Table, Value};

/// Puts the variables in, and gives the keys of texts in which one is missing. They stay as they are.
pub fn put_in(
    table: &mut Table,
    variable: &dyn Fn(&str) -> Result<String, VarError>,
    problems: &mut Problems,
) -> Vec<String> {
    let mut pass = Pass {
        variable,
        problems,
        failed: Vec::new(),
    };
    for (key, value) in table {
        pass.value(key, value);
    }
    pass.failed
}

struct Pass<'a> {
    variable: &'a dyn Fn(&str) -> Result<String, VarError>,
    problems: &'a mut Problems,
    failed: Vec<String>,
}

impl Pass<'_> {
    fn value(&mut self, key: &str, value: &mut Value) {
        match value {
            Value::String(text) => self.text(key, text),
            Value::Array(list) => {
                for (index, value) in list.iter_mut().enumerate() {
                    self.value(&format!("{key}[{index}]"), value);
                }
            }
            Value::Table(table) => {
                for (name, value) in table {
                    self.value(&join(key, name), value);
                }
            }
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
        }
    }

    fn text(&mut self, key: &str, text: &mut String) {
        if !text.contains('$') {
            return;
        }
        match filled(text, self.variable) {
            Ok(filled) => *text = filled,
            Err(messages) => {
                for message in messages {
                    self.problems.push(key, message);
                }
                self.failed.push(key.to_owned());
            }
        }
    }
}

/// The text with its variables put in, or everything that is wrong with it.
///
/// `$$` is a dollar sign, and `${` begins a variable. Any other dollar sign is one: paths of upstreams have them
/// (`/$web`), and `$1` or `$host`, which are other servers' variables, are refused where an upstream is read.
fn filled(
    text: &str,
    variable: &dyn Fn(&str) -> Result<String, VarError>,
) -> Result<String, Vec<String>> {
    let mut found = String::with_capacity(text.len());
    let mut wrong = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        found.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            found.push('$');
            after
        } else if let Some(inside) = after.strip_prefix('{') {
            let Some((name, after)) = inside.split_once('}') else {
                wrong.push(format!(
                    "{text:?}: \"${{\" is not closed; write \"${{NAME}}\" for an environment variable, or \"$${{\" for the two characters"
                ));
                return Err(wrong);
            };
            match value(name, variable) {
                Ok(value) => found.push_str(&value),
                Err(message) => wrong.push(message),
            }
            after
        } else {
            found.push('$');
            after
        };
    }
    found.push_str(rest);
    if wrong.is_empty() {
        Ok(found)
    } else {
        Err(wrong)
    }
}

fn value(
    name: &str,
    variable: &dyn Fn(&str) -> Result<String, VarError>,
) -> Result<String, String> {
    // POSIX.1-2017 8.1. To take more would take shells' `${NAME:-default}` for a name.
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(is_word)
    {
        return Err(format!(
            "\"${{{name}}}\" does not name an environment variable; write letters, digits and _ only, as in \"${{API_URL}}\", or \"$${{\" for the two characters"
        ));
    }
    variable(name).map_err(|error| match error {
        VarError::NotPresent => format!(
            "the environment variable {name} is not set; set it, or write \"$${{{name}}}\" for the text \"${{{name}}}\""
        ),
        VarError::NotUnicode(_) => {
            format!("the environment variable {name} is not text in UTF-8; set it to one")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Result<String, VarError> {
        match name {
            "PORT" => Ok("8080".to_owned()),
            "_A1" => Ok("${PORT} $$ \"\nlisten = 1".to_owned()),
            "EMPTY" => Ok(String::new()),
            "BYTES" => Err(VarError::NotUnicode("x".into())),
            _ => Err(VarError::NotPresent),
        }
    }

    #[test]
    fn variables_are_put_in_and_dollar_signs_kept() {
        for (text, found) in [
            ("0.0.0.0:${PORT}", Ok("0.0.0.0:8080")),
            ("${PORT}${PORT}-${EMPTY}", Ok("80808080-")),
            ("${_A1}", Ok("${PORT} $$ \"\nlisten = 1")),
            ("$$", Ok("$")),
            ("$${PORT}", Ok("${PORT}")),
            ("$$${PORT}", Ok("$8080")),
            ("http://a.example/$web", Ok("http://a.example/$web")),
            ("$", Ok("$")),
            ("a$1$host$ {PORT}", Ok("a$1$host$ {PORT}")),
            ("${GONE}", Err("variable GONE is not set")),
            ("${BYTES}", Err("variable BYTES is not text")),
            ("${", Err("is not closed")),
            ("x ${PORT", Err("is not closed")),
            ("${}", Err("does not name")),
            ("${1A}", Err("does not name")),
            ("${PORT:-80}", Err("does not name")),
            ("${ PORT }", Err("does not name")),
            ("${PÖRT}", Err("does not name")),
        ] {
            match (filled(text, &variable), found) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{text}"),
                (Err(found), Err(words)) => assert!(found[0].contains(words), "{text}: {found:?}"),
                (found, wanted) => panic!("{text}: {found:?}, not {wanted:?}"),
            }
        }
    }

    #[test]
    fn every_text_is_looked_through_and_every_key_is_named() {
        let text = "a = '${ONE}${TWO}'\nb = ['$$', '${PORT}', { c = '${THREE}' }]\nd = 1\n'${PORT}' = 'key'";
        let mut table: Table = text.parse().unwrap();
        let mut problems = Problems::default();
        let failed = put_in(&mut table, &variable, &mut problems);
        assert_eq!(failed, ["a", "b[2].c"]);
        let lines: Vec<_> = problems.lines().collect();
        assert_eq!(lines.len(), 3, "{problems}");
        for (line, words) in lines.iter().zip([
            "a: the environment variable ONE",
            "a: the environment variable TWO",
            "b[2].c: ",
        ]) {
            assert!(line.starts_with(words), "{line}");
        }
        assert_eq!(table["b"][0].as_str(), Some("$"));
        assert_eq!(table["b"][1].as_str(), Some("8080"));
        assert!(table.contains_key("${PORT}"));
    }
}
