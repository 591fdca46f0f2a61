//! Servers as processes: started, waited for until they listen, killed when dropped.
#![allow(dead_code, reason = "each test target uses a part of it")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A process that said that it listens. Dropping it kills it, and so does the end of this process.
pub struct Process {
    child: Child,
    watch: Watch,
    stdout: BufReader<ChildStdout>,
    /// The origin of the ready line: `http://127.0.0.1:40123`.
    pub origin: String,
    log: Option<JoinHandle<()>>,
    lines: Arc<Mutex<String>>,
}

impl Process {
    /// Starts it with these arguments and waits for its ready line.
    #[track_caller]
    pub fn start(program: &Path, args: &[&str]) -> Self {
        Self::start_with(program, args, &[])
    }

    /// Starts it with these variables in its environment, too.
    #[track_caller]
    pub fn start_with(program: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program);
        command.args(args).envs(variables.iter().copied());
        Self::spawn(command.stderr(Stdio::piped()), args)
    }

    /// Starts a command, whose standard error is a log if it is piped, and waits for its ready line.
    #[track_caller]
    pub fn spawn(command: &mut Command, args: &[&str]) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let watch = Watch::over(&child, args);
        let stderr = child.stderr.take();
        let lines = Arc::new(Mutex::new(String::new()));
        let read = Arc::clone(&lines);
        let log = std::thread::spawn(move || {
            for line in stderr
                .into_iter()
                .flat_map(|log| BufReader::new(log).split(b'\n'))
            {
                let Ok(line) = line else { break };
                let mut lines = read.lock().unwrap();
                lines.push_str(&String::from_utf8_lossy(&line));
                lines.push('\n');
            }
        });
        let logged = |log: JoinHandle<()>| {
            log.join().unwrap();
            lines.lock().unwrap().clone()
        };
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let Some(origin) = line.trim_end().strip_prefix("listening on ") else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("not ready: {line:?}, {}", logged(log));
        };
        Self {
            origin: origin.to_owned(),
            child,
            watch,
            stdout,
            log: Some(log),
            lines,
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

    /// Sends signals with nothing between them.
    pub fn signals(&self, names: [&str; 2]) {
        let to = self.child.id();
        let [first, second] = names.map(|name| format!("kill -{name} {to}"));
        let status = Command::new("sh")
            .args(["-c", &format!("{first}; {second}")])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end; gives the status and what it logged.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.log.take().unwrap().join().unwrap();
        (status, self.log())
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Process {
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
