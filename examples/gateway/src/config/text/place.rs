//! The place of a key in the file, and its name for people.

use std::fmt;
use std::ops::Range;

use same_origin::proxy::_key_name;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::problems::join;
use super::written::end_of_quoted;

/// A configuration file, for messages about it.
pub struct Source<'a> {
    /// As it is named in messages.
    name: &'a str,
    text: &'a str,
    tree: Option<Spanned<DeTable<'a>>>,
}

/// A place in the file, as editors and compilers write it: `gateway.toml:12`.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    file: String,
    /// Counted from 1. None for the whole file.
    pub line: Option<usize>,
}

/// A step of a key: `routes[1].prefix` has three.
enum Step<'a> {
    /// In quotes where it is not a bare key.
    Name(&'a str),
    Index(usize),
}

impl<'a> Source<'a> {
    pub fn new(name: &'a str, text: &'a str) -> Self {
        let tree = DeTable::parse(text).ok();
        Self { name, text, tree }
    }

    /// The place of a key, or of the innermost of its tables that there is.
    pub fn place(&self, key: &str) -> Place {
        Place {
            file: self.name.to_owned(),
            line: self.span(key).map(|span| self.line(span.start)),
        }
    }

    /// The place of a byte.
    pub fn place_at(&self, byte: usize) -> Place {
        Place {
            file: self.name.to_owned(),
            line: Some(self.line(byte)),
        }
    }

    /// The key with its route by its prefix, `routes["/api"]`, or counted as people count, `routes[#2]`.
    pub fn name(&self, key: &str) -> String {
        let Some(rest) = key.strip_prefix("routes[") else {
            return key.to_owned();
        };
        let Some((index, rest)) = rest.split_once(']') else {
            return key.to_owned();
        };
        let Ok(index) = index.parse::<usize>() else {
            return key.to_owned();
        };
        let prefix = self.tree.as_ref().and_then(|tree| {
            let routes = tree.get_ref().get("routes")?.get_ref();
            routes
                .get(index)?
                .get_ref()
                .get("prefix")?
                .get_ref()
                .as_str()
        });
        match prefix {
            Some(prefix) => format!("routes[{prefix:?}]{rest}"),
            None => format!("routes[#{}]{rest}", index + 1),
        }
    }

    /// The key of the value that is at a byte, as readers name it.
    pub fn key_at(&self, byte: usize) -> Option<String> {
        let tree = self.tree.as_ref()?.get_ref();
        tree.iter()
            .find_map(|(name, value)| key_below(&_key_name(name.get_ref()), value, byte))
    }

    /// A message with the value that it begins with as it is written in the file: readers tell numbers, durations and
    /// sizes as they have understood them.
    pub fn as_written(&self, key: &str, message: String) -> String {
        let Some(end) = end_of_amount(&message) else {
            return message;
        };
        match self.amount(key) {
            Some(written) => format!("{written}{}", &message[end..]),
            None => message,
        }
    }

    /// The number, the duration or the size that is at a key.
    fn amount(&self, key: &str) -> Option<String> {
        let (_, value, 0) = self.find(key)? else {
            return None;
        };
        match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => {
                self.text.get(value.span()).map(str::to_owned)
            }
            DeValue::String(text) => is_amount(text).then(|| format!("{text:?}")),
            _ => None,
        }
    }

    fn span(&self, key: &str) -> Option<Range<usize>> {
        self.find(key).map(|(span, ..)| span)
    }

    /// The innermost table or value on the way to a key: its place, itself, and the number of steps that are left.
    fn find(&self, key: &str) -> Option<(Range<usize>, &Spanned<DeValue<'a>>, usize)> {
        let mut steps = steps(key);
        let Step::Name(first) = steps.next()? else {
            return None;
        };
        let (name, mut value) = entry(self.tree.as_ref()?.get_ref(), first)?;
        let mut span = name.span();
        while let Some(step) = steps.next() {
            let below = match (step, value.get_ref()) {
                (Step::Name(name), DeValue::Table(table)) => {
                    entry(table, name).map(|(name, value)| (name.span(), value))
                }
                (Step::Index(index), DeValue::Array(list)) => {
                    list.get(index).map(|value| (value.span(), value))
                }
                _ => None,
            };
            let Some((at, below)) = below else {
                return Some((span, value, 1 + steps.count()));
            };
            span = at;
            value = below;
        }
        Some((span, value, 0))
    }

    fn line(&self, byte: usize) -> usize {
        let before = self.text.get(..byte).unwrap_or(self.text);
        1 + before.matches('\n').count()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

/// The key of the value at a byte that is this one, or below it.
fn key_below(key: &str, value: &Spanned<DeValue<'_>>, byte: usize) -> Option<String> {
    match value.get_ref() {
        // A table's span is its head's: what is in it may be elsewhere.
        DeValue::Table(table) => table.iter().find_map(|(name, value)| {
            key_below(&join(key, &_key_name(name.get_ref())), value, byte)
        }),
        DeValue::Array(list) => {
            let mut list = list.iter().enumerate();
            list.find_map(|(index, value)| key_below(&format!("{key}[{index}]"), value, byte))
        }
        _ => value.span().contains(&byte).then(|| key.to_owned()),
    }
}

/// The end of the number, the duration or the size that a message begins with, in quotes or not.
fn end_of_amount(message: &str) -> Option<usize> {
    let (amount, end) = match message.strip_prefix('"') {
        Some(quoted) => {
            let (amount, _) = quoted.split_once('"')?;
            (amount, amount.len() + 2)
        }
        None => {
            let (amount, _) = message.split_once(' ')?;
            (amount, amount.len())
        }
    };
    is_amount(amount).then_some(end)
}

fn is_amount(text: &str) -> bool {
    let unit =
        text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | ' '));
    let is_number = unit.len() < text.len() && unit.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_number || humantime::parse_duration(text).is_ok() || text.parse::<f64>().is_ok()
}

/// The last name of a key: that of a list, for one of its entries.
pub(super) fn last_name(key: &str) -> &str {
    let names = steps(key).filter_map(|step| match step {
        Step::Name(name) => Some(name),
        Step::Index(_) => None,
    });
    names.last().unwrap_or_default()
}

fn steps(key: &str) -> impl Iterator<Item = Step<'_>> {
    let mut rest = key;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(['.', '[']);
        let end = match rest.strip_prefix('"') {
            // A name may hold the signs that divide steps.
            Some(name) => end_of_quoted(name).map(|end| end + 2),
            None => rest.find(['.', '[']),
        };
        let (step, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        let index = step.strip_suffix(']').and_then(|index| index.parse().ok());
        let step = (!step.is_empty()).then_some(step)?;
        Some(index.map_or(Step::Name(step), Step::Index))
    })
}

/// The entry of a table whose name is this step of a key.
fn entry<'t, 'a>(
    table: &'t DeTable<'a>,
    step: &str,
) -> Option<(&'t Spanned<DeString<'a>>, &'t Spanned<DeValue<'a>>)> {
    if step.starts_with('"') {
        return table
            .iter()
            .find(|(name, _)| _key_name(name.get_ref()) == step);
    }
    table.get_key_value(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_the_text_and_named_as_people_name_them() {
        let text = "listen = \"x\"\n\n[cors]\nallow_origins = [\n  \"a\",\n  \"b\",\n]\n\n[[routes]]\nprefix = \"/api\"\n\
                    timeouts = { connect = 1 }\n[[routes]]\nupstream = 1\n[routes.cors]\nmax_age = 1\n";
        let source = Source::new("gateway.toml", text);
        for (key, place, name) in [
            ("listen", "gateway.toml:1", "listen"),
            (
                "cors.allow_origins[1]",
                "gateway.toml:6",
                "cors.allow_origins[1]",
            ),
            ("cors.max_age", "gateway.toml:3", "cors.max_age"),
            (
                "routes[0].timeouts.connect",
                "gateway.toml:11",
                "routes[\"/api\"].timeouts.connect",
            ),
            ("routes[1].prefix", "gateway.toml:12", "routes[#2].prefix"),
            (
                "routes[1].cors.max_age",
                "gateway.toml:15",
                "routes[#2].cors.max_age",
            ),
            ("drain", "gateway.toml", "drain"),
        ] {
            assert_eq!(source.place(key).to_string(), place, "{key}");
            assert_eq!(source.name(key), name, "{key}");
        }
        let broken = Source::new("a", "= nothing");
        assert_eq!(broken.place("listen").to_string(), "a");
    }

    #[test]
    fn values_are_told_as_they_are_written() {
        let text = "a = 0\nb = '1m'\nc = \"2KB\"\nd = 0xff\ne = \"x\"\nf = { g = nan, h = [1, 2.50] }\ni = \"${N}\"\n";
        let source = Source::new("gateway.toml", text);
        for (key, message, told) in [
            ("a", "\"0\" is out of bounds", "0 is out of bounds"),
            ("b", "\"60s\" is too long", "\"1m\" is too long"),
            ("c", "\"2000\" is larger", "\"2KB\" is larger"),
            ("c", "2000 does not fit", "\"2KB\" does not fit"),
            ("d", "255 does not fit", "0xff does not fit"),
            ("f.g", "\"NaN\" is out of bounds", "nan is out of bounds"),
            ("f.h[1]", "2.5 does not fit", "2.50 does not fit"),
            // Any other value is quoted as it is, or masked.
            ("e", "\"x\" is not a size", "\"x\" is not a size"),
            ("e", "\"***\" is not a URL", "\"***\" is not a URL"),
            ("i", "\"0s\" is out of bounds", "\"0s\" is out of bounds"),
            // Nothing stands at these.
            ("f.x", "\"10\" is larger", "\"10\" is larger"),
            ("z", "\"10\" is larger", "\"10\" is larger"),
            ("a", "is missing", "is missing"),
        ] {
            assert_eq!(source.as_written(key, message.to_owned()), told, "{key}");
        }
    }
}
