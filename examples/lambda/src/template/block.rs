//! One block, read key by key into the settings of a policy.

use std::time::Duration;

use same_origin::cors::{Any, CorsBuilder, CorsPolicy, PolicyError, PolicyErrorKind};

use super::node::{Node, Value};
use super::pattern;
use super::places::{Kind, Place};
use super::problem::Problem;
use super::remedy;
use super::values::{self, Member};

/// A CORS block of a template.
#[derive(Clone, Debug)]
pub struct Block {
    path: String,
    line: usize,
    settings: CorsBuilder,
    policy: CorsPolicy,
}

impl Block {
    /// The way to it from the template's root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its line in the template, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// Its settings, which can be built, or added to.
    pub fn settings(&self) -> &CorsBuilder {
        &self.settings
    }

    /// Its policy.
    #[must_use]
    pub fn policy(&self) -> &CorsPolicy {
        &self.policy
    }
}

/// The settings that a block gives, and where each stands.
#[derive(Debug, Default)]
struct Found {
    origins: Vec<Member>,
    methods: Vec<Member>,
    headers: Vec<Member>,
    exposed: Vec<Member>,
    max_age: Option<u64>,
    credentials: bool,
    /// An origin is written that could not be read, so that its absence is not a mistake.
    has_unread_origins: bool,
}

/// The table: a key, the ways of writing a block that have it, and its setting here.
const KEYS: [(&str, &[Kind], Setting); 7] = {
    const ALL: &[Kind] = &[Kind::Quoted, Kind::Http, Kind::FunctionUrl];
    const LISTS: &[Kind] = &[Kind::Http, Kind::FunctionUrl];
    [
        ("AllowOrigin", &[Kind::Quoted], Setting::Origins),
        ("AllowOrigins", LISTS, Setting::Origins),
        ("AllowMethods", ALL, Setting::Methods),
        ("AllowHeaders", ALL, Setting::Headers),
        ("ExposeHeaders", LISTS, Setting::Exposed),
        ("MaxAge", ALL, Setting::MaxAge),
        ("AllowCredentials", ALL, Setting::Credentials),
    ]
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Origins,
    Methods,
    Headers,
    Exposed,
    MaxAge,
    Credentials,
}

impl Setting {
    /// The name of the setter.
    fn ours(self) -> &'static str {
        match self {
            Self::Origins => "allow_origins",
            Self::Methods => "allow_methods",
            Self::Headers => "allow_headers",
            Self::Exposed => "expose_headers",
            Self::MaxAge => "max_age",
            Self::Credentials => "allow_credentials",
        }
    }
}

/// Reads a block; `None` where it is switched off, or has problems.
pub(super) fn read(place: &Place<'_>, problems: &mut Vec<Problem>) -> Option<Block> {
    let Place {
        path, block, kind, ..
    } = place;
    let before = problems.len();
    let value = block.value();
    if place.is_off(&value) {
        return None;
    }
    let mut found = match (kind, value) {
        (_, Value::Map(pairs)) => from_map(block, &pairs, *kind, problems),
        // SAM takes one text in the place of a block for the origin.
        (Kind::Quoted, Value::Text(_) | Value::Unknown(_)) => {
            let mut found = Found::default();
            found.read_origins(block, *kind, problems);
            found.methods = methods_of_sam(block);
            found
        }
        (Kind::Http, Value::Bool(true)) => Found {
            origins: vec![like(block, "*")],
            ..Found::default()
        },
        (_, value @ Value::Unknown(_)) => {
            problems.push(values::unknown(block, &value));
            return None;
        }
        (_, value) => {
            let problem = Problem::new(
                block.line,
                &block.key,
                "is not a CORS block",
                "write its keys",
            );
            problems.push(problem.with_value(value.shown()));
            return None;
        }
    };
    let before_origins = problems.len();
    pattern::refuse(&mut found.origins, *kind, found.credentials, problems);
    found.has_unread_origins |= problems.len() > before_origins;
    let settings = found.settings();
    match settings.build() {
        Ok(policy) => (problems.len() == before).then(|| Block {
            path: path.clone(),
            line: block.line,
            settings,
            policy,
        }),
        Err(errors) => {
            let is_follow_up = |error: &PolicyError| {
                found.has_unread_origins && matches!(error.kind(), PolicyErrorKind::NoOrigins)
            };
            let errors = errors.iter().filter(|error| !is_follow_up(error));
            problems.extend(errors.map(|error| found.problem(place, error)));
            None
        }
    }
}

fn from_map(
    block: &Node<'_>,
    pairs: &[(&str, Node<'_>)],
    kind: Kind,
    problems: &mut Vec<Problem>,
) -> Found {
    let mut found = Found::default();
    for (name, node) in pairs {
        let row = KEYS
            .iter()
            .find(|(key, kinds, _)| key == name && kinds.contains(&kind));
        let Some((.., setting)) = row else {
            // Of another block, or in other letters.
            found.has_unread_origins |= name.to_ascii_lowercase().starts_with("alloworigin");
            problems.push(unknown_key(name, node, kind));
            continue;
        };
        match setting {
            Setting::Origins => found.read_origins(node, kind, problems),
            Setting::Methods => {
                found.methods = values::list(node, kind, &values::METHODS, problems);
                // A front door lists the method of preflights, which a page cannot ask for.
                found.methods.retain(|member| member.text != "OPTIONS");
            }
            Setting::Headers => {
                found.headers = values::list(node, kind, &values::HEADERS, problems)
            }
            Setting::Exposed => {
                found.exposed = values::list(node, kind, &values::HEADERS, problems)
            }
            Setting::MaxAge => found.max_age = values::seconds(node, kind, problems),
            Setting::Credentials => found.credentials = values::switch(node, problems),
        }
    }
    // SAM's defaults for a REST API.
    let has = |name: &str| pairs.iter().any(|(key, _)| *key == name);
    if kind == Kind::Quoted {
        if !has("AllowOrigin") && !found.has_unread_origins {
            found.origins = vec![like(block, "*")];
        }
        if !has("AllowMethods") {
            found.methods = methods_of_sam(block);
        }
    }
    found
}

fn unknown_key(name: &str, node: &Node<'_>, kind: Kind) -> Problem {
    let known = KEYS.iter().filter(|(_, kinds, _)| kinds.contains(&kind));
    let known: Vec<_> = known.map(|(key, ..)| *key).collect();
    let meant = known.iter().find(|key| key.eq_ignore_ascii_case(name));
    let remedy = match meant {
        Some(key) => format!("write {key}"),
        None => format!("write one of {}", known.join(", ")),
    };
    Problem::new(node.line, &node.key, "is not a key of this block", &remedy)
}

/// The methods that SAM adds where none are written: those of the paths, which can be all of these.
fn methods_of_sam(block: &Node<'_>) -> Vec<Member> {
    ["DELETE", "PATCH", "PUT"]
        .map(|method| like(block, method))
        .to_vec()
}

fn like(node: &Node<'_>, text: &str) -> Member {
    Member {
        text: text.to_owned(),
        key: node.key.clone(),
        line: node.line,
    }
}

impl Found {
    fn read_origins(&mut self, node: &Node<'_>, kind: Kind, problems: &mut Vec<Problem>) {
        let before = problems.len();
        self.origins = match kind {
            Kind::Quoted => values::origin(node, problems),
            Kind::Http | Kind::FunctionUrl => values::list(node, kind, &values::ORIGIN, problems),
        };
        self.has_unread_origins |= problems.len() > before;
    }

    fn settings(&self) -> CorsBuilder {
        let texts = |members: &[Member]| -> Vec<String> {
            members.iter().map(|member| member.text.clone()).collect()
        };
        let is_any = |members: &[Member]| matches!(members, [one] if one.text == "*");
        let mut settings = CorsPolicy::builder().allow_credentials(self.credentials);
        settings = match is_any(&self.origins) {
            true => settings.allow_origins(Any),
            false => settings.allow_origins(texts(&self.origins)),
        };
        settings = match is_any(&self.methods) {
            true => settings.allow_methods(Any),
            false => settings.allow_methods(texts(&self.methods)),
        };
        settings = match is_any(&self.headers) {
            true => settings.allow_headers(Any),
            false => settings.allow_headers(texts(&self.headers)),
        };
        settings = match is_any(&self.exposed) {
            true => settings.expose_headers(Any),
            false => settings.expose_headers(texts(&self.exposed)),
        };
        match self.max_age {
            Some(age) => settings.max_age(Duration::from_secs(age)),
            None => settings,
        }
    }

    /// The policy's error about a setting, at the place where it is written.
    fn problem(&self, place: &Place<'_>, error: &PolicyError) -> Problem {
        let members = match error.key() {
            "allow_origins" => &self.origins[..],
            "allow_methods" => &self.methods,
            "allow_headers" => &self.headers,
            "expose_headers" => &self.exposed,
            _ => &[],
        };
        let at = error.index().or((!members.is_empty()).then_some(0));
        let member = at.and_then(|index| members.get(index));
        let row = KEYS.iter().find(|(_, kinds, setting)| {
            setting.ours() == error.key() && kinds.contains(&place.kind)
        });
        let (key, line) = match (member, row) {
            (Some(member), _) => (member.key.clone(), member.line),
            (None, Some((name, ..))) => (format!("{}.{name}", place.block.key), place.block.line),
            (None, None) => (place.block.key.clone(), place.block.line),
        };
        let remedy = remedy::of(error, member, place.kind, self.credentials);
        let problem = Problem::new(line, &key, &error.kind().to_string(), &remedy);
        match error.value() {
            Some(value) => problem.with_value(value),
            None => problem,
        }
    }
}
