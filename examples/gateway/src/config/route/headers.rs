//! Fields of answers: those of a route of files, and those that are CORS's own.

use std::collections::BTreeMap;

use same_origin::proxy::{_ResponseEdits, _key_name};
use toml::{Table, Value};

use crate::config::Checker;
use crate::config::text::problems::join;
use crate::config::text::read::{LeftOut, read};
use crate::files::{HeaderRule, HeaderRules, PathPattern};

const SET: &str = "set_response_headers";
const REMOVE: &str = "remove_response_headers";

impl Checker<'_> {
    /// Refuses changes of the fields that the policy of a route writes: they would undo it for every page.
    pub(super) fn keep_cors(&mut self, at: &str, table: &Table) {
        let remedy =
            "[cors] writes this field here; change it there, or write `cors = false` in this route";
        let is_written = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.starts_with("access-control-")
        };
        let removed = table.get(REMOVE).and_then(Value::as_array);
        for (index, name) in removed.into_iter().flatten().enumerate() {
            let Some(name) = name.as_str() else { continue };
            if is_written(name) || name.eq_ignore_ascii_case("vary") {
                let key = format!("{REMOVE}[{index}]");
                self.problems
                    .push(join(at, &key), format!("{name:?}: {remedy}"));
            }
        }
        let tables: Vec<(String, &Table)> = match table.get(SET) {
            Some(Value::Table(fields)) => vec![(SET.to_owned(), fields)],
            Some(Value::Array(list)) => list
                .iter()
                .enumerate()
                .filter_map(|(index, fields)| Some((format!("{SET}[{index}]"), fields.as_table()?)))
                .collect(),
            Some(_) | None => Vec::new(),
        };
        for (key, fields) in tables {
            for name in fields.keys().filter(|name| is_written(name)) {
                let key = join(&key, &_key_name(name));
                self.problems
                    .push(join(at, &key), format!("{name:?}: {remedy}"));
            }
        }
    }

    /// The rules of a route of files.
    pub(super) fn header_rules(
        &mut self,
        at: &str,
        prefix: &str,
        remove: Option<&[String]>,
        set: Option<Value>,
        left_out: &LeftOut,
    ) -> HeaderRules {
        let mut rules = Vec::new();
        if let Some(remove) = remove {
            let edits = _ResponseEdits::new(remove, &BTreeMap::new());
            let edits = self.built(at, edits, |key| left_out.original(key));
            rules.extend(edits.map(|edits| HeaderRule { paths: None, edits }));
        }
        match set {
            None => {}
            // A field of this name would go to everybody, and the others to all paths.
            Some(Value::Table(fields)) if is_for_a_path(&fields) => {
                let message = format!(
                    "for some paths alone write a list of tables: [{}]",
                    Value::Table(fields)
                );
                self.problems
                    .push(join(at, &format!("{SET}.path")), message);
            }
            Some(Value::Table(mut fields)) => {
                self.not_paths(at, SET, &mut fields);
                rules.extend(self.header_rule(at, SET, None, fields));
            }
            Some(Value::Array(list)) => {
                for (index, value) in list.into_iter().enumerate() {
                    let key = format!("{SET}[{index}]");
                    rules.extend(self.listed_rule(at, &key, prefix, value));
                }
            }
            Some(other) => {
                let message = format!(
                    "{other} does not fit; write a table: {{ cache-control = \"no-cache\" }}, or a list of such tables"
                );
                self.problems.push(join(at, SET), message);
            }
        }
        rules.into()
    }

    /// A table of a list, which may be for some paths alone.
    fn listed_rule(
        &mut self,
        at: &str,
        key: &str,
        prefix: &str,
        value: Value,
    ) -> Option<HeaderRule> {
        let Value::Table(mut fields) = value else {
            let message = format!(
                "{value} does not fit; write a table: {{ path = \"/assets/*\", cache-control = \"no-cache\" }}"
            );
            self.problems.push(join(at, key), message);
            return None;
        };
        let paths = match fields.remove("path") {
            None => Some(None),
            Some(path) => {
                let pattern = path.as_str().and_then(PathPattern::parse);
                let below = prefix.trim_end_matches('/');
                match pattern.filter(|pattern| pattern.meets(below)) {
                    Some(pattern) => Some(Some(pattern)),
                    None => {
                        let message = format!(
                            "{path} is not a path of this route; write \"{below}/index.html\", or \"{below}/assets/*\" for what is below it"
                        );
                        self.problems
                            .push(join(at, &format!("{key}.path")), message);
                        None
                    }
                }
            }
        };
        self.not_paths(at, key, &mut fields);
        if fields.is_empty() {
            let message = "no field is set; write one, such as cache-control = \"no-cache\"";
            self.problems.push(join(at, key), message);
        }
        // The fields are read whether or not the path can be.
        let rule = self.header_rule(at, key, None, fields);
        rule.zip(paths)
            .map(|(rule, paths)| HeaderRule { paths, ..rule })
    }

    /// Refuses a `Path`, which would be a field of the answer, and that for all paths.
    fn not_paths(&mut self, at: &str, key: &str, fields: &mut Table) {
        fields.retain(|name, value| {
            let is_path = name.eq_ignore_ascii_case("path") && name != "path";
            if is_path {
                let message = format!("unknown key {name:?}; write path = {value}, in lower case");
                self.problems
                    .push(join(at, &format!("{key}.{name}")), message);
            }
            !is_path
        });
    }

    fn header_rule(
        &mut self,
        at: &str,
        key: &str,
        paths: Option<PathPattern>,
        fields: Table,
    ) -> Option<HeaderRule> {
        let read =
            read::<BTreeMap<String, String>>(fields, &join(at, key), &[], &mut self.problems)?;
        let edits = _ResponseEdits::new(&[], &read.value);
        let edits = self.built(at, edits, |known| known.replacen(SET, key, 1))?;
        Some(HeaderRule { paths, edits })
    }
}

/// Whether a table of fields has one that is meant to say for which paths they are.
fn is_for_a_path(fields: &Table) -> bool {
    let path = fields.get("path").and_then(Value::as_str);
    path.is_some_and(|path| path.starts_with('/'))
}
