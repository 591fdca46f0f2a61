//! Programs that a browser needs: started in a process group, and gone with it however the test ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::Value;

/// Kills its whole process group when its standard input closes, which the kernel does for us
/// however the test process ends: by return, by panic, by a signal. The arguments are the program; only it
/// and its children hold the output, whose end is thus the end of the last of them.
const GUARD: &str = r#"exec 3>&1 >/dev/null; "$@" >&3 2>&1 3>&- & exec 3>&-; cat; kill -KILL 0"#;

/// A driver takes a port that is free for IPv4 and gives up when IPv6 has it, or when another
/// one was faster; then it is started again.
const ATTEMPTS: usize = 5;

/// The longest that a program may take to say where it is.
const STARTUP: Duration = Duration::from_secs(20);

/// A guard and the process group of what it guards. Dropping it kills them and waits until they are gone.
#[derive(Debug)]
pub struct Group {
    guard: Child,
    /// Reads what the group prints until the last process of it is gone.
    reader: Option<JoinHandle<()>>,
    lines: Receiver<String>,
}

impl Group {
    /// Starts a program with these arguments and these variables in its environment.
    pub fn start(program: &Path, args: &[&str], variables: &[(&str, &OsStr)]) -> Self {
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(program)
            .args(args)
            .envs(variables.iter().copied())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        let output = BufReader::new(guard.stdout.take().expect("stdout is piped"));
        let (told, lines) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Nobody listens any more once it is known where the program is.
                let _ = told.send(line);
            }
        });
        Self {
            guard,
            reader: Some(reader),
            lines,
        }
    }

    /// Gives what `find` makes of the first line that has it, or else all that was said.
    pub fn said<T>(&self, find: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let mut said = String::new();
        while let Ok(line) = self.lines.recv_timeout(STARTUP) {
            match find(&line) {
                Some(found) => return Ok(found),
                None => said = format!("{said}{line}\n"),
            }
        }
        Err(said)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// A WebDriver server on a port of the loopback, and a folder that its processes name: in their command
/// line, or as `HOME`.
#[derive(Debug)]
pub struct Driver {
    _group: Group,
    port: u16,
    pub folder: tempfile::TempDir,
}

impl Driver {
    /// Starts it until it says its port; `start` gets its folder.
    pub fn start(start: impl Fn(&Path) -> (Group, Result<u16, String>)) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the profile");
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            let (group, port) = start(folder.path());
            match port {
                Ok(port) => {
                    return Self {
                        _group: group,
                        port,
                        folder,
                    };
                }
                Err(this) => said = this,
            }
        }
        panic!("the driver does not start:\n{said}");
    }

    /// A new session.
    pub async fn session(&self, capabilities: Value) -> Client {
        let Value::Object(capabilities) = capabilities else {
            unreachable!("a literal object")
        };
        ClientBuilder::new(HttpConnector::new())
            .capabilities(Capabilities::from_iter(capabilities))
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .expect("the browser starts")
    }
}

/// A driver's own command.
#[derive(Debug)]
pub struct SessionCommand {
    pub path: &'static str,
    pub body: Value,
}

impl WebDriverCompatibleCommand for SessionCommand {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// Sends a driver's own command, which has to succeed.
pub async fn command(page: &Client, path: &'static str, body: Value) -> Value {
    let command = SessionCommand { path, body };
    page.issue_cmd(command)
        .await
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The first of these programs that is in `PATH`, or in one of these folders.
pub fn find(programs: &[&str], folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path)
        .chain(folders.iter().cloned())
        .collect();
    folders.dedup();
    let candidates = programs
        .iter()
        .flat_map(|program| folders.iter().map(move |folder| folder.join(program)));
    candidates.into_iter().find(|file| file.is_file())
}
