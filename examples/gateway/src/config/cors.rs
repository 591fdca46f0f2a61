//! A table `[cors]`, of all routes or of one.

use same_origin::cors::{CorsBuilder, CorsPolicy};

use super::Checker;
use super::text::problems::join;
use super::text::read::read;

impl Checker<'_> {
    pub(super) fn cors(&mut self, at: &str, table: toml::Table) -> Option<CorsPolicy> {
        let read = read::<CorsBuilder>(table, at, &[], &mut self.problems)?;
        match read.value.build() {
            Ok(policy) => {
                for warning in policy.warnings() {
                    self.warnings.push(join(at, warning.key()), warning);
                }
                Some(policy)
            }
            Err(errors) => {
                for error in &errors {
                    let index = error.index().map(|index| format!("[{index}]"));
                    let key = format!("{}{}", error.key(), index.unwrap_or_default());
                    self.problems.add(join(at, &read.original(&key)), error);
                }
                None
            }
        }
    }
}
