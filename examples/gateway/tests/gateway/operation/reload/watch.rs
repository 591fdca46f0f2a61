//! Files that are looked at for changes.

use std::time::{Duration, Instant};

use super::{Changing, REFUSED, SERVED, route};
use crate::client::{get, upstream};
use crate::gateway::start;

#[tokio::test]
async fn a_file_that_changes_is_read_where_that_is_asked_for() {
    let upstream = upstream("one").await;
    let watched = |prefix| {
        format!(
            "reload_on_change = '100ms'\n{}",
            route(prefix, upstream, "")
        )
    };
    let gateway = Changing::start(&watched("/a"));
    gateway.write(&watched("/b"));
    gateway.gateway.logged(SERVED, 1).await;
    assert_eq!(gateway.get("/b/x").await.status, 200);
    gateway.write("nothing");
    gateway.gateway.logged(REFUSED, 1).await;
    assert_eq!(gateway.get("/b/x").await.status, 200);
    // Said once, though it is read again.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(gateway.gateway.log().matches(REFUSED).count(), 1);
    gateway.write(&route("/c", upstream, ""));
    gateway.gateway.logged(SERVED, 2).await;
    // It asks for it no more.
    gateway.write(&route("/d", upstream, ""));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(gateway.get("/c/x").await.status, 200);
}

/// Docker makes a folder where a file that it is to mount is gone.
#[tokio::test]
async fn a_folder_in_place_of_a_file_is_told() {
    let upstream = upstream("one").await;
    let watched = format!("reload_on_change = '100ms'\n{}", route("/a", upstream, ""));
    let gateway = Changing::start(&watched);
    let path = gateway.folder.path().join("gateway.toml");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    // Before that it may be told that the file is gone.
    gateway.gateway.logged("Is a directory", 1).await;
    assert_eq!(gateway.get("/a/x").await.status, 200);
    std::fs::remove_dir(&path).unwrap();
    gateway.write(&(watched + &route("/b", upstream, "")));
    gateway.gateway.logged(SERVED, 1).await;
    assert_eq!(gateway.get("/b/x").await.status, 200);
}

/// A pipe holds a configuration once, so that who writes it to a pipe is not asked for it again.
#[tokio::test]
async fn a_configuration_from_a_pipe_is_read_again_as_a_whole() {
    let upstream = upstream("one").await;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("gateway.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let write = |prefix| {
        let (pipe, config) = (pipe.clone(), route(prefix, upstream, ""));
        std::thread::spawn(move || std::fs::write(pipe, config).unwrap())
    };
    let first = write("/a");
    let path = pipe.to_str().unwrap();
    let gateway = start(&["--config", path, "--listen", "127.0.0.1:0"]);
    first.join().unwrap();
    gateway.signal("HUP");
    write("/b").join().unwrap();
    gateway.logged(SERVED, 1).await;
    assert_eq!(get(format!("{}/b/x", gateway.origin)).await.status, 200);
}

/// Secrets are mounted when they are mounted, and nobody signals.
#[tokio::test]
async fn a_file_that_was_missing_is_looked_for_again() {
    let upstream = upstream("one").await;
    let config = |more: &str| {
        let watched = format!("reload_on_change = '100ms'\n{more}");
        watched + &route("/a", upstream, "")
    };
    let gateway = Changing::start(&config(""));
    let mounted = "[[routes]]\nprefix = '/files'\ndir = 'late'\n";
    gateway.write(&(config("") + mounted));
    gateway.gateway.logged(REFUSED, 1).await;
    std::fs::create_dir(gateway.folder.path().join("late")).unwrap();
    std::fs::write(gateway.folder.path().join("late/x.txt"), "mounted").unwrap();
    gateway.gateway.logged(SERVED, 1).await;
    assert_eq!(gateway.get("/files/x.txt").await.body, "mounted");
    assert_eq!(gateway.gateway.log().matches(REFUSED).count(), 1);
}

/// Its first half may be a configuration, too.
#[tokio::test]
async fn a_file_that_is_written_after_a_refusal_is_left_alone_until_it_is_there() {
    const LATE: Duration = Duration::from_millis(400);
    let upstream = upstream("one").await;
    let watched = format!("reload_on_change = '500ms'\n{}", route("/a", upstream, ""));
    let gateway = Changing::start(&watched);
    gateway.write("nothing");
    gateway.gateway.logged(REFUSED, 1).await;
    // Past the time after which it is read again. A look lies between many writes.
    let mut written = Instant::now();
    for line in 0..80 {
        gateway.write(&format!("{watched}# {}", "line\n# ".repeat(line)));
        let was_late = written.elapsed() > LATE;
        written = Instant::now();
        tokio::time::sleep(Duration::from_millis(45)).await;
        // So busy a machine: the file did lie still from one look to the next, and is rightly served.
        if was_late || written.elapsed() > LATE {
            return;
        }
        assert!(!gateway.gateway.log().contains(SERVED), "{line}");
    }
    gateway.write(&(watched + &route("/b", upstream, "")));
    gateway.gateway.logged(SERVED, 1).await;
    assert_eq!(gateway.get("/b/x").await.status, 200);
}
