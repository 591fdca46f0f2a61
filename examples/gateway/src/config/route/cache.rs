//! The response cache of a route: `cache = true`, or a table of its settings.

use same_origin::cache::{Cache, CacheBuilder};
use toml::{Table, Value};

use crate::config::Checker;
use crate::config::text::given;
use crate::config::text::problems::join;
use crate::config::text::read::read;

impl Checker<'_> {
    /// The cache of the route with this prefix. It hears of the changes that go through the one before it.
    pub(super) fn cache(
        &mut self,
        at: &str,
        value: Option<Value>,
        prefix: Option<&str>,
    ) -> Option<Cache> {
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
        let before = prefix.and_then(|prefix| self.before.cache(prefix));
        let built = match before {
            Some(before) => read.value.build_in_place_of(before),
            None => read.value.build(),
        };
        match built {
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
