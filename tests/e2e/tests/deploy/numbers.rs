//! The relations that `deploy/README.md` states, held by the files beside it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::folder;
use crate::manifests::Manifests;

pub fn fit() {
    let all = Manifests::read();
    let config = all.config_table();
    let container = all.container();

    // Ports: the probes', the container's and the configuration's are the same ones.
    let listens = |table: &toml::Table| {
        let text = table["listen"].as_str().unwrap().to_owned();
        let (address, port) = text.rsplit_once(':').unwrap();
        assert_eq!(address, "0.0.0.0", "a pod's loopback is its own");
        port.parse::<u64>().unwrap()
    };
    let admin = config["admin"].as_table().unwrap();
    assert_eq!(all.port(&json!("http")), listens(&config));
    assert_eq!(all.port(&json!("admin")), listens(admin));
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], "admin", "{probe}");
    }
    assert_eq!(all.of("Service")["spec"]["ports"][0]["targetPort"], "http");

    // Times.
    let (delay, timeout) = all.drain();
    assert!(all.grace() > all.pre_stop() + delay + timeout);
    let readiness = &container["readinessProbe"];
    let number = |value: &Value| value.as_u64().unwrap();
    let noticed = number(&readiness["periodSeconds"]) * number(&readiness["failureThreshold"])
        + number(&readiness["timeoutSeconds"]);
    assert!(
        delay >= Duration::from_secs(noticed),
        "{delay:?} {noticed} s"
    );

    // Memory, by the figures of benches/README.md.
    let connections = config["server"]["connections"].as_integer().unwrap();
    let routes = config["routes"].as_array().unwrap();
    let in_flight = routes
        .iter()
        .map(|route| route["limits"]["in_flight"].as_integer().unwrap());
    let worst = 16 * 1024 + connections * 147 + in_flight.sum::<i64>() * 419;
    let limit = container["resources"]["limits"]["memory"].as_str().unwrap();
    let limit: i64 = limit.strip_suffix("Mi").unwrap().parse().unwrap();
    assert!(
        limit * 1024 >= worst,
        "{limit} MiB, and {} in the worst case",
        worst / 1024
    );
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for said in [
        format!("= {} MiB", (worst + 1023) / 1024),
        format!("the limit is {limit} MiB"),
    ] {
        assert!(readme.contains(&said), "{said} is not in the README");
    }
    let benches = std::fs::read_to_string(folder().join("../../../benches/README.md")).unwrap();
    for row in [
        "| an idle connection of HTTP/2 | 24 |",
        "| a client of HTTP/1.1 that never reads a large answer | 419 |",
    ] {
        assert!(benches.contains(row), "measured anew? {row}");
    }

    // Replicas.
    let (deployment, budget) = (all.of("Deployment"), all.of("PodDisruptionBudget"));
    let (replicas, least) = (
        number(&deployment["spec"]["replicas"]),
        number(&budget["spec"]["minAvailable"]),
    );
    assert!(least < replicas, "no node could be drained");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    for selector in [
        &deployment["spec"]["selector"]["matchLabels"],
        &all.of("Service")["spec"]["selector"],
        &budget["spec"]["selector"]["matchLabels"],
        &all.of("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
}

/// The Containerfile and the Deployment are about the same image.
pub fn image() {
    let all = Manifests::read();
    let file = std::fs::read_to_string(folder().join("Containerfile")).unwrap();
    let line = |name: &str| {
        let mut lines = file.lines().filter_map(|line| line.strip_prefix(name));
        lines
            .next_back()
            .unwrap_or_else(|| panic!("no {name}"))
            .trim()
            .to_owned()
    };
    let user = &all.pod()["securityContext"];
    assert_eq!(
        line("USER "),
        format!("{}:{}", user["runAsUser"], user["runAsGroup"])
    );
    assert_eq!(user["runAsNonRoot"], true);
    let ports = ["http", "admin"].map(|name| all.port(&json!(name)).to_string());
    assert_eq!(line("EXPOSE "), ports.join(" "));
    assert_eq!(line("STOPSIGNAL "), "SIGTERM");
    let args: Vec<String> = serde_json::from_str(&line("CMD ")).unwrap();
    assert_eq!(json!(args), all.container()["args"]);
    let mount = all.container()["volumeMounts"][0]["mountPath"]
        .as_str()
        .unwrap();
    assert_eq!(args.last().unwrap(), &format!("{mount}/gateway.toml"));
    let rights = &all.container()["securityContext"];
    assert_eq!(rights["readOnlyRootFilesystem"], true);
    assert_eq!(rights["allowPrivilegeEscalation"], false);
    assert_eq!(rights["capabilities"]["drop"], json!(["ALL"]));
}
