//! The examples as processes: built once, started, stopped when dropped.
#![allow(dead_code, reason = "each test target uses a part of it")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;

/// An example that said that it listens. Dropping it kills it, and so does the end of this process.
pub struct Example {
    child: Child,
    watch: Watch,
    stdout: BufReader<ChildStdout>,
    /// What the ready line says: `http://127.0.0.1:40123`.
    pub origin: String,
    log: Option<JoinHandle<String>>,
}

impl Example {
    /// Starts it with these arguments and waits for its ready line.
    #[track_caller]
    pub fn start(name: &str, args: &[&str]) -> Self {
        let mut child = Command::new(binary(name))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let watch = Watch::over(&child, args);
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            let _ = stderr.read_to_string(&mut log);
            log
        });
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let Some(origin) = line.trim_end().strip_prefix("listening on ") else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("not ready: {line:?}, {}", log.join().unwrap());
        };
        Self {
            origin: origin.to_owned(),
            child,
            watch,
            stdout,
            log: Some(log),
        }
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn address(&self) -> SocketAddr {
        let (_, address) = self.origin.split_once("://").unwrap();
        address.parse().unwrap()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
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

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        // First, as the number of a process that was waited for may become another's.
        self.watch.end();
        let _ = self.child.wait();
        if let Some(log) = self.log.take() {
            let _ = log.join();
        }
    }
}

/// A process that kills another when its standard input closes, which the kernel does for us however
/// this process ends.
struct Watch(Child);

impl Watch {
    /// The arguments are for those who look at a list of processes.
    fn over(child: &Child, args: &[&str]) -> Self {
        let watch = Command::new("sh")
            .args(["-c", "read _; kill -KILL $1", "watch"])
            .arg(child.id().to_string())
            .args(args)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(watch.expect("sh starts"))
    }

    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// A test that needs an example, which is built before its time begins: a trial's limit is for the
/// trial.
pub fn after_build<F>(name: &'static str, test: impl FnOnce() -> F) -> impl FnOnce() -> F {
    move || {
        binary(name);
        test()
    }
}

/// An example's binary. Cargo tells a test where binaries are, but not examples, and builds examples
/// before tests only if it is asked for all targets; so it is asked here, with this test's own profile
/// and features, which is no work if it was done already.
pub fn binary(name: &str) -> PathBuf {
    static EXAMPLES: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLES.get_or_init(build).join(name)
}

fn build() -> PathBuf {
    // target/[triple/]profile/deps/this-test
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let mut above = profile.ancestors();
    let target = above.find(|dir| dir.join("CACHEDIR.TAG").exists()).unwrap();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();

    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--examples", "--no-default-features"]);
    cargo.args(["--features", &features().join(",")]);
    cargo.args(["--profile", &name(profile).replace("debug", "dev")]);
    cargo.args([
        "--manifest-path",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
    ]);
    cargo.arg("--target-dir").arg(target);
    // What the outer cargo tells this test about its package, build scripts would take for a change.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|about| name.starts_with(about))
        {
            cargo.env_remove(&*name);
        }
    }
    if let Some(triple) = profile.parent().filter(|above| *above != target) {
        cargo.args(["--target", &name(triple)]);
    }
    assert!(
        cargo.status().unwrap().success(),
        "the examples do not build"
    );
    profile.join("examples")
}

fn features() -> Vec<&'static str> {
    let all = [
        ("proxy", cfg!(feature = "proxy")),
        ("tls", cfg!(feature = "tls")),
        ("dns", cfg!(feature = "dns")),
        ("ring", cfg!(feature = "ring")),
        ("dns", cfg!(feature = "dns")),
        ("aws-lc-rs", cfg!(feature = "aws-lc-rs")),
        ("axum", cfg!(feature = "axum")),
        ("serde", cfg!(feature = "serde")),
        ("public-suffix", cfg!(feature = "public-suffix")),
        ("origin-source", cfg!(feature = "origin-source")),
        ("idna", cfg!(feature = "idna")),
        ("tracing", cfg!(feature = "tracing")),
        ("browser", cfg!(feature = "browser")),
    ];
    all.into_iter()
        .filter_map(|(name, on)| on.then_some(name))
        .collect()
}
