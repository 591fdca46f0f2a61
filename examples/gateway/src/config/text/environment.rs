//! Environment variables in the file, by name: `${API_URL}`, `listen = "0.0.0.0:${PORT}"`.
//!
//! They are put in when TOML has been parsed, into text alone, so that a value is one text whatever is in it:
//! put into the file before that, a quote in a password would end its text, and a line break begin a new key.
//! A value is put in once and not looked through again.

use std::env::VarError;

use same_origin::proxy::_key_name;
use toml::{Table, Value};

use super::problems::{Problems, join};

/// A text that is another one than the file has.
#[derive(Debug, Default)]
pub struct Filled {
    pub key: String,
    /// As it stands in the file.
    pub written: String,
    pub text: String,
    /// The text with `%24` for each dollar sign that is one for sure: it was written as `$$`, or is a variable's.
    pub marked: String,
    /// The variables, each with its value.
    pub variables: Vec<(String, String)>,
}

/// A value that cannot be as it is written, such as a text in which a variable is missing.
#[derive(Debug)]
pub struct Failed {
    pub key: String,
    pub written: String,
}

/// Puts the variables in, and gives the texts that are changed by it and those that could not be.
pub fn put_in(
    table: &mut Table,
    variable: &dyn Fn(&str) -> Result<String, VarError>,
    problems: &mut Problems,
) -> (Vec<Filled>, Vec<Failed>) {
    let mut pass = Pass {
        variable,
        problems,
        filled: Vec::new(),
        failed: Vec::new(),
    };
    for (key, value) in table {
        pass.value(&_key_name(key), value);
    }
    (pass.filled, pass.failed)
}

struct Pass<'a> {
    variable: &'a dyn Fn(&str) -> Result<String, VarError>,
    problems: &'a mut Problems,
    filled: Vec<Filled>,
    failed: Vec<Failed>,
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
                    self.value(&join(key, &_key_name(name)), value);
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
            Ok(found) if found.text == *text => {}
            Ok(found) => {
                let written = std::mem::replace(text, found.text.clone());
                let key = key.to_owned();
                self.filled.push(Filled {
                    key,
                    written,
                    ..found
                });
            }
            Err(messages) => {
                for message in messages {
                    self.problems.push(key, message);
                }
                self.failed.push(Failed {
                    key: key.to_owned(),
                    written: text.clone(),
                });
            }
        }
    }
}

/// The text with its variables put in, still without its key, or everything that is wrong with it.
///
/// `$$` is a dollar sign, and `${` begins a variable. Any other dollar sign is one: paths of upstreams have them
/// (`/$web`), and `$1` or `$host`, which are other servers' variables, are refused where an upstream is read.
fn filled(
    text: &str,
    variable: &dyn Fn(&str) -> Result<String, VarError>,
) -> Result<Filled, Vec<String>> {
    let mut found = Filled::default();
    let mut wrong = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        found.push(before, false);
        rest = if let Some(after) = after.strip_prefix('$') {
            found.push("$", true);
            after
        } else if let Some(inside) = after.strip_prefix('{') {
            let Some((name, after)) = inside.split_once('}') else {
                // The text is not shown: a password may stand in it.
                wrong.push(
                    "\"${\" is not closed; write \"${NAME}\" for an environment variable, or \"$${\" for the two characters"
                        .to_owned(),
                );
                return Err(wrong);
            };
            match value(name, variable) {
                Ok(value) => {
                    found.push(&value, true);
                    found.variables.push((name.to_owned(), value));
                }
                Err(message) => wrong.push(message),
            }
            after
        } else {
            found.push("$", false);
            after
        };
    }
    found.push(rest, false);
    if wrong.is_empty() {
        Ok(found)
    } else {
        Err(wrong)
    }
}

impl Filled {
    /// Adds a part, whose dollar signs may be known to be nothing else.
    fn push(&mut self, part: &str, is_plain: bool) {
        self.text.push_str(part);
        if is_plain {
            self.marked.push_str(&part.replace('$', "%24"));
        } else {
            self.marked.push_str(part);
        }
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
                (Ok(found), Ok(wanted)) => assert_eq!(found.text, wanted, "{text}"),
                (Err(found), Err(words)) => assert!(found[0].contains(words), "{text}: {found:?}"),
                (found, wanted) => panic!("{text}: {found:?}, not {wanted:?}"),
            }
        }
    }

    #[test]
    fn plain_dollar_signs_are_known() {
        for (text, marked) in [
            ("http://a/$$host/$1", "http://a/%24host/$1"),
            ("http://a/$$$host", "http://a/%24$host"),
            (
                "http://a/${_A1}",
                "http://a/%24{PORT} %24%24 \"\nlisten = 1",
            ),
        ] {
            assert_eq!(filled(text, &variable).unwrap().marked, marked, "{text}");
        }
    }

    #[test]
    fn every_text_is_looked_through_and_every_key_is_named() {
        let text = "a = '${ONE}${TWO}'\nb = ['$$', '${PORT}', { c = '${THREE}' }]\nd = 1\n'${PORT}' = 'key'";
        let mut table: Table = text.parse().unwrap();
        let mut problems = Problems::default();
        let (filled, failed) = put_in(&mut table, &variable, &mut problems);
        let failed: Vec<_> = failed.iter().map(|text| text.key.as_str()).collect();
        assert_eq!(failed, ["a", "b[2].c"]);
        let filled: Vec<_> = filled.iter().map(|text| text.key.as_str()).collect();
        assert_eq!(filled, ["b[0]", "b[1]"]);
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
