//! The layer does what the judgement says, and nothing else.

use std::convert::Infallible;

use http::request::Parts;
use http::{Request, Response, StatusCode};
use same_origin::cors::{CorsLayer, CorsPolicy};
use same_origin::guard::{
    Admitted, Guard, GuardBuilder, GuardError, GuardLayer, GuardService, Mode, Refusal, RefusalPage,
};
use tower::util::service_fn;
use tower::{Layer as _, ServiceExt as _};

use crate::request::request;

const EVIL: [(&str, &str); 2] = [
    ("origin", "https://evil.example"),
    ("sec-fetch-site", "cross-site"),
];

const OWN: [(&str, &str); 2] = [
    ("origin", "http://app.example.com"),
    ("sec-fetch-site", "same-origin"),
];

fn build(builder: &GuardBuilder) -> Guard {
    builder.build().expect("a guard")
}

/// Answers with what the guard has left.
async fn application(request: Request<String>) -> Result<Response<String>, Infallible> {
    let admitted = Admitted::of(request.extensions());
    Ok(Response::new(format!("{admitted:?} {}", request.body())))
}

async fn answer<P>(layer: GuardLayer<P>, request: Request<String>) -> Response<String>
where
    P: RefusalPage<String> + Clone,
{
    let Ok(response) = layer.layer(service_fn(application)).oneshot(request).await;
    response
}

#[tokio::test]
async fn a_refusal_says_why_to_the_server_and_nothing_to_the_client() {
    let guard = build(
        &Guard::builder()
            .hosts(["app.example.com"])
            .trust(["https://partner.example"]),
    );
    let response = answer(GuardLayer::from(guard.clone()), request("POST", &EVIL)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let error = response.extensions().get::<GuardError>().expect("an error");
    assert_eq!(error.refusal(), Refusal::CrossSite);
    assert_eq!(
        error.to_string(),
        "the request is refused: the page is of another site"
    );
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["Origin, Sec-Fetch-Site"]);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    assert_eq!(response.headers().len(), 2);
    assert_eq!(response.body(), "");

    let mut foreign = request("GET", &[]);
    foreign
        .headers_mut()
        .insert("host", "evil.example".parse().unwrap());
    let response = answer(GuardLayer::from(guard), foreign).await;
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    assert!(!response.headers().contains_key("vary"));
}

/// RFC 9112 3.2: no `Host`, several, or an invalid one have to be answered with 400.
#[tokio::test]
async fn a_request_without_a_single_valid_host_is_a_bad_one() {
    for (hosts, status) in [
        (&["app.example.com"][..], 200),
        (&["evil.example"], 421),
        (&["app.example.com:99999"], 421),
        (&["[::1]:655360"], 421),
        (&[], 400),
        (&[""], 400),
        (&["app.example.com", "app.example.com"], 400),
        (&["app.example.com", "evil.example"], 400),
        (&["app.example.com, evil.example"], 400),
        (&["user@app.example.com"], 400),
        (&["app.example.com/x"], 400),
        (&["app.example.com:x"], 400),
    ] {
        let mut request = request("GET", &[]);
        request.headers_mut().remove("host");
        for host in hosts {
            let host = host.parse().unwrap();
            request.headers_mut().append("host", host);
        }
        let guard = build(&Guard::builder().hosts(["app.example.com"]));
        let response = answer(GuardLayer::from(guard), request).await;
        assert_eq!(response.status(), status, "{hosts:?}");
        assert!(!response.headers().contains_key("vary"), "{hosts:?}");
    }
}

#[tokio::test]
async fn in_the_mode_of_credentials_a_refusal_varies_by_them_too() {
    let guard = build(&Guard::builder().mode(Mode::Credentials));
    let fields = [EVIL[0], EVIL[1], ("cookie", "sid=1")];
    let response = answer(GuardLayer::from(guard), request("POST", &fields)).await;
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["Origin, Sec-Fetch-Site, Cookie, Authorization"]);
}

#[tokio::test]
async fn a_page_of_ones_own_cannot_look_like_a_success() {
    let page = |error: &GuardError, request: &Parts| {
        let mut response = Response::new(format!("{} {error}", request.uri.path()));
        response
            .headers_mut()
            .insert("content-type", "text/html".parse().unwrap());
        response
            .headers_mut()
            .insert("vary", "accept, origin".parse().unwrap());
        response
    };
    let layer = GuardLayer::new(build(&Guard::builder())).page(page);
    let response = answer(layer, request("POST", &EVIL)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()["content-type"], "text/html");
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["accept, origin", "Sec-Fetch-Site"]);
    assert!(response.extensions().get::<GuardError>().is_some());
    assert_eq!(
        response.body(),
        "/api/x the request is refused: the page is of another site"
    );
}

#[tokio::test]
async fn the_page_for_development_says_what_to_write() {
    let layer = GuardLayer::new(build(&Guard::builder())).debug();
    let response = answer(layer, request("POST", &EVIL)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(
        response
            .body()
            .contains("add \"https://evil.example\" to trust"),
        "{}",
        response.body()
    );
}

#[tokio::test]
async fn what_is_let_through_is_left_as_it_is_but_for_the_word_on_its_origin() {
    let guard = build(&Guard::builder().trust(["https://partner.example"]));
    let partner = ("origin", "https://partner.example");
    for (method, fields, word) in [
        ("POST", &OWN[..], "Some(OwnOrigin)"),
        ("POST", &OWN[..1], "Some(OwnOrigin)"),
        ("POST", &[partner, EVIL[1]], "Some(TrustedOrigin)"),
        ("GET", &[partner], "Some(TrustedOrigin)"),
        ("GET", &OWN[..1], "Some(OwnOrigin)"),
        ("GET", &EVIL, "Some(ForeignOrigin)"),
        ("GET", &[("origin", "null")], "Some(ForeignOrigin)"),
        ("GET", &[OWN[0], EVIL[0]], "Some(ForeignOrigin)"),
        // Behind a TLS terminator that nobody told of: the browser has compared the rest.
        (
            "POST",
            &[("origin", "https://app.example.com"), OWN[1]],
            "Some(OwnOrigin)",
        ),
        (
            "POST",
            &[
                ("origin", "https://app.example.com"),
                ("sec-fetch-site", "none"),
            ],
            "Some(ForeignOrigin)",
        ),
        ("POST", &[EVIL[0], OWN[1]], "Some(ForeignOrigin)"),
        ("POST", &[("origin", "null"), OWN[1]], "Some(ForeignOrigin)"),
        ("POST", &[], "None"),
        ("GET", &[], "None"),
    ] {
        let mut request = request(method, fields);
        *request.body_mut() = String::from("body");
        let response = answer(GuardLayer::from(guard.clone()), request).await;
        assert_eq!(response.status(), StatusCode::OK, "{method} {fields:?}");
        assert!(response.headers().is_empty());
        assert_eq!(
            *response.body(),
            format!("{word} body"),
            "{method} {fields:?}"
        );
    }
}

/// Behind a TLS terminator that nobody told of, the scheme is all that is not known. Whichever rule lets the page's
/// request through, the browser's word is the same.
#[tokio::test]
async fn the_own_page_behind_a_terminator_is_known_whatever_lets_it_through() {
    let own = ("origin", "https://app.example.com");
    let same_origin = ("sec-fetch-site", "same-origin");
    let cross_site = ("sec-fetch-site", "cross-site");
    let cookie = ("cookie", "sid=1");
    let credentials = Guard::builder().mode(Mode::Credentials);
    let exempt = Guard::builder().dangerously_exempt(["/api/x"]);
    let trusting = Guard::builder().trust(["https://app.example.com"]);
    let public = Guard::builder().public_origins(["http://app.example.com"]);
    let reporting = Guard::builder().report_only(true);
    let strict = Guard::builder();
    for (guard, method, fields, word) in [
        (&strict, "POST", &[own, same_origin][..], "OwnOrigin"),
        (&public, "POST", &[own, same_origin], "OwnOrigin"),
        (&strict, "GET", &[own, same_origin], "OwnOrigin"),
        (&exempt, "POST", &[own, same_origin], "OwnOrigin"),
        (&credentials, "POST", &[own, same_origin], "OwnOrigin"),
        (
            &credentials,
            "POST",
            &[own, same_origin, cookie],
            "OwnOrigin",
        ),
        (&trusting, "POST", &[own, same_origin], "OwnOrigin"),
        (&trusting, "POST", &[own, cross_site], "TrustedOrigin"),
        // Without that word it may be a page of another scheme, which somebody on the network can write.
        (&strict, "GET", &[own], "ForeignOrigin"),
        (&exempt, "POST", &[own], "ForeignOrigin"),
        (&exempt, "POST", &[own, cross_site], "ForeignOrigin"),
        (&credentials, "POST", &[own], "ForeignOrigin"),
        (&credentials, "POST", &[own, cross_site], "ForeignOrigin"),
        (
            &credentials,
            "POST",
            &[own, same_origin, same_origin],
            "ForeignOrigin",
        ),
        (&reporting, "POST", &[own, cross_site], "ForeignOrigin"),
        // The word is about the page that sent it, and not about any other.
        (&strict, "GET", &[EVIL[0], same_origin], "ForeignOrigin"),
        (
            &credentials,
            "POST",
            &[EVIL[0], same_origin],
            "ForeignOrigin",
        ),
        (
            &credentials,
            "POST",
            &[("origin", "https://app.example.com:8443"), same_origin],
            "ForeignOrigin",
        ),
        (
            &credentials,
            "POST",
            &[own, own, same_origin],
            "ForeignOrigin",
        ),
    ] {
        let layer = GuardLayer::from(build(guard));
        let response = answer(layer, request(method, fields)).await;
        let found = response.body();
        assert_eq!(*found, format!("Some({word}) "), "{method} {fields:?}");
    }
}

#[tokio::test]
async fn of_two_guards_the_one_that_trusts_least_counts() {
    let outer = build(&Guard::builder().trust(["https://partner.example"]));
    let inner = build(&Guard::builder().mode(Mode::Credentials));
    let service = GuardService::new(service_fn(application), inner);
    let service = GuardLayer::from(outer).layer(service);
    let fields = [
        ("origin", "https://partner.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let Ok(response) = service.oneshot(request("POST", &fields)).await;
    assert_eq!(response.body(), "Some(ForeignOrigin) ");
}

#[tokio::test]
async fn a_report_refuses_nothing_and_trusts_nobody() {
    let guard = build(&Guard::builder().hosts(["other.example"]).report_only(true));
    let response = answer(GuardLayer::from(guard), request("POST", &EVIL)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.body(), "Some(ForeignOrigin) ");
}

#[tokio::test]
async fn a_guard_is_replaced_under_its_services_and_tried_beside_them() {
    let open = build(&Guard::builder().trust(["https://evil.example"]));
    let closed = build(&Guard::builder());
    let layer = GuardLayer::new(open.clone());
    let (handle, service) = (layer.handle(), layer.layer(service_fn(application)));
    let status = async |fields: &[(&str, &str)]| {
        let Ok(response) = service.clone().oneshot(request("POST", fields)).await;
        response.status()
    };
    assert_eq!(handle.differences(), None);
    handle.report_only(closed.clone());
    assert_eq!(status(&EVIL).await, StatusCode::OK);
    assert_eq!(status(&OWN).await, StatusCode::OK);
    let differences = handle.differences().expect("a candidate");
    assert_eq!(
        (differences.newly_refused, differences.newly_admitted),
        (1, 0)
    );

    handle.replace(closed);
    handle.report_only(open);
    assert_eq!(status(&EVIL).await, StatusCode::FORBIDDEN);
    let differences = handle.differences().expect("a candidate");
    assert_eq!(
        (differences.newly_refused, differences.newly_admitted),
        (0, 1)
    );
    handle.report_only(None);
    assert_eq!(handle.differences(), None);
}

#[tokio::test]
async fn behind_cors_an_allowed_page_reads_the_refusal() {
    let cors = CorsPolicy::builder()
        .allow_origins(["https://spa.example"])
        .build()
        .unwrap();
    let guard = build(&Guard::builder().trust_cors(&cors));
    let service = GuardLayer::from(guard).layer(service_fn(application));
    let service = CorsLayer::from(cors).layer(service);
    let fields = [
        ("origin", "https://spa.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let Ok(response) = service.oneshot(request("POST", &fields)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        response.headers()["access-control-allow-origin"],
        "https://spa.example"
    );
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["Origin, Sec-Fetch-Site"]);
}

#[test]
fn all_of_it_goes_between_threads() {
    fn check<T: Send + Sync + Clone>() {}
    check::<Guard>();
    check::<GuardLayer>();
    check::<GuardService<()>>();
    check::<same_origin::guard::GuardHandle>();
}
