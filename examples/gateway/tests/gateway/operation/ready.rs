//! Readiness that hangs on upstreams.

use std::net::TcpListener;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::client::{get, upstream};
use crate::gateway::{self, file};

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn readiness_hangs_on_an_upstream_where_that_is_asked_for() {
    let upstream = upstream("up").await;
    let port = free_port();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone_at = gone.local_addr().unwrap();
    drop(gone);
    let config = format!(
        "[admin]\nlisten = '127.0.0.1:{port}'\nready_upstreams = ['/api/', '/late']\n\
         [[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}/v1'\ncache = true\n\
         [[routes]]\nprefix = '/late'\nupstream = 'http://{gone_at}'\n\
         [[routes]]\nprefix = '/never'\nupstream = 'http://127.0.0.1:1'\n"
    );
    let _gateway = gateway::with(&config);
    let ready = async || get(format!("http://127.0.0.1:{port}/readyz")).await;
    let answer = ready().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, "the upstream of /late does not answer\n");
    // Whatever it answers, it does.
    let late = tokio::net::TcpListener::bind(gone_at).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = late.accept().await {
            // A socket that is closed with something unread is reset.
            let _request = stream.read(&mut [0; 4096]).await;
            let answer = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _closed = stream.write_all(answer).await;
        }
    });
    for _ in 0..100 {
        if ready().await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never ready: {:?}", ready().await);
}

/// A busy gateway is ready: were it not, its load would go to the next one, and so on.
#[tokio::test]
async fn readiness_does_not_wait_for_a_place_of_a_busy_route() {
    let (begins, mut begun) = mpsc::channel(8);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let begins = begins.clone();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).await.unwrap();
                if head[..read].starts_with(b"HEAD") {
                    let _gone = stream.write_all(b"HTTP/1.1 204 Well\r\n\r\n").await;
                    return;
                }
                // The request lasts as long as its connection.
                begins.send(()).await.unwrap();
                let _gone = stream.read(&mut head).await;
            });
        }
    });
    let port = free_port();
    for cache in ["", "cache = true\n"] {
        let gateway = gateway::with(&format!(
            "[admin]\nlisten = '127.0.0.1:{port}'\nready_upstreams = ['/api']\n\
             [[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n{cache}\
             [routes.limits]\nin_flight = 2\nclient_share = 1.0\nconnection_share = 1.0\n"
        ));
        let busy = |path: &str| tokio::spawn(get(format!("{}/api/{path}", gateway.origin)));
        let requests = [busy("a"), busy("b")];
        for _ in &requests {
            begun.recv().await.unwrap();
        }
        let ready = get(format!("http://127.0.0.1:{port}/readyz")).await;
        assert_eq!((ready.status.as_u16(), &*ready.body), (200, "ok\n"));
    }
}

/// The probe is not the route's: its cache and its connections stay when readiness begins or ceases to hang on it.
#[tokio::test]
async fn a_route_stays_when_readiness_begins_to_hang_on_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _request = stream.read(&mut [0; 4096]).await;
            let answer = b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n\
                content-length: 1\r\nconnection: close\r\n\r\na";
            let _closed = stream.write_all(answer).await;
        }
    });
    let port = free_port();
    let config = |ready: &str, upstream: &str| {
        format!(
            "[admin]\nlisten = '127.0.0.1:{port}'\nready_upstreams = [{ready}]\n\
             [[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\ncache = true\n"
        )
    };
    let upstream = upstream.to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &config("", &upstream));
    let gateway = gateway::start(&["--config", &path, "--listen", "127.0.0.1:0"]);
    let status = async || get(format!("http://127.0.0.1:{port}/readyz")).await.status;
    let kept = async || {
        let answer = get(format!("{}/api/x", gateway.origin)).await;
        answer.field("cache-status").contains("hit")
    };
    assert!(!kept().await && kept().await);
    for (times, ready) in ["'/api'", "", "'/api'"].into_iter().enumerate() {
        file(folder.path(), &config(ready, &upstream));
        gateway.signal("HUP");
        gateway.logged("unchanged=1", times + 1).await;
        assert!(kept().await, "{ready}");
        assert_eq!(status().await, 200);
    }
    file(folder.path(), &config("", "127.0.0.1:1"));
    gateway.signal("HUP");
    gateway.logged("unchanged=0", 1).await;
    assert_eq!(status().await, 200);
    file(folder.path(), &config("'/api'", "127.0.0.1:1"));
    gateway.signal("HUP");
    gateway.logged("unchanged=1", 4).await;
    assert_eq!(status().await, 503);
}
