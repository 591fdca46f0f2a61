//! Memory that a cache takes, by the allocator's count: its bound is one on what it holds.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use same_origin::cache::Cache;
use tower::{Layer, Service, ServiceExt};

/// The head of a common answer of an API.
const REAL: [(&str, &str); 17] = [
    ("date", "Fri, 27 Nov 2026 23:00:00 GMT"),
    ("etag", "\"5d8c72a5edda8d6a\""),
    ("content-type", "application/json; charset=utf-8"),
    ("last-modified", "Fri, 27 Nov 2026 23:00:00 GMT"),
    ("vary", "Accept-Encoding"),
    ("server", "nginx/1.22.1"),
    ("x-request-id", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-ratelimit-limit", "100"),
    ("x-ratelimit-remaining", "99"),
    ("x-ratelimit-reset", "1795821600"),
    ("x-runtime", "0.012345"),
    ("x-powered-by", "Express"),
];

type Fields = Vec<(String, String)>;

/// As many as make the tables' growth a small part of it.
const ANSWERS: usize = 3000;

/// An allocator's header, and what it rounds up.
const ALLOCATION: i64 = 16;

fn answer(fields: &[(String, String)], body: usize) -> Response<Body> {
    let mut response = Response::new(Body::from("x".repeat(body)));
    let headers = response.headers_mut();
    headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
    headers.insert("content-length", HeaderValue::from(body));
    for (name, value) in fields {
        // As from a connection: a name and a value of its own.
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    response
}

/// Bytes that are held and that are counted, after many answers with these fields.
fn held_and_counted(fields: &[(String, String)], body: usize, size: u64) -> (i64, i64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let cache = Cache::builder()
        .size(size)
        .object(size / 4)
        .build()
        .unwrap();
    let fields: Arc<[(String, String)]> = fields.into();
    let origin = tower::service_fn(move |_: Request<Body>| {
        let answer = answer(&fields, body);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut service = cache.layer().layer(origin);
    let mut fill = async || {
        for number in 0..ANSWERS {
            let request = Request::get(format!("/items/{number}"))
                .header("host", "app.example")
                .header("accept-encoding", "gzip, deflate, br");
            let request = request.body(Body::empty()).unwrap();
            let response = service.ready().await.unwrap().call(request).await.unwrap();
            response.into_body().collect().await.unwrap();
        }
    };
    let measured = allocation_counter::measure(|| runtime.block_on(fill()));
    let held = measured.bytes_current + ALLOCATION * measured.count_current;
    let stats = cache.stats();
    assert!(stats.entries > 0);
    (held, i64::try_from(stats.bytes).unwrap())
}

/// Heads of some kinds, with the lengths of their bodies.
fn heads() -> [(&'static str, Fields, usize); 5] {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let many = |number: usize| (format!("x-h{number}"), number.to_string());
    [
        ("few", Vec::new(), 2),
        ("real", REAL.iter().map(owned).collect(), 300),
        ("many", (0..40).map(many).collect(), 2),
        (
            "lines",
            (0..40)
                .map(|number| ("link".to_owned(), format!("</{number}>")))
                .collect(),
            2,
        ),
        ("body", Vec::new(), 20_000),
    ]
}

/// One test, on one thread: what moka lets go of is freed by whichever thread comes next, and counted there.
#[test]
fn what_is_counted_is_what_is_held_and_is_bounded() {
    for (name, fields, body) in heads() {
        let (held, counted) = held_and_counted(&fields, body, 400_000_000);
        let is_near = 5 * held < 6 * counted && 5 * counted < 6 * held;
        assert!(is_near, "{name}: {held} held, {counted} counted");
    }
    for (name, fields, body) in heads() {
        let (held, counted) = held_and_counted(&fields, body, 2_000_000);
        // Besides, a cache has tables that do not grow.
        assert!(held < 2_600_000, "{name}: {held} held, {counted} counted");
    }
}
