//! The manifests for Kubernetes, read.

use std::time::Duration;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Value, json};

use crate::folder;

/// The documents of `kubernetes/gateway.yaml`, by kind.
pub struct Manifests(Vec<Value>);

impl Manifests {
    pub fn read() -> Self {
        let text = std::fs::read_to_string(folder().join("kubernetes/gateway.yaml")).unwrap();
        let documents = Yaml::load_from_str(&text).unwrap();
        Self(documents.iter().map(to_json).collect())
    }

    pub fn of(&self, kind: &str) -> &Value {
        let mut found = self.0.iter().filter(|document| document["kind"] == kind);
        let first = found.next().unwrap_or_else(|| panic!("no {kind}"));
        assert!(found.next().is_none(), "several of {kind}");
        first
    }

    /// The specification of a pod.
    pub fn pod(&self) -> &Value {
        &self.of("Deployment")["spec"]["template"]["spec"]
    }

    pub fn container(&self) -> &Value {
        &self.pod()["containers"][0]
    }

    /// The gateway's configuration.
    pub fn config(&self) -> &str {
        self.of("ConfigMap")["data"]["gateway.toml"]
            .as_str()
            .unwrap()
    }

    pub fn config_table(&self) -> toml::Table {
        self.config().parse().unwrap()
    }

    /// The number of a named port.
    pub fn port(&self, name: &Value) -> u64 {
        let ports = self.container()["ports"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == *name);
        port.unwrap_or_else(|| panic!("no port {name}"))["containerPort"]
            .as_u64()
            .unwrap()
    }

    /// Delay and timeout of the gateway's drain.
    pub fn drain(&self) -> (Duration, Duration) {
        let table = self.config_table();
        let of = |key: &str| seconds(table["drain"][key].as_str().unwrap());
        (of("delay"), of("timeout"))
    }

    pub fn pre_stop(&self) -> Duration {
        let sleep = &self.container()["lifecycle"]["preStop"]["sleep"]["seconds"];
        Duration::from_secs(sleep.as_u64().unwrap())
    }

    pub fn grace(&self) -> Duration {
        let grace = &self.pod()["terminationGracePeriodSeconds"];
        Duration::from_secs(grace.as_u64().unwrap())
    }
}

/// `"5s"`.
fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.strip_suffix('s').unwrap().parse().unwrap())
}

fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(list) => list.iter().map(to_json).collect(),
        Yaml::Mapping(map) => map
            .iter()
            .map(|(key, value)| (key.as_str().unwrap().to_owned(), to_json(value)))
            .collect(),
        other => panic!("not in a manifest: {other:?}"),
    }
}
