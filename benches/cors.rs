//! The cost of a CORS layer around a service that answers at once: this crate beside `tower_http::cors`.
//!
//! `cargo bench --bench cors` measures each case with criterion, and at the end prints a table of ratios
//! from rounds in which the layers take turns, so that what slows the machine down slows all of them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use criterion::{BatchSize, BenchmarkId, Criterion};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use same_origin::cors::{CorsLayer, CorsPolicy};
use tower::{Layer, Service};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
];
const HEADERS: [&str; 12] = [
    "authorization",
    "content-type",
    "x-a",
    "x-b",
    "x-c",
    "x-d",
    "x-e",
    "x-f",
    "x-g",
    "x-h",
    "x-i",
    "x-j",
];
const LENGTHS: [usize; 3] = [1, 100, 10_000];

/// Answers at once, with one header.
#[derive(Clone)]
struct Application;

impl Service<Request<()>> for Application {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        drop(request);
        let mut response = Response::new(());
        let json = HeaderValue::from_static("application/json");
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, json);
        ready(Ok(response))
    }
}

fn origin(i: usize) -> String {
    format!("https://tenant-{i:05}.example.com")
}

fn ours(
    origins: usize,
) -> impl Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone {
    let policy = CorsPolicy::builder()
        .allow_origins((0..origins).map(origin))
        .allow_credentials(true)
        .allow_methods(METHODS)
        .allow_headers(HEADERS)
        .expose_headers(["x-request-id"])
        .max_age(Duration::from_secs(600))
        .build()
        .expect("a policy");
    CorsLayer::from(policy).layer(Application)
}

fn tower_http(
    origins: usize,
) -> impl Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone {
    let value = |i| HeaderValue::try_from(origin(i)).expect("a value");
    tower_http::cors::CorsLayer::new()
        .allow_origin((0..origins).map(value).collect::<Vec<_>>())
        .allow_credentials(true)
        .allow_methods(METHODS)
        .allow_headers(HEADERS.map(HeaderName::from_static))
        .expose_headers([HeaderName::from_static("x-request-id")])
        .max_age(Duration::from_secs(600))
        .layer(Application)
}

/// The requests, with the fields that come along; the allowed origin is the last of the list.
fn cases(origins: usize) -> Vec<(&'static str, Request<()>)> {
    let base = |method: Method| {
        Request::builder()
            .method(method)
            .uri("/api/items?page=2")
            .header("host", "api.example.com")
            .header(
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            )
            .header("accept", "application/json")
            .header("accept-encoding", "gzip, deflate, br, zstd")
    };
    let allowed = origin(origins - 1);
    let actual = |origin: &str| {
        base(Method::GET)
            .header("origin", origin)
            .body(())
            .expect("a request")
    };
    let preflight = |names: &str| {
        let request = base(Method::OPTIONS).header("origin", &allowed);
        let request = request.header("access-control-request-method", "PUT");
        request
            .header("access-control-request-headers", names)
            .body(())
            .expect("a request")
    };
    vec![
        ("no Origin", base(Method::GET).body(()).expect("a request")),
        ("allowed", actual(&allowed)),
        ("refused", actual("https://tenant-99999.example.net")),
        ("preflight", preflight("authorization,content-type")),
        ("preflight, 10 headers", preflight(&HEADERS[2..].join(","))),
        (
            "preflight, 64 KiB list",
            preflight(&"x-a,x-j,".repeat(8 << 10)),
        ),
    ]
}

fn answer<S>(service: &mut S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    assert!(black_box(pin!(service.call(request)).poll(&mut cx)).is_ready());
}

/// A layer to be measured, behind one type.
struct Peer {
    name: &'static str,
    /// Passes the requests, one by one.
    run: Box<dyn FnMut(Vec<Request<()>>)>,
    /// Clones the service so many times.
    clone: Box<dyn FnMut(usize)>,
}

fn peer<S>(name: &'static str, service: S) -> Peer
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone + 'static,
{
    let mut used = service.clone();
    Peer {
        name,
        run: Box::new(move |requests| {
            requests
                .into_iter()
                .for_each(|request| answer(&mut used, request))
        }),
        clone: Box::new(move |n| (0..n).for_each(|_| drop(black_box(black_box(&service).clone())))),
    }
}

fn peers(origins: usize) -> [Peer; 3] {
    [
        peer("no layer", Application),
        peer("tower-http", tower_http(origins)),
        peer("same-origin", ours(origins)),
    ]
}

fn criterion(c: &mut Criterion) {
    for origins in LENGTHS {
        let mut peers = peers(origins);
        for (case, request) in cases(origins) {
            let mut group = c.benchmark_group(case);
            for peer in &mut peers {
                group.bench_function(BenchmarkId::new(peer.name, origins), |b| {
                    b.iter_batched(
                        || vec![request.clone()],
                        &mut peer.run,
                        BatchSize::SmallInput,
                    );
                });
            }
        }
        let mut group = c.benchmark_group("clone of the service");
        for peer in &mut peers {
            group.bench_function(BenchmarkId::new(peer.name, origins), |b| {
                b.iter(|| (peer.clone)(1))
            });
        }
    }
}

/// The median time of one unit of each work, in nanoseconds, over rounds in which all take turns.
fn take_turns<const N: usize>(mut work: [&mut dyn FnMut(usize) -> Duration; N]) -> [f64; N] {
    const ROUNDS: usize = 101;
    // Longer than the clock's grain, shorter than the scheduler's slices.
    const ROUND: Duration = Duration::from_micros(200);
    let batches = work.each_mut().map(|work| {
        let one = (*work)(16).max((*work)(16)) / 16;
        (ROUND.as_nanos() / one.as_nanos().max(1)).clamp(1, 4096) as usize
    });
    let mut times = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for i in 0..N {
            times[i].push(work[i](batches[i]).as_secs_f64() * 1e9 / batches[i] as f64);
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    })
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn table() {
    println!(
        "\nThe time that the layer adds to a request; a clone by itself. In parentheses: allocations.\n"
    );
    println!("| case | origins | tower-http | same-origin | ratio |");
    println!("|---|---:|---:|---:|---:|");
    for origins in LENGTHS {
        let mut peers = peers(origins);
        for (case, request) in cases(origins) {
            let requests = |n| vec![request.clone(); n];
            let taken = peers.each_mut().map(|peer| {
                let one = requests(1);
                measure(|| (peer.run)(one)).count_total
            });
            let [none, theirs, ours] = peers.each_mut().map(|peer| {
                move |n| {
                    let requests = requests(n);
                    timed(|| (peer.run)(requests))
                }
            });
            let [none, theirs, ours] = take_turns([&mut { none }, &mut { theirs }, &mut { ours }]);
            let more = |i: usize| taken[i].saturating_sub(taken[0]);
            row(
                case,
                origins,
                (theirs - none, more(1)),
                (ours - none, more(2)),
            );
        }
        let [_, theirs, ours] = &mut peers;
        let taken = [&mut *theirs, &mut *ours].map(|peer| measure(|| (peer.clone)(1)).count_total);
        let times = take_turns([&mut |n| timed(|| (theirs.clone)(n)), &mut |n| {
            timed(|| (ours.clone)(n))
        }]);
        row(
            "clone of the service",
            origins,
            (times[0], taken[0]),
            (times[1], taken[1]),
        );
    }
}

fn row(case: &str, origins: usize, theirs: (f64, u64), ours: (f64, u64)) {
    let ratio = ours.0 / theirs.0;
    println!(
        "| {case} | {origins} | {:.0} ns ({}) | {:.0} ns ({}) | {ratio:.2} |",
        theirs.0, theirs.1, ours.0, ours.1
    );
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    criterion(&mut c);
    c.final_summary();
    // Not when cargo only asks whether the benches run.
    if std::env::args().any(|arg| arg == "--bench") {
        table();
    }
}
