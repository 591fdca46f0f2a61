//! The real gateway for tests: built once, started with a configuration, stopped when dropped.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;

/// A gateway that said that it listens. Dropping it kills it.
pub struct Gateway {
    child: Child,
    /// What the ready line says: `http://127.0.0.1:40123`.
    pub origin: String,
    log: Option<JoinHandle<String>>,
}

/// What a gateway that did not serve left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Gateway {
    /// Starts it with these arguments and waits for its ready line.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            let _ = stderr.read_to_string(&mut log);
            log
        });
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let Some(origin) = line.trim_end().strip_prefix("listening on ") else {
            let _ = child.wait();
            panic!("not ready: {line:?}, {}", log.join().unwrap());
        };
        Self {
            origin: origin.to_owned(),
            child,
            log: Some(log),
        }
    }

    /// Starts it with a configuration, on a free port.
    #[track_caller]
    pub fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start(&[
            "--config",
            &file(folder.path(), config),
            "--listen",
            "127.0.0.1:0",
        ])
    }

    pub fn address(&self) -> SocketAddr {
        let (_, address) = self.origin.split_once("://").unwrap();
        address.parse().unwrap()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end; gives the status and what it logged.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(log) = self.log.take() {
            let _ = log.join();
        }
    }
}

/// Runs it to its end, which a start that is refused comes to by itself.
pub fn run(args: &[&str]) -> Ended {
    let output = Command::new(binary()).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Writes a configuration; gives its path.
pub fn file(folder: &Path, config: &str) -> String {
    let path = folder.join("gateway.toml");
    std::fs::write(&path, config).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The example's binary. Cargo tells a test where binaries are, but not examples, and builds examples
/// before tests only if it is asked for all targets; so it is asked here, with this test's own profile
/// and features, which is no work if it was done already.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/[triple/]profile/deps/this-test
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let target = profile
            .ancestors()
            .find(|dir| dir.join("CACHEDIR.TAG").exists())
            .unwrap();
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();

        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--example",
            "gateway",
            "--no-default-features",
        ]);
        cargo.args(["--features", &features().join(",")]);
        cargo.arg("--target-dir").arg(target);
        cargo
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        cargo.arg("--profile").arg(match name(profile).as_str() {
            "debug" => "dev".to_owned(),
            other => other.to_owned(),
        });
        let above = profile.parent().unwrap();
        if above != target {
            cargo.arg("--target").arg(name(above));
        }
        assert!(
            cargo.status().unwrap().success(),
            "the gateway does not build"
        );
        profile.join("examples/gateway")
    })
}

fn features() -> Vec<&'static str> {
    let all = [
        ("proxy", cfg!(feature = "proxy")),
        ("tls", cfg!(feature = "tls")),
        ("ring", cfg!(feature = "ring")),
        ("aws-lc-rs", cfg!(feature = "aws-lc-rs")),
        ("axum", cfg!(feature = "axum")),
        ("serde", cfg!(feature = "serde")),
        ("public-suffix", cfg!(feature = "public-suffix")),
        ("idna", cfg!(feature = "idna")),
        ("tracing", cfg!(feature = "tracing")),
        ("browser", cfg!(feature = "browser")),
    ];
    all.into_iter()
        .filter_map(|(name, on)| on.then_some(name))
        .collect()
}
