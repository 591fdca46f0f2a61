//! The conformance vectors: configurations, requests to them, and what must become of each.
//!
//! `tests/vectors/guard/*.json` are written for a gateway. Here a router of a few lines stands for it: the
//! route by longest prefix, a guard around it, CORS around both. What belongs to a gateway alone, such as a
//! 400 for a malformed path, is left to its own tests.

mod expect;
mod world;

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use world::World;

#[derive(Deserialize)]
struct File {
    category: String,
    #[serde(default)]
    groups: Vec<Group>,
    #[serde(default)]
    configs: Vec<Setting>,
}

#[derive(Deserialize)]
struct Group {
    config: Value,
    #[serde(default)]
    may_reject: bool,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    id: String,
    why: String,
    via: Vec<String>,
    pub(crate) request: Asked,
    pub(crate) expect: Value,
    #[serde(default)]
    malformed: bool,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: Option<String>,
    pub(crate) headers: Vec<(String, Text)>,
    #[serde(default)]
    pub(crate) body: Option<Text>,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) websocket: bool,
    #[serde(default)]
    pub(crate) protocol: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Plain(String),
    Long {
        repeat: String,
        times: usize,
        #[serde(default)]
        prefix: String,
        #[serde(default)]
        suffix: String,
    },
}

impl Text {
    pub(crate) fn get(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Long {
                repeat,
                times,
                prefix,
                suffix,
            } => format!("{prefix}{}{suffix}", repeat.repeat(*times)),
        }
    }
}

#[derive(Deserialize)]
struct Setting {
    id: String,
    why: String,
    config: Value,
    expect: String,
    #[serde(default)]
    mentions: Vec<String>,
}

/// Configurations whose fault is not in `[guard]`: `rewrite_origin` is the proxy's.
const OF_THE_GATEWAY: [&str; 4] = ["config-08", "config-46", "config-47", "config-48"];

fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/guard");
    let entries = std::fs::read_dir(folder).expect("the vectors");
    entries
        .map(|entry| {
            let text = std::fs::read_to_string(entry.expect("a file").path()).expect("a text");
            serde_json::from_str(&text).expect("vectors")
        })
        .collect()
}

#[test]
fn every_request_is_judged_as_it_must_be() {
    let (mut run, mut wrong) = (0, Vec::new());
    for file in files() {
        for group in file.groups {
            let world = match World::new(&group.config) {
                Ok(world) => world,
                Err(_) if group.may_reject => {
                    run += group.cases.len();
                    continue;
                }
                Err(error) => panic!("{}: {} is refused: {error}", file.category, group.config),
            };
            for case in &group.cases {
                run += 1;
                for via in &case.via {
                    if let Err(complaint) = world.run(case, via) {
                        wrong.push(format!("{} {via}: {complaint} ({})", case.id, case.why));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(run, 553, "cases that were run");
}

#[test]
fn every_setting_is_taken_or_refused_as_it_must_be() {
    let (mut run, mut wrong) = (0, Vec::new());
    for setting in files().into_iter().flat_map(|file| file.configs) {
        if OF_THE_GATEWAY.contains(&setting.id.as_str()) {
            continue;
        }
        run += 1;
        let complaint = match (World::new(&setting.config), setting.expect.as_str()) {
            (Ok(_), "accept") => None,
            (Err(error), "accept") => Some(format!("is refused: {error}")),
            (Ok(_), _) => Some(String::from("is accepted")),
            (Err(error), _) => {
                let missing: Vec<_> = setting
                    .mentions
                    .iter()
                    .filter(|text| !error.contains(*text))
                    .collect();
                (!missing.is_empty()).then(|| format!("{missing:?} is not mentioned: {error}"))
            }
        };
        wrong.extend(complaint.map(|what| format!("{} {what} ({})", setting.id, setting.why)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(run, 51 - OF_THE_GATEWAY.len(), "settings that were tried");
}
