//! The gateway with a configuration.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::Process;

/// The gateway, which cargo builds before its tests.
pub const BINARY: &str = env!("CARGO_BIN_EXE_same-origin-gateway");

/// The time for which a line of the log is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The end of a gateway that did not serve.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Starts it with these arguments.
#[track_caller]
pub fn start(args: &[&str]) -> Process {
    Process::start(Path::new(BINARY), args)
}

/// Starts it with a configuration, on a free port.
#[track_caller]
pub fn with(config: &str) -> Process {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), config);
    start(&["--config", &config, "--listen", "127.0.0.1:0"])
}

impl Process {
    /// Waits until it has logged these words so many times.
    pub async fn logged(&self, words: &str, times: usize) {
        let begun = Instant::now();
        while self.log().matches(words).count() < times {
            let log = || self.log();
            assert!(begun.elapsed() < PATIENCE, "no {words:?} in {}", log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Runs it to its end, which a start that is refused comes to by itself.
pub fn run(args: &[&str]) -> Ended {
    let output = Command::new(BINARY).args(args).output().unwrap();
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
