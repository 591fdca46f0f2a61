//! The cost of a guard around a service that answers at once: this crate beside `tower_http::csrf`.
//!
//! `cargo bench --bench guard` prints a table of rounds in which the layers take turns, so that what slows
//! the machine down slows both of them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use http::{Method, Request, Response};
use same_origin::guard::{Guard, GuardLayer, OwnOrigin};
use tower::{Layer, Service};

/// Answers at once, with nothing.
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
        ready(Ok(Response::new(())))
    }
}

const TRUSTED: usize = 10;

fn trusted(i: usize) -> String {
    format!("https://partner-{i:02}.example.com")
}

fn ours() -> Run {
    let trust = (0..TRUSTED).map(trusted);
    let guard = Guard::builder().trust(trust).build().expect("a guard");
    run(GuardLayer::new(guard).layer(Application))
}

fn ours_with_hosts() -> Run {
    let guard = Guard::builder()
        .trust((0..TRUSTED).map(trusted))
        .hosts(["app.example.com", "www.example.com"])
        .dangerously_exempt(["/api/hook"])
        .build()
        .expect("a guard");
    run(GuardLayer::new(guard).layer(Application))
}

fn tower_http() -> Run {
    let layer = (0..TRUSTED).try_fold(tower_http::csrf::CsrfLayer::new(), |layer, i| {
        layer.add_trusted_origin(trusted(i))
    });
    run(layer.expect("a layer").layer(Application))
}

/// Passes the requests, one by one.
type Run = Box<dyn FnMut(Vec<Request<()>>)>;

fn run<S>(mut service: S) -> Run
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible> + 'static,
{
    Box::new(move |requests| {
        for request in requests {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(service.poll_ready(&mut cx).is_ready());
            assert!(black_box(pin!(service.call(request)).poll(&mut cx)).is_ready());
        }
    })
}

/// The requests of a browser and of a program, with the fields that come along.
fn cases() -> Vec<(&'static str, Request<()>)> {
    let request = |method: Method, fields: &[(&str, &str)]| {
        let mut request = Request::builder()
            .method(method)
            .uri("/api/items?page=2")
            .header("host", "app.example.com")
            .header(
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            )
            .header("accept", "application/json")
            .header("accept-encoding", "gzip, deflate, br, zstd")
            .header("accept-language", "en-US,en;q=0.5")
            .header("cookie", "sid=0123456789abcdef")
            // What a server knows of the connection.
            .extension(OwnOrigin::new(true));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request")
    };
    let (own, partner) = ("https://app.example.com", trusted(TRUSTED - 1));
    vec![
        (
            "GET",
            request(Method::GET, &[("sec-fetch-site", "same-origin")]),
        ),
        (
            "POST of the own page",
            request(
                Method::POST,
                &[("origin", own), ("sec-fetch-site", "same-origin")],
            ),
        ),
        (
            "POST of the own page, old browser",
            request(Method::POST, &[("origin", own)]),
        ),
        (
            "POST of a trusted page",
            request(
                Method::POST,
                &[("origin", &partner), ("sec-fetch-site", "cross-site")],
            ),
        ),
        ("POST of a program", request(Method::POST, &[])),
        (
            "handshake of the own page",
            request(
                Method::GET,
                &[
                    ("origin", own),
                    ("upgrade", "websocket"),
                    ("connection", "Upgrade"),
                ],
            ),
        ),
        (
            "POST of a foreign page, refused",
            request(
                Method::POST,
                &[
                    ("origin", "https://evil.example"),
                    ("sec-fetch-site", "cross-site"),
                ],
            ),
        ),
    ]
}

/// The median time of one unit of each work, in nanoseconds, over rounds in which all take turns.
fn take_turns<const N: usize>(mut work: [&mut dyn FnMut(usize) -> Duration; N]) -> [f64; N] {
    const ROUNDS: usize = 201;
    const BATCH: usize = 1024;
    let mut times = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (work, times) in work.iter_mut().zip(&mut times) {
            times.push(work(BATCH).as_secs_f64() * 1e9 / BATCH as f64);
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    })
}

fn main() {
    // Not when cargo only asks whether the benches run.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    println!("\nWhat the layer adds to a request. In parentheses: allocations.\n");
    println!("| case | tower-http | same-origin | with hosts and an exemption |");
    println!("|---|---:|---:|---:|");
    for (case, request) in cases() {
        let mut runs = [run(Application), tower_http(), ours(), ours_with_hosts()];
        let requests = |n| vec![request.clone(); n];
        let taken = runs.each_mut().map(|run| {
            run(requests(1));
            let one = requests(1);
            measure(|| run(one)).count_total
        });
        let mut timed = runs.each_mut().map(|run| {
            move |n: usize| {
                let requests = requests(n);
                let start = Instant::now();
                run(requests);
                start.elapsed()
            }
        });
        let [none, theirs, ours, hosts] = &mut timed;
        let times = take_turns([none, theirs, ours, hosts]);
        let cell = |i: usize| format!("{:.0} ns ({})", times[i] - times[0], taken[i] - taken[0]);
        println!("| {case} | {} | {} | {} |", cell(1), cell(2), cell(3));
    }
}
