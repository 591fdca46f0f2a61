//! The response cache of a route: `cache = true`, or a table of its settings.

use crate::config::Checker;
use crate::config::text::given;
use crate::config::text::problems::join;
use crate::config::text::read::read;
use same_origin::cache::{Cache, CacheBuilder};
use toml::{Table, Value};

impl Checker<'_> {
    pub(super) fn cache(&mut self, at: &str, value: Option<Value>) -> Option<Cache> {
        let table = match value {
            None | Some(Value::Boolean(false)) => return None,
            Some(Value::Boolean(true)) => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                let given = given(&other);
                let message = format!(
                    "{given} does not fit; write `true`, or a table like {{ size = \"64MB\", object = \"1MB\" }}"
                );
                self.problems.push(at, message);
                return None;
            }
        };
        let read = read::<CacheBuilder>(table, at, &[], &mut self.problems)?;
        match read.value.clone().build() {
            Ok(cache) => Some(cache),
            Err(errors) => {
                for error in &errors {
                    self.problems.add(join(at, error.key()), error);
                }
                None
            }
        }
    }
}
