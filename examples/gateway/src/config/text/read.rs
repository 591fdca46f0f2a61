//! Reads a table into a type and finds every key that does not fit, not only the first.

use same_origin::proxy::_key_name;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use toml::{Table, Value};

use super::problems::{Problems, join};
use super::strict::Strict;
use super::wording::reword;

/// The part of a table that could be read, and the keys that had to be left out of it.
pub struct Read<T> {
    pub value: T,
    pub left_out: LeftOut,
}

/// The keys that had to be left out of a table.
pub struct LeftOut(Vec<String>);

/// Reads a table that stands at a key. Each key that does not fit is a problem and is left out, and the rest is read
/// again. `None` if what is left is not a `T`.
///
/// `beside` are the keys that may stand there too, and are read elsewhere.
pub fn read<T: DeserializeOwned>(
    mut table: Table,
    at: &str,
    beside: &[&str],
    problems: &mut Problems,
) -> Option<Read<T>> {
    let mut left_out = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize(Strict(Value::Table(table.clone()))) {
            Ok(value) => {
                let left_out = LeftOut(left_out);
                return Some(Read { value, left_out });
            }
            Err(error) => error,
        };
        let path = error.path();
        let key = original(&text(path), &left_out);
        // A key that was left out for an earlier problem is missing now; that is not another problem.
        let stale = |out: &String| {
            let name = out.rsplit('.').next().unwrap_or(out);
            join(&key, name) == *out && error.inner().message() == format!("missing field `{name}`")
        };
        let is_stale = left_out.iter().any(stale);
        let removed = remove(&mut table, path);
        if !is_stale {
            let at = join(at, &key);
            let mut message = error.inner().message().to_owned();
            if path.iter().len() == 1 && message.starts_with("unknown field") {
                message.extend(beside.iter().map(|key| format!(", `{key}`")));
            }
            problems.push(at.clone(), reword(&at, removed.as_ref(), &message));
        }
        removed?;
        left_out.push(key);
    }
}

impl<T> Read<T> {
    /// A key of the value as it was before elements were left out of a list.
    pub fn original(&self, key: &str) -> String {
        self.left_out.original(key)
    }
}

impl LeftOut {
    /// A key as it was before elements were left out of a list.
    pub fn original(&self, key: &str) -> String {
        original(key, &self.0)
    }
}

/// Counts the elements of a list that were left out into the indices behind them.
fn original(key: &str, left_out: &[String]) -> String {
    let mut found = String::new();
    for part in key.split_inclusive(']') {
        let Some((list, index)) = part.split_once('[') else {
            found.push_str(part);
            continue;
        };
        found.push_str(list);
        let Some(mut index) = index.strip_suffix(']').and_then(|index| index.parse().ok()) else {
            found.push_str(&part[list.len()..]);
            continue;
        };
        let mut gaps: Vec<usize> = left_out
            .iter()
            .filter_map(|out| {
                out.strip_prefix(&found)?
                    .strip_prefix('[')?
                    .strip_suffix(']')?
                    .parse()
                    .ok()
            })
            .collect();
        gaps.sort_unstable();
        for gap in gaps {
            index += usize::from(gap <= index);
        }
        found.push_str(&format!("[{index}]"));
    }
    found
}

/// A path as a key; empty for the table itself.
fn text(path: &Path) -> String {
    path.iter()
        .fold(String::new(), |key, segment| match segment {
            Segment::Seq { index } => format!("{key}[{index}]"),
            Segment::Map { key: name } => join(&key, &_key_name(name)),
            segment => join(&key, &segment.to_string()),
        })
}

/// Takes the value at a path out. `None` for the table itself, or if there is none.
fn remove(table: &mut Table, path: &Path) -> Option<Value> {
    let mut steps = path.iter();
    let last = steps.next_back()?;
    let mut place: Option<&mut Value> = None;
    for step in steps {
        place = match (place, step) {
            (None, Segment::Map { key }) => table.get_mut(key),
            (Some(Value::Table(table)), Segment::Map { key }) => table.get_mut(key),
            (Some(Value::Array(list)), Segment::Seq { index }) => list.get_mut(*index),
            _ => return None,
        };
    }
    match (place, last) {
        (None, Segment::Map { key }) => table.remove(key),
        (Some(Value::Table(table)), Segment::Map { key }) => table.remove(key),
        (Some(Value::Array(list)), Segment::Seq { index }) if *index < list.len() => {
            Some(list.remove(*index))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        list: Option<Vec<String>>,
        inner: Option<Inner>,
        number: Option<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        needed: bool,
        #[serde(default)]
        also: u8,
    }

    fn problems_of(text: &str) -> (String, Option<Read<Outer>>) {
        let mut problems = Problems::default();
        let read = read(toml::from_str(text).unwrap(), "at", &[], &mut problems);
        (problems.to_string(), read)
    }

    #[test]
    fn every_problem_is_found_and_the_rest_is_read() {
        let (problems, read) = problems_of(
            "list = ['a', 1, 'b', true, 'c']\nnumber = 300\nextra = 1\ninner = { needed = 1, also = 'x', odd = 2 }",
        );
        let keys: Vec<_> = problems
            .lines()
            .map(|line| line.split(": ").next().unwrap())
            .collect();
        for key in [
            "at.list[1]",
            "at.list[3]",
            "at.number",
            "at.extra",
            "at.inner.needed",
            "at.inner.also",
            "at.inner.odd",
        ] {
            assert!(keys.contains(&key), "{key} in {problems}");
        }
        assert_eq!(keys.len(), 7, "{problems}");
        let read = read.unwrap();
        assert_eq!(
            read.value.list.as_deref(),
            Some(&["a", "b", "c"].map(String::from)[..])
        );
        assert!(read.value.number.is_none() && read.value.inner.is_none());
        assert_eq!(read.original("list[2]"), "list[4]");
        assert_eq!(read.original("list[0]"), "list[0]");
    }

    #[test]
    fn a_list_is_not_a_table() {
        let (problems, read) = problems_of("inner = [true, 1]");
        assert_eq!(
            problems,
            "at.inner: a list does not fit; write a table: [inner], with its keys below"
        );
        assert!(read.unwrap().value.inner.is_none());
    }

    #[test]
    fn what_is_missing_is_named_at_its_table() {
        let (problems, _) = problems_of("inner = { also = 1 }");
        assert_eq!(problems, "at.inner: missing field `needed`");
    }

    #[test]
    fn a_good_table_has_no_problem() {
        let (problems, read) = problems_of("list = ['a']\ninner = { needed = true }");
        assert_eq!(problems, "");
        let inner = read.unwrap().value.inner.unwrap();
        assert!(inner.needed && inner.also == 0);
    }
}
