//! CPU time of a proxied request with a cache and without one, in one run: `cargo bench --bench cache`.
//!
//! One thread is the proxy: hyper's server, a [`ReverseProxy`], its client. Upstream and clients are plain sockets
//! on threads of their own. Measured is the time that the proxy's thread was on a processor, the kernel's work for
//! its sockets included. The kinds of requests take turns, so that what else goes on meets all of them alike; the
//! figures are medians of the rounds, and their ratios to the proxy without a cache.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use same_origin::cache::Cache;
use same_origin::proxy::{Body, ReverseProxy, Transport};
use tower::{Layer, Service};

const CONNECTIONS: usize = 8;
const REQUESTS: usize = 2_000;
const ROUNDS: usize = 15;

fn main() {
    // `cargo test --benches` runs this to see that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") {
        ROUNDS
    } else {
        1
    };
    // `-- alone`, or `-- alone hit`: for a profiler.
    if !std::env::args().any(|argument| argument == "alone") {
        for size in [128, 16 * 1024] {
            table(size, rounds);
        }
    }
    layer_alone(rounds);
}

/// The time that the layer itself takes, around a service that answers at once.
fn layer_alone(rounds: usize) {
    const CALLS: usize = 20_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    let origin = tower::service_fn(|request: http::Request<Body>| async move {
        let is_private = request.uri().path().starts_with("/private");
        let control = if is_private {
            "private"
        } else {
            "max-age=3600"
        };
        let response = http::Response::builder()
            .header("cache-control", control)
            .header("content-type", "text/plain")
            .header("etag", "\"a\"")
            .header("server", "upstream")
            .body(Body::from("x".repeat(128)));
        Ok::<_, Infallible>(response.unwrap())
    });
    let cache = Cache::builder().build().unwrap();
    let cached = cache.layer().layer(origin);
    let ask = |target: String| {
        let request = http::Request::builder()
            .uri(target)
            .header("host", "upstream.example")
            .header("accept", "*/*")
            .header("user-agent", "bench")
            .header("accept-encoding", "gzip")
            .header("x-forwarded-for", "192.0.2.1")
            .header("x-forwarded-host", "app.example")
            .header("x-forwarded-proto", "https")
            .header("via", "1.1 same-origin");
        request.body(Body::empty()).unwrap()
    };
    let mut number = 0;
    let only = std::env::args()
        .skip_while(|argument| argument != "alone")
        .nth(1);
    let mut time = |name: &str, target: fn(usize) -> String, bare: bool| {
        if only.as_ref().is_some_and(|only| !name.contains(&**only)) {
            return;
        }
        let mut times = Vec::new();
        for _ in 0..rounds {
            let began = std::time::Instant::now();
            runtime.block_on(async {
                for _ in 0..CALLS {
                    number += 1;
                    let request = ask(target(number));
                    if bare {
                        let response = origin.clone().call(request).await.unwrap();
                        response.into_body().collect().await.unwrap();
                    } else {
                        let response = cached.clone().call(request).await.unwrap();
                        response.into_body().collect().await.unwrap();
                    }
                }
            });
            times.push(began.elapsed().as_nanos() as f64 / CALLS as f64 / 1000.0);
        }
        println!("| {name} | {:.2} µs |", median(times));
    };
    println!("| the layer alone | a call |");
    println!("|---|---|");
    time("no cache", |_| "/private".to_owned(), true);
    time("miss, may not be stored", |_| "/private".to_owned(), false);
    time("miss, is stored", |number| format!("/{number}"), false);
    time("hit", |_| "/one".to_owned(), false);
}

struct Kind {
    name: &'static str,
    proxy: Proxy,
    /// The target of a request.
    target: fn(usize) -> String,
}

fn table(size: usize, rounds: usize) {
    let plain = |upstream: &str| ReverseProxy::new("/", upstream).unwrap();
    let cached = |upstream: &str| {
        let cache = Cache::builder().build().unwrap();
        let builder = ReverseProxy::builder("/", upstream);
        builder.build_with_layer(&cache.layer()).unwrap()
    };
    let upstream = format!("http://{}", upstream(size));
    let kinds = [
        Kind {
            name: "proxied, no cache",
            proxy: Proxy::start(plain(&upstream)),
            target: |_| "/private".to_owned(),
        },
        Kind {
            name: "miss, may not be stored",
            proxy: Proxy::start(cached(&upstream)),
            target: |_| "/private".to_owned(),
        },
        Kind {
            name: "miss, is stored",
            proxy: Proxy::start(cached(&upstream)),
            target: |number| format!("/{number}"),
        },
        Kind {
            name: "hit",
            proxy: Proxy::start(cached(&upstream)),
            target: |_| "/one".to_owned(),
        },
    ];
    let mut times = [(); 4].map(|()| Vec::new());
    let mut number = 0;
    for round in 0..=rounds {
        for (kind, times) in kinds.iter().zip(&mut times) {
            let before = kind.proxy.time();
            kind.proxy.load(number, kind.target);
            let time = kind.proxy.time() - before;
            // The first round is a warm-up.
            if round > 0 {
                times.push(time as f64 / REQUESTS as f64 / 1000.0);
            }
        }
        number += REQUESTS;
    }
    println!("| body of {size} bytes | CPU time of a request | |");
    println!("|---|---|---|");
    let floor = times[0].clone();
    for (kind, times) in kinds.iter().zip(&times) {
        let ratios = times.iter().zip(&floor).map(|(time, floor)| time / floor);
        let (time, ratio) = (median(times.clone()), median(ratios.collect()));
        println!("| {} | {time:.1} µs | {ratio:.2} |", kind.name);
    }
    println!();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A proxy on a thread of its own.
struct Proxy {
    address: SocketAddr,
    thread: String,
}

impl Proxy {
    fn start<T: Transport + Sync>(service: ReverseProxy<T>) -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let thread = std::fs::read_link("/proc/thread-self").unwrap();
                let thread = format!("/proc/{}/schedstat", thread.display());
                sender
                    .send((listener.local_addr().unwrap(), thread))
                    .unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let service = TowerToHyperService::new(service.clone());
                    let serve = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    tokio::spawn(serve);
                }
            });
        });
        let (address, thread) = receiver.recv().unwrap();
        Self { address, thread }
    }

    /// Nanoseconds that its thread was on a processor.
    fn time(&self) -> u64 {
        let text = std::fs::read_to_string(&self.thread).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    }

    /// Sends as many requests as a round has, over some connections at once.
    fn load(&self, from: usize, target: fn(usize) -> String) {
        thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(self.address).unwrap();
                    stream.set_nodelay(true).unwrap();
                    let mut buffer = Vec::new();
                    for number in (connection..REQUESTS).step_by(CONNECTIONS) {
                        let target = target(from + number);
                        let head = format!(
                            "GET {target} HTTP/1.1\r\nhost: app.example\r\naccept: */*\r\n\r\n"
                        );
                        stream.write_all(head.as_bytes()).unwrap();
                        read_message(&mut stream, &mut buffer);
                    }
                });
            }
        });
    }
}

/// Reads a head and the body that its length announces.
fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    let mut chunk = [0; 32 * 1024];
    buffer.clear();
    loop {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "closed");
        buffer.extend_from_slice(&chunk[..read]);
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split('\r').next().unwrap().parse().unwrap();
        if buffer.len() == end + 4 + length {
            return;
        }
    }
}

/// An upstream whose answers may be stored unless they are private.
fn upstream(size: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |control: &str| {
        let fields =
            "content-type: text/plain\r\netag: \"a\"\r\nserver: upstream\r\nx-request-id: 1";
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\ncache-control: {control}\r\n{fields}\r\n\r\n"
        );
        [head.into_bytes(), vec![b'x'; size]].concat()
    };
    let (public, private) = (answer("max-age=3600"), answer("private"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (public, private) = (public.clone(), private.clone());
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut head = Vec::new();
                let mut chunk = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut chunk) {
                    head.extend_from_slice(&chunk[..read]);
                    if head.ends_with(b"\r\n\r\n") {
                        let is_private = head.starts_with(b"GET /private");
                        let answer = if is_private { &private } else { &public };
                        if stream.write_all(answer).is_err() {
                            return;
                        }
                        head.clear();
                    }
                }
            });
        }
    });
    address
}
