//! The pure steps of the proxy alone: a client service that answers at once takes the network's place.
//!
//! `cargo bench --bench rewrite` measures each case with criterion, and prints how often it allocates.
//! `head` is what it costs to make and drop the same request and response without a proxy.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use criterion::{BatchSize, Criterion, Throughput};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use same_origin::proxy::{Body, Peer, ReverseProxy, Transport, check};
use tower::Service;

/// Answers at once, with these fields.
#[derive(Clone)]
struct Upstream(HeaderMap);

impl Service<Request<Body>> for Upstream {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        black_box(&request);
        let mut response = Response::new(Body::empty());
        *response.headers_mut() = self.0.clone();
        ready(Ok(response))
    }
}

fn fields(fields: &[(&str, &str)]) -> HeaderMap {
    let one = |(name, value): &(&str, &str)| {
        let name = HeaderName::try_from(*name).expect("a name");
        (name, HeaderValue::try_from(*value).expect("a value"))
    };
    fields.iter().map(one).collect()
}

const BROWSER: [(&str, &str); 14] = [
    ("host", "app.example.com"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    ("accept", "application/json, text/plain, */*"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://app.example.com/items"),
    (
        "authorization",
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ),
    (
        "cookie",
        "session=0123456789abcdef; theme=dark; locale=en-GB",
    ),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-site", "same-origin"),
    ("priority", "u=4"),
    ("cache-control", "no-cache"),
    ("connection", "keep-alive"),
];
const SIGNED: &str = "/api/bucket/a%20key/with%2Fslashes/and-a-name.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261120%2Feu-west-1%2Fs3%2Faws4_request\
    &X-Amz-Date=20261120T120000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host\
    &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

/// The requests and the fields of their responses.
fn cases() -> Vec<(&'static str, Request<()>, HeaderMap)> {
    let request = |uri: &str, headers: &[(&str, &str)]| {
        let mut request = Request::get(uri).body(()).expect("a request");
        *request.headers_mut() = fields(headers);
        request
    };
    let host = ("host", "app.example.com");
    let plain = fields(&[
        ("content-type", "application/json"),
        ("content-length", "2"),
    ]);
    let mapped = fields(&[
        ("location", "https://api.example.com/prod/items/17?page=2"),
        (
            "set-cookie",
            "session=1; Domain=api.example.com; Path=/prod; Secure; HttpOnly",
        ),
        ("content-length", "0"),
    ]);
    let hops = [
        host,
        ("connection", "keep-alive, x-secret, te"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("x-secret", "1"),
        ("proxy-connection", "keep-alive"),
    ];
    let claims = [
        host,
        ("x-forwarded-for", "203.0.113.7, 10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "203.0.113.7"),
        ("forwarded", "for=203.0.113.7;proto=https"),
    ];
    vec![
        (
            "one field",
            request("/api/items?page=2", &[host]),
            plain.clone(),
        ),
        (
            "a browser's head",
            request("/api/items?page=2", &BROWSER),
            plain.clone(),
        ),
        ("a signed URL", request(SIGNED, &[host]), plain.clone()),
        (
            "hop-by-hop fields",
            request("/api/items", &hops),
            plain.clone(),
        ),
        ("a stranger's claims", request("/api/items", &claims), plain),
        (
            "a redirect and a cookie",
            request("/api/items", &[host]),
            mapped,
        ),
    ]
}

/// Polls once what cannot wait.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the upstream answers at once"),
    }
}

fn body(request: &Request<()>) -> Request<Body> {
    request.clone().map(|()| Body::empty())
}

/// The answer to a request whose client the proxy is told of.
fn known<T: Transport>(
    peer: &Peer,
    mut request: Request<Body>,
    proxy: &ReverseProxy<T>,
) -> impl Future<Output = Response<Body>> + use<T> {
    request.extensions_mut().insert(peer.clone());
    let answered = proxy.clone().call(request);
    async {
        let Ok(response) = answered.await;
        response
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let peer = Peer::new(SocketAddr::from(([192, 0, 2, 1], 4711)));
    let mut allocations = Vec::new();
    let mut group = criterion.benchmark_group("rewrite");
    for (name, request, answer) in cases() {
        let upstream = Upstream(answer);
        let proxy = ReverseProxy::builder("/api", "https://api.example.com/prod");
        let proxy = proxy.build_with_client(upstream.clone()).expect("a proxy");
        group.bench_function(format!("{name}, head"), |bencher| {
            let mut upstream = upstream.clone();
            bencher.iter_batched(
                || body(&request),
                |request| now(upstream.call(request)),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || body(&request),
                |request| now(known(&peer, request, &proxy)),
                BatchSize::SmallInput,
            );
        });
        let (plain, proxied) = (body(&request), body(&request));
        let without = measure(|| drop(now(upstream.clone().call(plain)))).count_total;
        let with = measure(|| drop(now(known(&peer, proxied, &proxy)))).count_total;
        allocations.push((name, without, with));
    }
    group.finish();

    let mut group = criterion.benchmark_group("check");
    let long = "/a-segment%20of-a-path".repeat(50);
    for (name, path) in [("short", "/api/items"), ("1 KiB", &long)] {
        group.throughput(Throughput::Bytes(path.len() as u64));
        let request = Request::get(path).header("host", "app.example").body(());
        let request = request.expect("a request");
        group.bench_function(name, |bencher| bencher.iter(|| check(black_box(&request))));
    }
    group.finish();

    println!("\n| allocations | head | proxied |\n|---|---|---|");
    for (name, without, with) in allocations {
        println!("| {name} | {without} | {with} |");
    }
    criterion.final_summary();
}
