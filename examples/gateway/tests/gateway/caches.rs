//! Routes with a cache: the recipe of a CDN, and compression in front of what is stored.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::client::{Answer, get, send_from};
use crate::gateway;
use crate::process::Process;

const HOUR: (&str, &str) = ("cache-control", "max-age=3600");
const TAG: (&str, &str) = ("etag", "\"a\"");
const TEXT: (&str, &str) = ("content-type", "text/plain");

/// An upstream that answers each path with fields of its own, and notes what it is asked.
struct Upstream {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

type Fields = &'static [(&'static str, &'static str)];

impl Upstream {
    async fn start(paths: &'static [(&'static str, Fields)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                let service = service_fn(move |request: Request<Incoming>| {
                    let target = request.uri().path_and_query().unwrap().to_string();
                    noted.lock().unwrap().push(target);
                    let answer = answer(paths, &request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let serving = hyper::server::conn::http1::Builder::new();
                tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, asked }
    }

    /// The targets since the last call.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn answer(paths: &[(&str, Fields)], request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let fields = paths.iter().find(|(known, _)| *known == path);
    let mut response = Response::builder();
    for (name, value) in fields.map_or(&[][..], |(_, fields)| fields) {
        response = response.header(*name, *value);
    }
    response
        .body(Full::from("all the same. ".repeat(200)))
        .unwrap()
}

async fn ask(gateway: &Process, path: &str, fields: &[(&str, &str)]) -> Answer {
    let url = format!("{}{path}", gateway.origin);
    send_from("GET", &gateway.origin, url, fields).await
}

fn is_hit(answer: &Answer) -> bool {
    answer.field("cache-status").contains("; hit")
}

/// The recipe as it lies in the tree, but for where its upstreams and its files are.
async fn cdn() -> (tempfile::TempDir, Upstream, Process) {
    const PATHS: &[(&str, Fields)] = &[
        ("/prod/hot", &[("cache-control", "s-maxage=60")]),
        (
            "/prod/edge",
            &[
                ("cache-control", "max-age=0"),
                ("cdn-cache-control", "max-age=60"),
            ],
        ),
        ("/prod/own", &[("cache-control", "private, max-age=60")]),
        ("/prod/known", &[("cache-control", "max-age=60")]),
        (
            "/cf-cust-domain/hot",
            &[("cache-control", "public, max-age=60")],
        ),
    ];
    let site = tempfile::tempdir().unwrap();
    let assets = site.path().join("dist/assets");
    std::fs::create_dir_all(&assets).unwrap();
    std::fs::write(site.path().join("dist/index.html"), "<!doctype html>").unwrap();
    std::fs::write(assets.join("app.1a2b3c.js"), "let x = 1;\n".repeat(99)).unwrap();
    let upstream = Upstream::start(PATHS).await;
    let here = format!("http://{}", upstream.address);
    let dist = format!("dir = {:?}", site.path().join("dist"));
    let recipe = include_str!("../../recipes/cloudfront.toml");
    let mut config = recipe.to_owned();
    for (there, here) in [
        (
            "https://abc123.execute-api.eu-west-1.amazonaws.com/prod\"\ncache",
            format!("{here}/prod\"\ncache"),
        ),
        ("https://api.example.com", here),
        ("dir = \"dist\"", dist),
    ] {
        assert_eq!(config.matches(there).count(), 1, "{there}");
        config = config.replace(there, &here);
    }
    (site, upstream, gateway::with(&config))
}

#[tokio::test]
async fn the_cdn_of_the_recipe_keeps_what_the_backend_says() {
    let (_site, upstream, gateway) = cdn().await;
    struct Case {
        path: &'static str,
        fields: &'static [(&'static str, &'static str)],
        control: &'static str,
        is_kept: bool,
    }
    let case = |path, fields, control, is_kept| Case {
        path,
        fields,
        control,
        is_kept,
    };
    const TOKEN: (&str, &str) = ("authorization", "Bearer 1");
    for case in [
        case("/cf-apigw/unmarked", &[], "", false),
        case("/cf-apigw/hot", &[], "s-maxage=60", true),
        // A response that is for everybody by `s-maxage` is so for those with credentials (RFC 9111 3.5).
        case("/cf-apigw/hot?a=1", &[TOKEN], "s-maxage=60", true),
        case("/cf-apigw/edge", &[], "max-age=0", true),
        case("/cf-apigw/own", &[], "private, max-age=60", false),
        case("/cf-apigw/known", &[], "max-age=60", true),
        case("/cf-apigw/known?b=1", &[TOKEN], "max-age=60", false),
        case("/cf-cust-domain/hot", &[], "public, max-age=60", true),
        case("/cf-cust-domain/unmarked", &[], "", false),
    ] {
        for is_second in [false, true] {
            let answer = ask(&gateway, case.path, case.fields).await;
            assert_eq!(answer.status, 200, "{}", case.path);
            assert_eq!(answer.field("cache-control"), case.control, "{}", case.path);
            let expected = is_second && case.is_kept;
            assert_eq!(is_hit(&answer), expected, "{} {is_second}", case.path);
        }
        let asked = upstream.asked();
        let inner = case.path.replacen("/cf-apigw", "/prod", 1);
        let times = if case.is_kept { 1 } else { 2 };
        assert_eq!(asked, vec![inner; times], "{}", case.path);
    }
    // Query strings are in the key, byte for byte.
    for target in ["/cf-apigw/hot?b=2&a=1", "/cf-apigw/hot?a=1&b=2"] {
        assert!(!is_hit(&ask(&gateway, target, &[]).await), "{target}");
    }
}

#[tokio::test]
async fn the_cdn_of_the_recipe_keeps_hashed_files_for_long_and_pages_not_at_all() {
    let (_site, _upstream, gateway) = cdn().await;
    const FOREVER: &str = "public, max-age=31536000, immutable";
    for (path, control) in [
        ("/", "no-cache"),
        ("/orders/7", "no-cache"),
        ("/assets/app.1a2b3c.js", FOREVER),
    ] {
        let answer = ask(&gateway, path, &[("accept-encoding", "br")]).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.field("cache-control"), control, "{path}");
        let is_long = path.starts_with("/assets");
        assert_eq!(answer.field("content-encoding") == "br", is_long, "{path}");
    }
    let missing = get(format!("{}/assets/app.4d5e6f.js", gateway.origin)).await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.field("cache-control"), "no-cache");
}

const PATHS: &[(&str, Fields)] = &[
    ("/text", &[HOUR, TAG, TEXT]),
    (
        "/kept",
        &[
            TAG,
            TEXT,
            ("cache-control", "max-age=3600, no-transform, x=\"a,b\""),
        ],
    ),
    (
        "/coded",
        &[
            HOUR,
            TAG,
            TEXT,
            ("content-encoding", "gzip"),
            ("vary", "accept-encoding"),
        ],
    ),
    ("/image", &[HOUR, TAG, ("content-type", "image/png")]),
    ("/events", &[HOUR, ("content-type", "text/event-stream")]),
    ("/grpc", &[HOUR, ("content-type", "application/grpc+proto")]),
];

async fn compressing() -> (Upstream, Process) {
    let upstream = Upstream::start(PATHS).await;
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/'\nupstream = 'http://{}'\ncache = true\ncompress = true\n",
        upstream.address
    ));
    (upstream, gateway)
}

/// Stored is what the upstream said, once, and each client gets the form that it reads.
#[tokio::test]
async fn one_stored_answer_is_compressed_for_each_client() {
    let (upstream, gateway) = compressing().await;
    for (accepted, tag) in [
        ("zstd", "W/\"a\""),
        ("br", "W/\"a\""),
        ("gzip", "W/\"a\""),
        ("identity", "\"a\""),
        ("br", "W/\"a\""),
    ] {
        let fields = [("accept-encoding", accepted)];
        let answer = ask(&gateway, "/text", &fields).await;
        let coding = if accepted == "identity" { "" } else { accepted };
        assert_eq!(answer.field("content-encoding"), coding, "{accepted}");
        assert_eq!(answer.field("etag"), tag, "{accepted}");
        assert_eq!(answer.field("vary"), "accept-encoding", "{accepted}");
        // The client's copy is still good, and that is said from memory.
        let again = [("accept-encoding", accepted), ("if-none-match", tag)];
        let again = ask(&gateway, "/text", &again).await;
        assert_eq!((again.status.as_u16(), again.field("etag")), (304, tag));
        assert!(is_hit(&again), "{accepted}");
        assert_eq!(again.field("vary"), "accept-encoding", "{accepted}");
    }
    assert_eq!(upstream.asked(), ["/text"]);
}

/// RFC 9110 14.1: a range is one of the bytes that are sent. Of the plain form there are parts, with a strong
/// tag, and the compressed form's weak one makes none of them (13.1.5).
#[tokio::test]
async fn parts_are_of_the_plain_form() {
    let (upstream, gateway) = compressing().await;
    let gzip = ("accept-encoding", "gzip");
    let range = ("range", "bytes=4-6");
    ask(&gateway, "/text", &[gzip]).await;
    for (fields, status, coding, tag) in [
        (&[gzip, range][..], 206, "", "\"a\""),
        (&[gzip, range, ("if-range", "\"a\"")], 206, "", "\"a\""),
        (
            &[gzip, range, ("if-range", "W/\"a\"")],
            200,
            "gzip",
            "W/\"a\"",
        ),
    ] {
        let answer = ask(&gateway, "/text", fields).await;
        assert_eq!(answer.status, status, "{fields:?}");
        assert_eq!(answer.field("content-encoding"), coding, "{fields:?}");
        assert_eq!(answer.field("etag"), tag, "{fields:?}");
        assert_eq!(answer.field("vary"), "accept-encoding", "{fields:?}");
        if status == 206 {
            assert_eq!(answer.body, "the");
        }
    }
    assert_eq!(upstream.asked(), ["/text"]);
}

#[tokio::test]
async fn what_is_not_to_be_compressed_comes_from_memory_as_it_came_from_the_upstream() {
    let (upstream, gateway) = compressing().await;
    for (path, coding) in [
        ("/kept", ""),
        ("/coded", "gzip"),
        ("/image", ""),
        ("/events", ""),
        ("/grpc", ""),
    ] {
        for is_second in [false, true] {
            let answer = ask(&gateway, path, &[("accept-encoding", "gzip, br, zstd")]).await;
            assert_eq!(answer.field("content-encoding"), coding, "{path}");
            assert_eq!(answer.body.len(), "all the same. ".len() * 200, "{path}");
            assert!(!answer.field("etag").starts_with('W'), "{path}");
            assert_eq!(is_hit(&answer), is_second, "{path}");
        }
        assert_eq!(upstream.asked(), [path]);
    }
}

/// The access log names an upstream where one was asked.
#[tokio::test]
async fn a_line_names_the_upstream_that_was_asked() {
    let upstream = Upstream::start(&[("/kept", &[HOUR])]).await;
    let address = upstream.address;
    let gateway = gateway::with(&format!(
        "[log]\naccess = 'stderr'\n[[routes]]\nprefix = '/'\nupstream = 'http://{address}'\ncache = true\n"
    ));
    let only_stored = ("cache-control", "only-if-cached");
    for (path, fields, status) in [
        ("/kept", &[][..], 200),
        ("/kept", &[only_stored], 200),
        ("/none", &[only_stored], 504),
        ("/none", &[("cache-control", "no-store")], 200),
    ] {
        let answer = ask(&gateway, path, fields).await;
        assert_eq!(answer.status, status, "{path} {fields:?}");
    }
    gateway.signal("TERM");
    let (_, log) = gateway.ended();
    let lines = log.lines().filter(|line| line.contains("\"GET /"));
    let asked = lines.map(|line| {
        let (_, cache) = line.split_once(" cache=").unwrap();
        (cache, line.contains(&format!(" upstream={address}")))
    });
    let wanted = [
        ("miss", true),
        ("hit", false),
        ("bypass", false),
        ("bypass", true),
    ];
    assert_eq!(asked.collect::<Vec<_>>(), wanted, "{log}");
}
