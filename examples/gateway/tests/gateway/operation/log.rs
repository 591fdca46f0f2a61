//! The log of what the gateway itself refuses.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::{exchange, get};
use crate::gateway;
use crate::process::Process;

#[tokio::test]
async fn each_refusal_leaves_a_line_that_says_why() {
    let site = tempfile::tempdir().unwrap();
    let dir = site.path();
    let gateway = gateway::with(&format!("[[routes]]\nprefix = '/files'\ndir = {dir:?}\n"));
    get(format!("{}/files/missing.js?secret=1", gateway.origin)).await;
    get(format!("{}/nowhere?secret=1", gateway.origin)).await;
    get(format!("{}/files/..%2fx?secret=1", gateway.origin)).await;
    let fields = "x-a: b\r\n".repeat(120);
    let long = format!("GET /files/long HTTP/1.1\r\nhost: a\r\n{fields}connection: close\r\n\r\n");
    exchange(&gateway, long).await;
    exchange(&gateway, "no request\r\n\r\n").await;
    let target = "x".repeat(66_000);
    exchange(
        &gateway,
        format!("GET /{target} HTTP/1.1\r\nhost: a\r\n\r\n"),
    )
    .await;
    gateway.signal("TERM");
    let (_, log) = gateway.ended();
    for (words, what) in [
        (
            &[
                "INFO",
                "status=404",
                "path=/files/missing.js",
                "route=\"/files\"",
            ][..],
            "a file",
        ),
        (
            &[
                "INFO",
                "status=404",
                "path=/nowhere",
                "route=\"none\"",
                "method=GET",
            ],
            "no route",
        ),
        (&["INFO", "status=400", "path=/files/..%2fx"], "a path"),
        (&["INFO", "status=431", "path=/files/long"], "a head"),
        (
            &["INFO", "status=400", "peer=127.0.0.1", "refused: invalid"],
            "no HTTP",
        ),
        (&["INFO", "status=414", "refused: URI too long"], "a target"),
    ] {
        let found = log
            .lines()
            .any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{what}: {words:?} in {log}");
    }
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn of_one_kind_ten_lines_are_written_and_then_a_count() {
    let gateway = gateway::with("[[routes]]\nprefix = '/api'\nupstream = 'http://127.0.0.1:1'\n");
    for _ in 0..50 {
        get(format!("{}/nowhere", gateway.origin)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    gateway.signal("TERM");
    let (_, log) = gateway.ended();
    let lines = log.matches("path=/nowhere").count();
    assert!((10..50).contains(&lines), "{lines}: {log}");
    assert!(log.contains("more of this status in one second"), "{log}");
}

/// As the gateway's own refusals are: any page and any program can make one after the other.
#[tokio::test]
async fn refusals_of_cors_and_of_the_guard_are_counted_too() {
    let gateway = gateway::with(
        "request_id = true\n[cors]\nallow_origins = ['https://app.example']\n\
         [guard]\nhosts = ['a']\n[[routes]]\nprefix = '/api'\nupstream = 'http://127.0.0.1:1'\n",
    );
    let evil = "origin: https://evil.example\r\n";
    for (request, kind, line) in [
        (
            format!(
                "POST /api/guard?secret=1 HTTP/1.1\r\nhost: a\r\n{evil}cookie: a=b\r\ncontent-length: 0\r\n"
            ),
            "same_origin::guard: more of this kind in one second rule=8",
            "method=POST path=/api/guard id=",
        ),
        (
            "GET /api/host?secret=1 HTTP/1.1\r\nhost: b\r\n".to_owned(),
            "same_origin::guard: more of this kind in one second rule=1",
            "method=GET path=/api/host id=",
        ),
        (
            "OPTIONS /api/cors?secret=1 HTTP/1.1\r\nhost: a\r\norigin: null\r\n\
             access-control-request-method: PUT\r\n"
                .to_owned(),
            "same_origin::cors: more of this kind in one second refusal=the null origin is not allowed",
            "preflight=true method=OPTIONS path=/api/cors id=",
        ),
    ] {
        for _ in 0..50 {
            exchange(&gateway, format!("{request}connection: close\r\n\r\n")).await;
        }
        gateway.logged(kind, 1).await;
        let log = gateway.log();
        let target = kind.split(' ').next().unwrap();
        let is_meant = |told: &&str| told.contains(target) && told.contains(line);
        let lines: Vec<_> = log.lines().filter(is_meant).collect();
        assert!((10..50).contains(&lines.len()), "{log}");
        let words = [" INFO ", "route=\"/api\""];
        for told in lines {
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
    }
    assert!(!gateway.log().contains("secret"));
}

/// Requests go on, whatever becomes of their lines.
#[tokio::test]
async fn an_access_log_that_cannot_be_written_is_told_of() {
    let route = "[[routes]]\nprefix = '/api'\nupstream = 'http://127.0.0.1:1'\n";
    let folder = tempfile::tempdir().unwrap();
    // Nobody can make a file there, and this folder does not exist.
    for (file, key) in [
        ("/proc/access.log", "log.access: cannot write"),
        ("none/a.log", "log.access: "),
    ] {
        let config = gateway::file(folder.path(), &format!("[log]\naccess = '{file}'\n{route}"));
        let ended = gateway::run(&["--config", &config, "--listen", "127.0.0.1:0"]);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains(key), "{ended:?}");
    }
    let gateway = gateway::with(&format!("[log]\naccess = '/dev/full'\n{route}"));
    for _ in 0..100 {
        assert_eq!(get(format!("{}/nowhere", gateway.origin)).await.status, 404);
    }
    gateway.signal("TERM");
    let (status, log) = gateway.ended();
    assert!(status.success());
    assert_eq!(
        log.matches("the access log cannot be written").count(),
        1,
        "{log}"
    );
}

/// Nothing is lost, and nothing else is said.
#[tokio::test]
async fn a_log_that_cannot_be_opened_again_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("a"), folder.path().join("b"));
    std::fs::create_dir(&before).unwrap();
    let route = "[[routes]]\nprefix = '/api'\nupstream = 'http://127.0.0.1:1'\n";
    let config = format!("[log]\naccess = 'a/access.log'\n{route}");
    let config = gateway::file(folder.path(), &config);
    let gateway = gateway::start(&["--config", &config, "--listen", "127.0.0.1:0"]);
    std::fs::rename(&before, &after).unwrap();
    // Each time that somebody asks for it.
    const TOLD: &str = "the access log cannot be opened again; lines go on";
    for times in [1, 2] {
        gateway.signal("HUP");
        gateway.logged(TOLD, times).await;
    }
    get(format!("{}/nowhere", gateway.origin)).await;
    gateway.signal("TERM");
    let (_, log) = gateway.ended();
    assert!(!log.contains("lines are lost"), "{log}");
    assert!(!log.contains("is opened again"), "{log}");
    let lines = std::fs::read_to_string(after.join("access.log")).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

/// Its status says that all is well, and its client has but a part of it.
#[tokio::test]
async fn an_answer_that_is_cut_is_told_in_both_logs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut bytes).await.unwrap();
        }
        let part = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
        stream.write_all(part).await.unwrap();
    });
    let gateway = gateway::with(&format!(
        "[log]\naccess = 'stderr'\n[[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n"
    ));
    let answer = exchange(&gateway, "GET /api/x HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(
        answer.ends_with(b"\r\n\r\nabc"),
        "{}",
        answer.escape_ascii()
    );
    gateway.signal("TERM");
    let (_, log) = gateway.ended();
    for words in [
        &[
            "\"GET /api/x HTTP/1.1\" 200 3 ",
            " cut=http_response_incomplete",
        ][..],
        &["WARN", "kind=ResponseBody", "path=/api/x"],
    ] {
        let found = log
            .lines()
            .any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?} in {log}");
    }
}

/// An empty variable says nothing, and hides nothing.
#[tokio::test]
async fn an_empty_rust_log_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[[routes]]\nprefix = '/api'\nupstream = 'http://127.0.0.1:1'\n";
    let config = gateway::file(folder.path(), config);
    let args = ["--config", &config, "--listen", "127.0.0.1:0"];
    for (said, wanted) in [("", true), (" ", true), ("info", true), ("error", false)] {
        let program = Path::new(gateway::BINARY);
        let gateway = Process::start_with(program, &args, &[("RUST_LOG", said)]);
        get(format!("{}/nowhere", gateway.origin)).await;
        gateway.signal("TERM");
        let (_, log) = gateway.ended();
        assert_eq!(log.contains("path=/nowhere"), wanted, "{said:?}: {log}");
    }
}
