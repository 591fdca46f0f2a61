//! Files and pipes at which a write, a read or an open waits for somebody who never comes.

use std::io::{Read, Write, pipe};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use crate::client::{Answer, exchange, get, upstream};
use crate::gateway::{self, Ended, file};
use crate::process::Process;

const SERVED: &str = "the configuration was read again and is served";
const REFUSED: &str = "the new configuration is not served, and nothing has changed";
/// The time after which something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

fn mkfifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// A gateway in a folder of its own.
struct Blocked {
    folder: TempDir,
    gateway: Process,
    route: String,
}

impl Blocked {
    async fn start(config: &str) -> Self {
        let (folder, route) = (tempfile::tempdir().unwrap(), route().await);
        let path = file(folder.path(), &format!("{config}\n{route}"));
        let gateway = gateway::start(&["--config", &path, "--listen", "127.0.0.1:0"]);
        Self {
            folder,
            gateway,
            route,
        }
    }

    fn write(&self, config: &str) {
        file(self.folder.path(), &format!("{config}\n{}", self.route));
    }

    async fn hang_up(&self, outcome: &str) {
        let before = self.gateway.log().matches(outcome).count();
        self.gateway.signal("HUP");
        self.gateway.logged(outcome, before + 1).await;
    }
}

async fn route() -> String {
    let upstream = upstream("up").await;
    format!("[[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n")
}

async fn in_time(url: String) -> Answer {
    let answer = timeout(PATIENCE, get(url.clone())).await;
    answer.unwrap_or_else(|_| panic!("{url} hangs"))
}

async fn ends(gateway: Process) -> String {
    gateway.signal("TERM");
    let ended = tokio::task::spawn_blocking(|| gateway.ended());
    let (status, log) = timeout(PATIENCE, ended).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(0), "{log}");
    log
}

/// It is full, too: each line that is written waits for ever.
#[tokio::test]
async fn a_standard_error_that_nobody_reads_holds_nothing_up() {
    for log in [
        "",
        "[log]\naccess = 'stderr'",
        "[log]\naccess = '/dev/stderr'",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let admin = port.local_addr().unwrap();
        drop(port);
        let config = format!(
            "workers = 1\n{log}\n[admin]\nlisten = '{admin}'\n{}",
            route().await
        );
        let config = file(folder.path(), &config);
        let args = ["--config", &config, "--listen", "127.0.0.1:0"];
        let (mut unread, mut full) = pipe().unwrap();
        full.write_all(&[b'.'; 60 * 1024]).unwrap();
        let mut command = Command::new(gateway::BINARY);
        let gateway = Process::spawn(command.args(args).stderr(full), &args);
        drop(command);
        let long = "x".repeat(5000);
        for _ in 0..15 {
            let refused =
                format!("GET /..%2f{long} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            let answer = timeout(PATIENCE, exchange(&gateway, refused)).await;
            let answer = answer.unwrap_or_else(|_| panic!("a refusal hangs with {log:?}"));
            assert!(answer.starts_with(b"HTTP/1.1 400"), "{log}");
            let url = format!("{}/api/{long}", gateway.origin);
            assert_eq!(in_time(url).await.status, 200, "{log}");
        }
        assert_eq!(in_time(format!("http://{admin}/livez")).await.status, 200);
        ends(gateway).await;
        // Its lines are whole as far as the pipe could take them.
        let mut text = String::new();
        unread.read_to_string(&mut text).unwrap();
        assert!(text.contains("refused"), "{}", &text[60 * 1024..]);
    }
}

/// Lines that are read late are late and not lost.
#[tokio::test]
async fn a_standard_error_that_is_read_in_the_end_has_all_lines() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("workers = 1\n[log]\naccess = 'stderr'\n{}", route().await);
    let config = file(folder.path(), &config);
    let args = ["--config", &config, "--listen", "127.0.0.1:0"];
    let mut command = Command::new(gateway::BINARY);
    let (mut unread, full) = pipe().unwrap();
    let gateway = Process::spawn(command.args(args).stderr(full), &args);
    drop(command);
    let long = "x".repeat(5000);
    for number in 0..30 {
        let url = format!("{}/api/{number}-{long}", gateway.origin);
        assert_eq!(in_time(url).await.status, 200);
    }
    gateway.signal("TERM");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        unread.read_to_string(&mut text).unwrap();
        text
    });
    assert!(gateway.ended().0.success());
    let text = reader.join().unwrap();
    for number in 0..30 {
        let target = format!("\"GET /api/{number}-{long} HTTP/1.1\" 200");
        assert!(text.contains(&target), "{number}");
    }
    assert!(text.contains("requests in flight finish"), "{text}");
}

#[tokio::test]
async fn an_access_log_is_a_file_or_a_device() {
    let folder = tempfile::tempdir().unwrap();
    mkfifo(&folder.path().join("fifo"));
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("sock")).unwrap();
    let route = route().await;
    for name in ["fifo", "sock", "/proc/nope", "/proc/nope/x"] {
        let config = file(folder.path(), &format!("[log]\naccess = '{name}'\n{route}"));
        let args = ["--config", &config, "--listen", "127.0.0.1:0"];
        for args in [&args[..], &[&args[..], &["--check"]].concat()] {
            let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
            let run = tokio::task::spawn_blocking(move || {
                let args: Vec<_> = args.iter().map(String::as_str).collect();
                gateway::run(&args)
            });
            let ended: Ended = timeout(PATIENCE, run).await.expect(name).unwrap();
            assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
            for words in ["gateway.toml:2: log.access: ", name, "name a"] {
                assert!(ended.stderr.contains(words), "{words}: {ended:?}");
            }
            assert!(!ended.stderr.contains("File("), "{ended:?}");
        }
    }
    // The check has made nothing.
    let names = std::fs::read_dir(folder.path()).unwrap();
    assert_eq!(names.count(), 3);
}

/// In a container it is a pipe or a socket.
#[tokio::test]
async fn the_standard_streams_have_names_of_files_too() {
    let config = format!("[log]\naccess = '/dev/stdout'\n{}", route().await);
    let mut gateway = gateway::with(&config);
    get(format!("{}/api/x", gateway.origin)).await;
    assert!(gateway.line().contains("\"GET /api/x HTTP/1.1\" 200"));
    ends(gateway).await;
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_refused_by_a_reload() {
    let gateway = Blocked::start("[log]\naccess = 'a.log'").await;
    mkfifo(&gateway.folder.path().join("fifo"));
    gateway.write("[log]\naccess = 'fifo'");
    gateway.hang_up(REFUSED).await;
    let log = gateway.gateway.log();
    assert!(
        log.contains("gateway.toml:2: log.access: cannot write to"),
        "{log}"
    );
    // A pipe in the place of the log is not opened again either.
    std::fs::remove_file(gateway.folder.path().join("a.log")).unwrap();
    mkfifo(&gateway.folder.path().join("a.log"));
    gateway
        .hang_up("the access log cannot be opened again")
        .await;
    std::fs::remove_file(gateway.folder.path().join("a.log")).unwrap();
    gateway.write("[log]\naccess = 'a.log'");
    gateway.hang_up(SERVED).await;
    let url = format!("{}/api/x", gateway.gateway.origin);
    assert_eq!(in_time(url).await.status, 200);
    let (folder, gateway) = (gateway.folder, gateway.gateway);
    ends(gateway).await;
    let lines = std::fs::read_to_string(folder.path().join("a.log")).unwrap();
    assert_eq!(lines.matches("GET /api/x").count(), 1);
}

#[tokio::test]
async fn a_certificate_is_a_regular_file() {
    let folder = tempfile::tempdir().unwrap();
    mkfifo(&folder.path().join("fifo"));
    let upstream = "[[routes]]\nprefix = '/'\nupstream = 'https://127.0.0.1:1'";
    for (keys, wanted) in [
        (
            format!("tls = {{ cert = 'fifo', key = 'fifo' }}\n{upstream}"),
            ["tls.cert: ", "tls.key: "],
        ),
        (
            format!("{upstream}\nupstream_tls = {{ ca = 'fifo', cert = 'fifo', key = 'fifo' }}"),
            ["upstream_tls.ca: ", "upstream_tls.key: "],
        ),
    ] {
        let config = file(folder.path(), &keys);
        let run = tokio::task::spawn_blocking(move || gateway::run(&["--config", &config]));
        let ended = timeout(PATIENCE, run).await.expect(&keys).unwrap();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        for words in wanted {
            assert!(ended.stderr.contains(words), "{words}: {ended:?}");
        }
        assert!(ended.stderr.contains("not a regular file"), "{ended:?}");
    }
}

/// Nobody writes to the pipe. Meanwhile the log can be rotated, and afterwards a configuration can be read.
#[tokio::test]
async fn a_reading_without_an_end_is_ended() {
    let log = "[log]\naccess = 'a.log'";
    let gateway = Blocked::start(log).await;
    let path = |name: &str| gateway.folder.path().join(name);
    std::fs::rename(path("gateway.toml"), path("kept.toml")).unwrap();
    mkfifo(&path("gateway.toml"));
    for rotation in 1..=3 {
        std::fs::remove_file(path("a.log")).unwrap();
        gateway.gateway.signal("HUP");
        gateway
            .gateway
            .logged("the access log is opened again", rotation)
            .await;
        while !path("a.log").exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    std::fs::rename(path("kept.toml"), path("gateway.toml")).unwrap();
    gateway
        .gateway
        .logged("could not be read within 10s", 1)
        .await;
    // The SIGHUPs of the meantime are one more reading.
    gateway.gateway.logged(SERVED, 1).await;
    ends(gateway.gateway).await;
}

/// A text that is written when its reading has been given up is not lost, and does not stand in for a later one.
#[tokio::test]
async fn a_pipe_that_is_written_late_is_served_when_it_is() {
    let gateway = Blocked::start("").await;
    let path = gateway.folder.path().join("gateway.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    mkfifo(&path);
    gateway.hang_up("could not be read within 10s").await;
    // Whoever waits there takes it.
    let first = config.clone();
    let late = path.clone();
    let written = tokio::task::spawn_blocking(move || std::fs::write(late, first));
    timeout(PATIENCE, written).await.unwrap().unwrap().unwrap();
    gateway.gateway.logged(SERVED, 1).await;
    let next = tokio::task::spawn_blocking(move || std::fs::write(path, config));
    gateway.hang_up(SERVED).await;
    timeout(PATIENCE, next).await.unwrap().unwrap().unwrap();
    ends(gateway.gateway).await;
}

#[tokio::test]
async fn a_rust_log_that_says_nothing_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), &route().await);
    let args = ["--config", &config, "--listen", "127.0.0.1:0"];
    let mut command = Command::new(gateway::BINARY);
    command.args(args).env("RUST_LOG", "nonsense=zz");
    let gateway = Process::spawn(command.stderr(Stdio::piped()), &args);
    let log = ends(gateway).await;
    assert!(
        log.contains("RUST_LOG: \"nonsense=zz\" is not used"),
        "{log}"
    );
    assert!(log.contains("requests in flight finish"), "{log}");
}
