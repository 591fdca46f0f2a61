//! The life of a pod: started with the manifest's configuration, probed, told to go while it is asked.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::manifests::Manifests;
use crate::process::Process;
use crate::program;
use crate::web::{free_port, get, upstream};

/// The manifest's configuration, on loopback, with the upstreams that a test has.
fn localised(all: &Manifests, admin: u16, upstream: SocketAddr) -> String {
    let mut text = all.config().replace("0.0.0.0:8080", "127.0.0.1:0");
    text = text.replace("0.0.0.0:9090", &format!("127.0.0.1:{admin}"));
    for name in ["api", "web"] {
        let real = format!("http://{name}.default.svc.cluster.local:3000");
        assert!(text.contains(&real), "{real}");
        text = text.replace(&real, &format!("http://{upstream}"));
    }
    text
}

pub fn as_the_manifests_do() {
    let all = Manifests::read();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gateway.toml");
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = localised(&all, admin.port(), upstream(Duration::from_millis(300)));
    std::fs::write(&config, text).unwrap();
    let gateway = Process::start(&program::gateway(), &["--config", config.to_str().unwrap()]);
    let http = gateway.address();

    let path = |probe: &str| {
        all.container()[probe]["httpGet"]["path"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert_eq!(get(admin, &path(probe)), Some(200), "{probe}");
    }
    assert_eq!(get(http, "/api/x"), Some(200));

    // The pod is deleted; preStop has passed.
    let (delay, _) = all.drain();
    let stopped = Instant::now();
    gateway.signal("TERM");
    let ready = || get(admin, &path("readinessProbe"));
    while ready() == Some(200) {
        assert!(
            stopped.elapsed() < Duration::from_secs(1),
            "ready after SIGTERM"
        );
    }
    assert_eq!(ready(), Some(503));
    // It is alive: to be killed for stopping would be the end of all that is under way.
    assert_eq!(get(admin, &path("livenessProbe")), Some(200));
    let mut answered = 0;
    while stopped.elapsed() + Duration::from_millis(500) < delay {
        assert_eq!(get(http, "/"), Some(200), "after {:?}", stopped.elapsed());
        answered += 1;
    }
    assert!(answered > 3, "{answered}");
    let (status, log) = gateway.ended();
    let took = stopped.elapsed();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(
        took >= delay && took + all.pre_stop() < all.grace(),
        "{took:?}"
    );
    assert_eq!(get(http, "/"), None);
}
