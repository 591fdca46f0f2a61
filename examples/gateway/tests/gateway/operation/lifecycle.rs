//! Start and end of the process.

use std::net::SocketAddr;
use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{get, upstream};
use crate::gateway::{self, file, run};
use crate::process::Process;

fn config(upstream: SocketAddr, more: &str) -> String {
    format!("{more}\n[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n")
}

#[tokio::test]
async fn the_ready_line_names_the_port_that_was_taken() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &config(upstream, "listen = '127.0.0.1:0'"));
    let gateway = gateway::start(&["--config", &path]);
    assert_ne!(gateway.address().port(), 0);
    let answer = get(format!("{}/x?y", gateway.origin)).await;
    assert!(answer.body.starts_with("up GET /x?y\n"), "{}", answer.body);
}

#[tokio::test]
async fn the_argument_listen_overrules_the_file() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().unwrap();
    let gateway = gateway::with(&config(taken, &format!("listen = '{taken}'")));
    assert_ne!(gateway.address(), taken);
}

#[tokio::test]
async fn a_port_in_use_is_a_problem_of_the_key_listen() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let upstream = SocketAddr::from(([127, 0, 0, 1], 1));
    let path = file(
        folder.path(),
        &config(upstream, &format!("listen = '{address}'")),
    );
    for args in [
        &["--config", &path][..],
        &["--listen", &address.to_string()],
    ] {
        let ended = run(args);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{args:?}");
        let words = format!("listen: cannot listen on {address}");
        assert!(ended.stderr.contains(&words), "{args:?}: {}", ended.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_start_that_nobody_hears_of_has_its_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let bad = file(folder.path(), "drain = 5\n");
    for args in [
        &["--config", &bad, "--check"][..],
        &["--config", &bad],
        &["--nonsense"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let status = Command::new(gateway::BINARY)
            .args(args)
            .stderr(full.unwrap())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(2), "{args:?}");
    }
}

/// An upstream that says when a request has arrived and answers when it is told to.
struct Held {
    listener: TcpListener,
}

impl Held {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    async fn request(&self) -> TcpStream {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        stream
    }
}

/// A connection with a request on it that waits for its answer.
async fn request(gateway: &Process) -> TcpStream {
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    client
}

async fn end_of(mut client: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is cut may end in an error; what came before it counts.
    let _cut = client.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_stop_lets_requests_in_flight_finish_and_takes_no_new_ones() {
    for signal in ["TERM", "INT"] {
        let held = Held::start().await;
        let gateway = gateway::with(&config(held.address(), "drain = '60s'"));
        let address = gateway.address();
        let mut idle = TcpStream::connect(address).await.unwrap();
        let client = request(&gateway).await;
        let mut upstream = held.request().await;

        gateway.signal(signal);
        // The idle connection is closed when the stop has begun; from then on nobody gets in.
        assert_eq!(idle.read(&mut [0]).await.unwrap_or(0), 0);
        assert!(TcpStream::connect(address).await.is_err());

        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";
        upstream.write_all(answer).await.unwrap();
        let answer = end_of(client).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{signal}: {answer}"
        );
        assert!(answer.ends_with("\r\n\r\ndone"), "{signal}: {answer}");
        let (status, log) = gateway.ended();
        assert_eq!(status.code(), Some(0), "{signal}: {log}");
    }
}

#[tokio::test]
async fn the_drain_time_is_the_most_that_a_stop_waits() {
    let held = Held::start().await;
    let folder = tempfile::tempdir().unwrap();
    let access = folder.path().join("access.log");
    let more = format!("drain = '50ms'\nlog = {{ access = {access:?} }}");
    let gateway = gateway::with(&config(held.address(), &more));
    let client = request(&gateway).await;
    let _upstream = held.request().await;
    gateway.signal("TERM");
    assert_eq!(end_of(client).await, "");
    let (status, log) = gateway.ended();
    assert_eq!(status.code(), Some(0));
    assert!(log.contains("drain"), "{log}");
    // A request that was cut has its line in the access log.
    let lines = std::fs::read_to_string(access).unwrap();
    assert_eq!(lines.matches("GET /").count(), 1, "{lines}");
}

#[tokio::test]
async fn one_worker_serves_as_well() {
    let upstream = upstream("up").await;
    for workers in ["workers = 1", "workers = 2"] {
        let gateway = gateway::with(&config(upstream, workers));
        let answer = get(format!("{}/", gateway.origin)).await;
        assert!(answer.body.starts_with("up GET /\n"), "{}", answer.body);
        gateway.signal("TERM");
        assert_eq!(gateway.ended().0.code(), Some(0));
    }
}

/// A stack of 64 TiB has no room in any address space. A limit of memory would do as well, and now and then fail
/// an allocation first.
#[cfg(target_os = "linux")]
#[test]
fn workers_that_the_system_does_not_give_are_a_problem_of_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let path = file(folder.path(), &config(nowhere, "workers = 1024"));
    let output = Command::new(gateway::BINARY)
        .env("RUST_MIN_STACK", (64_u64 << 40).to_string())
        .args(["--listen", "127.0.0.1:0", "--config", &path])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.starts_with("workers: cannot start 1024"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// By itself the system ends the process at each of these signals.
#[cfg(target_os = "linux")]
#[test]
fn signals_that_come_before_it_serves_are_obeyed_when_it_does() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    use std::time::{Duration, Instant};
    let folder = tempfile::tempdir().unwrap();
    // So many that to make them takes a while.
    let routes = (0..1500)
        .map(|n| format!("[[routes]]\nprefix = '/r{n}'\nupstream = 'http://127.0.0.1:1'\n"));
    let path = file(folder.path(), &routes.collect::<String>());
    for (signal, words) in [
        ("HUP", "SIGHUP: the configuration was read again"),
        ("USR1", "SIGUSR1: the caches are empty"),
        ("TERM", "stopping: requests in flight finish"),
    ] {
        let mut child = Command::new(gateway::BINARY)
            .args(["--listen", "127.0.0.1:0", "--config", &path])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id().to_string();
        let send = |name: &str| {
            let status = Command::new("kill")
                .args([&format!("-{name}"), &id])
                .status();
            assert!(status.unwrap().success());
        };
        let status = format!("/proc/{id}/status");
        // SIGHUP, SIGUSR1 and SIGTERM.
        let handled = 1 | 1 << 9 | 1 << 14;
        let hears = || {
            let status = std::fs::read_to_string(&status).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
            caught & handled == handled
        };
        while !hears() {
            std::thread::sleep(Duration::from_millis(1));
        }
        send(signal);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let sent = Instant::now();
        let ready = stdout.lines().next().unwrap().unwrap();
        assert!(ready.starts_with("listening on "), "{signal}: {ready}");
        assert!(
            sent.elapsed() > Duration::from_millis(10),
            "{signal}: it served already"
        );
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut log = stderr.lines().map_while(Result::ok);
        assert!(log.any(|line| line.contains(words)), "{signal}");
        if signal != "TERM" {
            send("TERM");
        }
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
    }
}
