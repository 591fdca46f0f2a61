//! Requests that an upstream of HTTP/2 says it has not processed (RFC 9113 8.7) are not lost.

use crate::support::{get, serve};
use same_origin::proxy::ReverseProxy;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
/// `END_STREAM` and `END_HEADERS`.
const WHOLE: u8 = 5;
const REFUSED_STREAM: u32 = 7;

/// A frame (RFC 9113 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `:status: 200` and nothing else (RFC 7541 A).
fn ok(stream: u32) -> Vec<u8> {
    frame(HEADERS, WHOLE, stream, &[0x88])
}

fn refused(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &REFUSED_STREAM.to_be_bytes())
}

/// A stream that begins.
struct Begun {
    connection: usize,
    stream: u32,
    /// Whether the client has acknowledged the settings.
    settings_known: bool,
}

/// An upstream made of frames. `answer` says what to write when a stream begins.
async fn upstream<A>(settings: &'static [u8], answer: A) -> SocketAddr
where
    A: Fn(&Begun) -> Vec<u8> + Clone + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(speak(stream, connection, settings, answer.clone()));
        }
    });
    address
}

async fn speak(
    mut stream: TcpStream,
    connection: usize,
    settings: &[u8],
    answer: impl Fn(&Begun) -> Vec<u8>,
) {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    // Late, so that the client has all the time to presume what they are.
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream
        .write_all(&frame(SETTINGS, 0, 0, settings))
        .await
        .unwrap();
    let mut settings_known = false;
    let mut head = [0; 9];
    // Until the proxy has gone.
    while stream.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let reply = match (head[3], head[4] & 1) {
            (HEADERS, _) => answer(&Begun {
                connection,
                stream: id,
                settings_known,
            }),
            (SETTINGS, 0) => frame(SETTINGS, 1, 0, &[]),
            (SETTINGS, _) => {
                settings_known = true;
                continue;
            }
            _ => continue,
        };
        stream.write_all(&reply).await.unwrap();
    }
}

async fn proxy_of(upstream: SocketAddr) -> SocketAddr {
    serve(ReverseProxy::new("/api", format!("h2c://{upstream}")).unwrap()).await
}

#[tokio::test]
async fn a_request_above_the_last_stream_of_a_goaway_goes_out_again() {
    let upstream = upstream(&[], |begun| match (begun.connection, begun.stream) {
        // As of a server that ends a connection after one request: 1 is the last, with no error.
        (0, 3) => frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]),
        _ => ok(begun.stream),
    })
    .await;
    let proxy = proxy_of(upstream).await;
    for _ in 0..3 {
        assert_eq!(get(proxy, "/api/x", "").await.status, 200);
    }
}

#[tokio::test]
async fn a_request_that_is_refused_goes_out_again_once() {
    for (refusals, status) in [(1, 200), (2, 502)] {
        let seen = Arc::new(AtomicUsize::new(0));
        let upstream = upstream(&[], {
            let seen = Arc::clone(&seen);
            move |begun| {
                if seen.fetch_add(1, Ordering::SeqCst) < refusals {
                    refused(begun.stream)
                } else {
                    ok(begun.stream)
                }
            }
        });
        // On its first connection, where only a refusal is repeated.
        let proxy = proxy_of(upstream.await).await;
        assert_eq!(get(proxy, "/api/x", "").await.status, status);
        assert_eq!(seen.load(Ordering::SeqCst), 2);
    }
}

/// Nothing has been processed, so it may be sent again to whoever takes it.
#[tokio::test]
async fn a_request_that_one_refuses_goes_to_another() {
    let refusing = upstream(&[], |begun| refused(begun.stream)).await;
    let leaving = upstream(&[], |_| frame(GOAWAY, 0, 0, &[0; 8])).await;
    for unwilling in [refusing, leaving] {
        let willing = upstream(&[], |begun| ok(begun.stream)).await;
        let proxy = ReverseProxy::builder("/api", "")
            .upstreams([unwilling, willing].map(|address| format!("h2c://{address}")));
        let server = serve(proxy.build().unwrap()).await;
        for _ in 0..10 {
            assert_eq!(get(server, "/api/x", "").await.status, 200);
        }
    }
}

/// With a body, so that none of them could be repeated.
#[tokio::test]
async fn no_more_streams_are_opened_than_the_upstream_takes() {
    const TWO_STREAMS: [u8; 6] = [0, 3, 0, 0, 0, 2];
    let upstream = upstream(&TWO_STREAMS, |begun| {
        if begun.settings_known || begun.stream <= 3 {
            ok(begun.stream)
        } else {
            refused(begun.stream)
        }
    });
    let proxy = proxy_of(upstream.await).await;
    let requests = (0..20).map(|_| {
        tokio::spawn(async move {
            let request = "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                           content-length: 4\r\n\r\nbody";
            crate::support::exchange(proxy, request).await.status
        })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), 200);
    }
}
