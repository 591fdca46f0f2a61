//! Services, and what becomes of their bodies and failures.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use same_origin::browser::{Body, FetchErrorKind, Request, Web};
use tower::service_fn;
use tower_service::Service;

use super::api::{API, web};

#[tokio::test]
async fn failing_services_are_network_errors_with_their_cause() {
    let failing = service_fn(|_: http::Request<Body>| {
        ready(Err::<Response<String>, _>(std::io::Error::other("down")))
    });
    let cut = service_fn(|_: http::Request<Body>| {
        let response = Response::builder()
            .header("access-control-allow-origin", "*")
            .body(Cut { begun: false });
        ready(Ok::<_, Infallible>(response.expect("a response")))
    });
    let web = Web::new()
        .origin(API, failing)
        .origin("https://cut.test", cut);
    let page = web.page("https://app.test");
    for (url, cause) in [(API, "down"), ("https://cut.test", "cut")] {
        let outcome = page.fetch(url).send().await;
        let error = outcome.error().expect("an error");
        assert_eq!(error.kind(), &FetchErrorKind::Service);
        let mut source = error.source().expect("a cause");
        while let Some(next) = source.source() {
            source = next;
        }
        assert_eq!(source.to_string(), cause);
    }
    let unknown = page.fetch("https://nowhere.test").send().await;
    assert_eq!(
        unknown.error().map(|error| error.kind()),
        Some(&FetchErrorKind::UnknownOrigin(
            "https://nowhere.test".into()
        ))
    );
}

/// A body that breaks off.
struct Cut {
    begun: bool,
}

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let begun = std::mem::replace(&mut self.begun, true);
        Poll::Ready(Some(match begun {
            false => Ok(http_body::Frame::data(Bytes::from("half"))),
            true => Err(std::io::Error::other("cut")),
        }))
    }
}

#[tokio::test]
async fn what_has_no_body_is_shown_without() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
        let chatty = service_fn(move |_: http::Request<Body>| {
            let response = Response::builder()
                .status(status)
                .body(String::from("against HTTP"));
            ready(Ok::<_, Infallible>(response.expect("a response")))
        });
        let web = Web::new().origin(API, chatty);
        let outcome = web.page(API).fetch(Request::new(method, "/x")).send().await;
        assert_eq!(
            outcome.response().expect("a response").text(),
            "",
            "{method} {status}"
        );
    }
}

#[tokio::test]
async fn long_bodies_are_cut_off() {
    let web = web().body_limit(4);
    let page = web.page("https://app.test");
    let fetch = |body: &'static str| page.fetch(Request::post(API).body(body)).send();
    assert!(fetch("1234").await.response().is_ok());
    let outcome = fetch("12345").await;
    assert_eq!(
        outcome.error().map(|error| error.kind()),
        Some(&FetchErrorKind::BodyTooLong(4))
    );
}

#[tokio::test]
async fn each_request_gets_a_ready_clone() {
    /// Counts how often it is polled ready, and is called only then.
    #[derive(Clone)]
    struct Picky {
        polled: bool,
        calls: Arc<AtomicUsize>,
    }
    impl Service<http::Request<Body>> for Picky {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.polled = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<Body>) -> Self::Future {
            assert!(
                std::mem::take(&mut self.polled),
                "called without being polled ready"
            );
            self.calls.fetch_add(1, Ordering::Relaxed);
            ready(Ok(Response::new(String::new())))
        }
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let web = Web::new().origin(
        API,
        Picky {
            polled: false,
            calls: calls.clone(),
        },
    );
    let page = web.page(API);
    assert!(page.fetch("/a").send().await.response().is_ok());
    assert!(page.fetch("/b").send().await.response().is_ok());
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn any_executor_will_do() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let web = Web::new().origin(
        API,
        service_fn(|_: http::Request<Body>| {
            ready(Ok::<_, Infallible>(Response::new(String::from("hi"))))
        }),
    );
    let page = web.page(API);
    let mut sending = pin!(page.fetch("/x").send());
    let outcome = loop {
        match sending.as_mut().poll(&mut cx) {
            Poll::Ready(outcome) => break outcome,
            Poll::Pending => std::thread::park(),
        }
    };
    assert_eq!(outcome.response().expect("a response").text(), "hi");
}

#[tokio::test]
async fn the_request_reaches_the_service_as_http_would_bring_it() {
    let seen = service_fn(async |request: http::Request<Body>| {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("it cannot fail").to_bytes();
        let host = head.headers["host"].to_str().expect("text").to_owned();
        Ok::<_, Infallible>(Response::new(format!(
            "{} {} {host} {}",
            head.method,
            head.uri,
            body.len()
        )))
    });
    let web = Web::new().origin("http://localhost:3000", seen);
    let outcome = web
        .page("http://localhost:3000")
        .fetch(Request::post("/a%20b?c=%2F&d#e").body("xyz"))
        .send()
        .await;
    assert_eq!(
        outcome.response().expect("a response").text(),
        "POST /a%20b?c=%2F&d localhost:3000 3"
    );
}

/// Script gets nothing of a refusal, but whoever looks for its cause does.
#[tokio::test]
async fn the_beginning_of_a_refusal_is_kept() {
    let refusing = service_fn(|request: http::Request<Body>| {
        let (status, body) = match request.uri().path() {
            "/long" => (403, "x".repeat(5000)),
            "/fine" => (200, "fine".to_owned()),
            _ => (403, "why".to_owned()),
        };
        let response = Response::builder().status(status).body(body);
        ready(Ok::<_, Infallible>(response.expect("a response")))
    });
    let page = Web::new().origin(API, refusing).page("https://app.test");
    let refusal = async |request: Request| {
        let outcome = page.fetch(request).send().await;
        assert!(outcome.error().is_some());
        let last = outcome.trace().requests().last().expect("a request");
        last.refusal().clone()
    };
    let at = |path: &str| format!("{API}{path}");
    assert_eq!(refusal(Request::get(at("/x"))).await, "why");
    assert_eq!(refusal(Request::put(at("/x"))).await, "why");
    assert_eq!(refusal(Request::get(at("/long"))).await.len(), 2048);
    assert_eq!(refusal(Request::get(at("/fine"))).await, "");
}

/// Each request is asked about, those that the browser makes on its own included.
#[tokio::test]
async fn what_is_not_permitted_is_not_sent() {
    use std::sync::Mutex;
    let open = service_fn(|request: http::Request<Body>| {
        let response = Response::builder()
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-methods", "PUT");
        let response = match request.method().as_str() {
            "PUT" => response.status(307).header("location", "/there"),
            _ => response,
        };
        ready(Ok::<_, Infallible>(
            response.body(String::new()).expect("a response"),
        ))
    });
    let asked = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&asked);
    let web = Web::new().origin(API, open).permit(move |request| {
        let line = format!("{} {}", request.method(), request.url().path());
        list.lock().expect("a list").push(line);
        request.method() != "PUT" || request.url().path() != "/there"
    });
    let put = Request::put(format!("{API}/here"));
    let outcome = web.page("https://app.test").fetch(put).send().await;
    let kind = outcome.error().expect("an error").kind().clone();
    assert_eq!(kind, FetchErrorKind::Withheld(http::Method::PUT));
    let asked = asked.lock().expect("a list").clone();
    assert_eq!(
        asked,
        ["OPTIONS /here", "PUT /here", "OPTIONS /there", "PUT /there"]
    );
    assert_eq!(outcome.trace().requests().count(), 3);
}
