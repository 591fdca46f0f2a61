//! A thousand changes, one after the other, under load.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Changing, route};
use crate::client::{Answer, upstream};
use crate::process::Process;

/// Resources of a process: descriptors, threads, and memory in KiB.
fn held_by(gateway: &Process) -> (usize, usize, usize) {
    let proc = format!("/proc/{}", gateway.id());
    let count = |what: &str| std::fs::read_dir(format!("{proc}/{what}")).unwrap().count();
    let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let rss = rss.unwrap().trim().strip_suffix(" kB").unwrap();
    (count("fd"), count("task"), rss.trim().parse().unwrap())
}

/// Asks again and again by connections that stay open, until it is to end. Each answer has to be one.
async fn load(address: SocketAddr, path: &'static str, end: Arc<AtomicBool>) -> usize {
    let mut requests = 0;
    while !end.load(Ordering::Relaxed) {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..50 {
            let request = Request::get(path).header("host", "a");
            let request = request.body(Empty::<Bytes>::new()).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert!(!Answer::read(answer).await.body.is_empty());
            requests += 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    requests
}

/// With all that a route may have: a cache, a list of upstreams, a policy, a limit that differs each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_lose_no_request_and_leave_nothing_behind() {
    let (one, two) = (upstream("one").await, upstream("two").await);
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("index.html"), "page").unwrap();
    let config = |number: usize| {
        let mut text = format!("[log]\naccess = 'access{}.log'\n", number % 2);
        text += &route("/same", one, "cache = true");
        let limits = format!("limits = {{ in_flight = {} }}", 100 + number % 7);
        text += &route(
            "/changed",
            if number.is_multiple_of(2) { one } else { two },
            &limits,
        );
        let _ = write!(
            text,
            "[[routes]]\nprefix = '/list'\nupstream = ['http://{one}', 'http://{two}']\n\
             cors = {{ allow_origins = ['https://app{}.example.com'] }}\n\
             [[routes]]\nprefix = '/'\ndir = {:?}\n",
            number % 5,
            site.path()
        );
        text += &route(&format!("/extra{}", number % 3), two, "cache = true");
        text
    };
    let gateway = Changing::start(&config(0));
    let end = Arc::new(AtomicBool::new(false));
    let paths = ["/same/x", "/changed/x", "/list/x", "/index.html"];
    let clients = paths.map(|path| {
        let load = load(gateway.gateway.address(), path, Arc::clone(&end));
        tokio::spawn(load)
    });
    let mut settled = (0, 0, 0);
    for number in 1..=1000 {
        gateway.serve(&config(number)).await;
        if number == 200 {
            settled = held_by(&gateway.gateway);
        }
    }
    let held = held_by(&gateway.gateway);
    end.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 100);
    }
    // Connections come and go: some more descriptors are not a leak, of 800 reloads.
    assert!(
        held.0 <= settled.0 + 50,
        "descriptors: {settled:?}, {held:?}"
    );
    assert!(held.1 <= settled.1 + 8, "threads: {settled:?}, {held:?}");
    assert!(
        held.2 <= settled.2 + 8 * 1024,
        "memory: {settled:?}, {held:?}"
    );
    let log = gateway.gateway.log();
    assert!(!log.contains("ERROR"), "{log}");
    // A known problem is not said again.
    assert!(log.matches("WARN").count() <= 1, "{log}");
}
