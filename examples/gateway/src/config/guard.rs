//! The guard: the table `[guard]`, and what a route says instead of it.

use same_origin::cors::CorsPolicy;
use same_origin::guard::{Guard, GuardBuilder, Mode};
use toml::{Table, Value};

use super::Checker;
use super::text::given;
use super::text::problems::join;
use super::text::read::{Read, read};

/// The guard of a route before its CORS policy is known.
#[derive(Clone)]
pub(super) struct Guarding {
    builder: GuardBuilder,
    /// The list of the hosts that are answered, which holds for files as for everything else.
    hosts: Option<Value>,
}

impl Guarding {
    /// Whether only some hosts are answered.
    pub(super) fn names_hosts(&self) -> bool {
        self.hosts.is_some()
    }
}

impl Checker<'_> {
    /// The settings at a route's key. Nothing of the file's table holds beside them, which opens the route to all
    /// hosts where they name none.
    pub(super) fn guarding_of_route(
        &mut self,
        at: &str,
        value: Option<Value>,
        global: Option<&Guarding>,
    ) -> Option<Guarding> {
        let is_off = value == Some(Value::Boolean(false));
        let own = self.guarding(at, value, global.cloned());
        let hosts = global.and_then(|global| global.hosts.as_ref());
        if let Some(hosts) = hosts.filter(|_| !own.as_ref().is_some_and(Guarding::names_hosts)) {
            let remedy = if is_off {
                format!("to answer the hosts of [guard] alone, write guard = {{ hosts = {hosts} }}")
            } else {
                format!("write hosts = {hosts} here, too")
            };
            let message = format!(
                "this route answers all hosts, for `hosts` of [guard] does not hold beside a route's own `guard`; {remedy}"
            );
            self.warnings.push(at, message);
        }
        own
    }

    /// The settings at a key: a table, `false`, or nothing, which is `absent`.
    pub(super) fn guarding(
        &mut self,
        at: &str,
        value: Option<Value>,
        absent: Option<Guarding>,
    ) -> Option<Guarding> {
        let table = match value {
            None => return absent,
            Some(Value::Boolean(false)) => return None,
            Some(Value::Boolean(true)) => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                let given = given(&other);
                let message = format!(
                    "{given} does not fit; write a table of the guard's keys, or `false` for no guard here"
                );
                self.problems.push(at, message);
                return absent;
            }
        };
        let hosts = table.get("hosts").cloned();
        // One that cannot be made is not one that is switched off, about which others would complain.
        let Some(read) = read::<GuardBuilder>(table, at, &[], &mut self.problems) else {
            return absent;
        };
        let builder = read.value.clone().default_mode(Mode::Credentials);
        let Some(guard) = self.built_guard(at, &builder, Some(&read)) else {
            return absent;
        };
        for warning in guard.warnings() {
            self.warnings.push(join(at, warning.key()), warning);
        }
        Some(Guarding { builder, hosts })
    }

    /// The guard of a route: the origins that its policy allows with credentials are trusted there.
    pub(super) fn guard(
        &mut self,
        at: &str,
        guarding: &Guarding,
        cors: Option<&CorsPolicy>,
    ) -> Option<Guard> {
        let Some(policy) = cors else {
            return self.built_guard(at, &guarding.builder, None);
        };
        let builder = guarding.builder.clone().trust_cors(policy);
        let guard = self.built_guard(at, &builder, None)?;
        for warning in guard.disagreements(policy) {
            // Routes share settings, and what is wrong with them is said once.
            self.warnings.push_once(at, warning);
        }
        Some(guard)
    }

    fn built_guard(
        &mut self,
        at: &str,
        builder: &GuardBuilder,
        read: Option<&Read<GuardBuilder>>,
    ) -> Option<Guard> {
        match builder.build() {
            Ok(guard) => Some(guard),
            Err(errors) => {
                for error in &errors {
                    let index = error.index().map(|index| format!("[{index}]"));
                    let key = format!("{}{}", error.key(), index.unwrap_or_default());
                    let key = read.map_or(key.clone(), |read| read.original(&key));
                    self.problems.add(join(at, &key), error);
                }
                None
            }
        }
    }
}

impl Default for Guarding {
    /// As it is where nothing is said: on, for what bears a browser's credentials.
    fn default() -> Self {
        Self {
            builder: Guard::builder().default_mode(Mode::Credentials),
            hosts: None,
        }
    }
}
