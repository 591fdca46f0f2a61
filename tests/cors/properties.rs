//! Properties of any policy that builds and any request.

use std::convert::Infallible;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{HeaderValue, Method, Request};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use same_origin::cors::{Any, CorsBuilder, CorsLayer, CorsPolicy, PolicyErrorKind};
use same_origin::origin::{Origin, OriginPattern, OriginSet};
use tower::{Layer as _, Service as _, service_fn};

use crate::browser::Response;

/// Settings in a form that the model understands.
#[derive(Clone, Debug)]
struct Model {
    /// None: all.
    origins: Option<Vec<String>>,
    null: bool,
    credentials: bool,
    methods: Option<Vec<&'static str>>,
    headers: Option<Vec<&'static str>>,
    /// With all headers, this one too.
    authorization: bool,
}

#[derive(Clone, Debug)]
struct Asked {
    origin: Option<HeaderValue>,
    method: Method,
    /// Of a preflight; with how the list is written.
    requested: Option<(&'static str, Vec<&'static str>, String)>,
}

const METHODS: [&str; 4] = ["PUT", "PATCH", "eGg", "OPTIONS"];
const HEADERS: [&str; 5] = ["authorization", "content-type", "x-a", "x-ab", "x-b"];

/// Few enough that they often meet.
fn origin() -> impl Strategy<Value = String> {
    let hosts = [
        "example.com",
        "a.example.com",
        "b.a.example.com",
        "evilexample.com",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "a.example.com.",
        "-",
    ];
    let extension = select(&["a", "B"][..]).prop_map(|host| format!("moz-extension://{host}"));
    let usual = (
        select(&["https", "http", "app"][..]),
        select(hosts.to_vec()),
        select(vec!["", ":8080", ":1"]),
    )
        .prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}"));
    let odd = select(
        &[
            "app://.",
            "app://.example.com",
            "app://A..example.com",
            "app://",
            "file://",
        ][..],
    )
    .prop_map(String::from);
    prop_oneof![8 => usual, 1 => extension, 1 => odd]
}

fn pattern() -> impl Strategy<Value = String> {
    let wild = (
        select(&["https", "app"][..]),
        select(vec!["*.", ""]),
        select(vec!["example.com", "a.example.com", "localhost"]),
    )
        .prop_flat_map(|(scheme, star, host)| {
            select(vec!["", ":8080", ":*"])
                .prop_map(move |port| format!("{scheme}://{star}{host}{port}"))
        });
    prop_oneof![6 => origin(), 6 => wild, 1 => Just(String::from("moz-extension://*"))]
}

/// Values of `Origin`, most of them as browsers send them.
fn sent_origin() -> impl Strategy<Value = HeaderValue> {
    let text = |text: String| HeaderValue::from_str(&text).unwrap();
    prop_oneof![
        6 => origin().prop_map(text),
        1 => Just(HeaderValue::from_static("null")),
        1 => (origin(), select(vec!["/", ":443", ".", "#", "@evil.example", ",https://evil.example"]))
            .prop_map(move |(origin, tail)| text(origin + tail)),
        1 => origin().prop_map(move |origin| text(origin.to_uppercase())),
        1 => prop::collection::vec(32_u8..127, 0..40).prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap()),
    ]
}

fn model() -> impl Strategy<Value = Model> {
    (
        prop::option::weighted(0.8, prop::collection::vec(pattern(), 0..6)),
        any::<bool>(),
        any::<bool>(),
        prop::option::weighted(0.8, subsequence(METHODS.to_vec(), 0..=4)),
        prop::option::weighted(0.8, subsequence(HEADERS.to_vec(), 0..=5)),
        any::<bool>(),
    )
        .prop_map(
            |(origins, null, credentials, methods, headers, authorization)| Model {
                origins,
                null,
                credentials,
                methods,
                headers,
                authorization,
            },
        )
}

fn asked() -> impl Strategy<Value = Asked> {
    let method = || {
        select(vec![
            "GET", "HEAD", "POST", "PUT", "PATCH", "eGg", "put", "OPTIONS",
        ])
    };
    // All the ways in which HTTP lets a list be written.
    let list = (
        subsequence(HEADERS.to_vec(), 0..=5).prop_shuffle(),
        any::<bool>(),
        select(vec![",", ", ", "\t,,", " ,\t"]),
    )
        .prop_map(|(names, upper, comma)| {
            let written = names.join(comma);
            (
                names,
                if upper {
                    written.to_uppercase()
                } else {
                    written
                },
            )
        });
    let requested = (method(), list).prop_map(|(method, (names, list))| (method, names, list));
    (
        prop::option::weighted(0.9, sent_origin()),
        method(),
        prop::option::of(requested),
    )
        .prop_map(|(origin, method, requested)| {
            let method = if requested.is_some() {
                "OPTIONS"
            } else {
                method
            };
            Asked {
                origin,
                method: method.parse().unwrap(),
                requested,
            }
        })
}

impl Model {
    fn settings(&self) -> CorsBuilder {
        let settings = CorsPolicy::builder()
            .allow_null_origin(self.null)
            .allow_credentials(self.credentials)
            .expose_headers(["x-request-id"])
            .max_age(Duration::from_secs(600))
            .dangerously_allow_insecure_origins(true)
            .dangerously_allow_public_suffixes(true)
            .dangerously_allow_credentialed_null_origin(true)
            .dangerously_allow_any_extension(true);
        let settings = match &self.origins {
            Some(origins) => settings.allow_origins(origins),
            None => settings.allow_origins(Any),
        };
        let settings = match &self.methods {
            Some(methods) => settings.allow_methods(methods),
            None => settings.allow_methods(Any),
        };
        match &self.headers {
            Some(headers) => settings.allow_headers(headers),
            None if self.authorization => settings.allow_headers(["*", "authorization"]),
            None => settings.allow_headers(Any),
        }
    }

    /// Whether the settings are what a policy can be built of.
    fn is_sound(&self) -> bool {
        let star = self.origins.is_none() || self.methods.is_none() || self.headers.is_none();
        let nobody = self.origins.as_ref().is_some_and(Vec::is_empty) && !self.null;
        !(nobody || star && self.credentials)
    }

    fn allows_origin(&self, origin: &HeaderValue) -> bool {
        let Some(origins) = &self.origins else {
            return true;
        };
        let parsed = origin.to_str().unwrap().parse::<Origin>();
        let matches = |text: &String| {
            let pattern: OriginPattern = text.parse().unwrap();
            parsed.as_ref().is_ok_and(|origin| pattern.matches(origin))
        };
        (self.null && origin == "null") || origins.iter().any(matches)
    }

    fn allows_method(&self, method: &str) -> bool {
        ["GET", "HEAD", "POST"].contains(&method)
            || self
                .methods
                .as_ref()
                .is_none_or(|list| list.contains(&method))
    }

    fn allows_header(&self, name: &str) -> bool {
        match &self.headers {
            Some(list) => list.contains(&name),
            None => self.authorization || name != "authorization",
        }
    }
}

/// The response of a layer around an application that answers 200 to all.
fn send(policy: CorsPolicy, asked: &Asked) -> Response {
    let mut request = Request::new(());
    *request.method_mut() = asked.method.clone();
    if let Some(origin) = &asked.origin {
        request.headers_mut().insert("origin", origin.clone());
    }
    if let Some((method, _, list)) = &asked.requested {
        request.headers_mut().insert(
            "access-control-request-method",
            HeaderValue::from_static(method),
        );
        request
            .headers_mut()
            .insert("access-control-request-headers", list.parse().unwrap());
    }
    let application = service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(
            http::Response::builder()
                .header("x-app", "1")
                .body(())
                .unwrap(),
        ))
    });
    let mut service = CorsLayer::new(policy).layer(application);
    match std::pin::pin!(service.call(request)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => Response::new(&response),
        Poll::Pending => unreachable!("nothing to wait for"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_browser_agrees_with_the_policy(model in model(), asked in asked()) {
        let policy = match model.settings().build() {
            Ok(policy) => policy,
            Err(errors) => {
                let expected = [PolicyErrorKind::NoOrigins, PolicyErrorKind::StarWithCredentials];
                prop_assert!(errors.iter().all(|error| expected.contains(&error.kind())), "{}", errors);
                prop_assert!(!model.is_sound());
                return Ok(());
            }
        };
        prop_assert!(model.is_sound());
        let response = send(policy, &asked);
        let is_preflight = asked.origin.is_some() && asked.requested.is_some();
        prop_assert_eq!(response.has("x-app"), !is_preflight);

        let Some(origin) = &asked.origin else {
            prop_assert_eq!(response.has("access-control-allow-origin"), model.origins.is_none());
            return Ok(());
        };
        let origin_allowed = model.allows_origin(origin);
        for credentials in [false, true] {
            let mode_allowed = !credentials || model.credentials;
            let origin = origin.to_str().unwrap();
            let passes = match &asked.requested {
                Some((method, names, _)) => {
                    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
                    let expected = origin_allowed && mode_allowed && model.allows_method(method)
                        && names.iter().all(|name| model.allows_header(name));
                    (response.passes_preflight(origin, method, &names, credentials), expected)
                }
                None => (response.passes_cors_check(origin, credentials), origin_allowed && mode_allowed),
            };
            let (passed, expected) = passes;
            prop_assert_eq!(passed, expected, "credentials {}, {:?}", credentials, response);
            if passed && is_preflight {
                prop_assert_eq!(response.max_age(), 600);
            } else if passed {
                prop_assert!(response.exposes("x-request-id", credentials));
                prop_assert!(!response.exposes("x-app", credentials));
            }
        }
        if !origin_allowed {
            for name in ["origin", "credentials", "methods", "headers"] {
                let name = format!("access-control-allow-{name}");
                prop_assert!(!response.has(&name), "{}", name);
            }
            prop_assert!(!response.has("access-control-expose-headers"));
        }
        if model.origins.is_some() {
            prop_assert!(response.tokens("vary").contains(&"origin".to_owned()));
        }
    }

    #[test]
    fn a_policy_is_built_again_of_what_it_says(model in model()) {
        if let Ok(policy) = model.settings().build() {
            let again = policy.settings().build();
            prop_assert_eq!(again.unwrap().to_string(), policy.to_string());
        }
    }

    #[test]
    fn a_set_is_all_of_its_patterns(patterns in prop::collection::vec(pattern(), 0..8), origin in sent_origin()) {
        let patterns: Vec<OriginPattern> = patterns.iter().map(|text| text.parse().unwrap()).collect();
        let set: OriginSet = patterns.iter().cloned().collect();
        let parsed = Origin::try_from(&origin);
        let expected = parsed.is_ok_and(|origin| patterns.iter().any(|pattern| pattern.matches(&origin)));
        prop_assert_eq!(set.contains(&origin), expected);
    }

    #[test]
    fn what_is_read_is_printed_again(
        text in "[a-z*:/.\\[\\]0-9-]{0,30}|(https|app|file|moz-extension)://[a-zA-Z.*:0-9-]{0,20}",
    ) {
        if let Ok(pattern) = text.parse::<OriginPattern>() {
            prop_assert_eq!(pattern.to_string(), text.as_str());
            prop_assert_eq!(pattern.to_origin().is_some(), text.parse::<Origin>().is_ok());
            if let Some(itself) = pattern.to_origin() {
                prop_assert_eq!(OriginPattern::from(itself), pattern);
            }
        }
    }

    #[test]
    fn a_suggestion_can_be_written(text in "\\PC{0,30}|(https?://)?[A-Za-zé.*:/0-9 -]{0,20}") {
        let parsed = text.parse::<OriginPattern>();
        if let Some(suggestion) = parsed.as_ref().err().and_then(|error| error.suggestion()) {
            prop_assert!(suggestion.parse::<OriginPattern>().is_ok(), "{}", suggestion);
        }
    }
}

/// The cases above are worth nothing unless both sides of each branch are reached often.
#[test]
fn the_cases_reach_what_they_are_about() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut sound, mut allowed, mut preflights) = (0, 0, 0);
    for _ in 0..500 {
        let model = model().new_tree(&mut runner).unwrap().current();
        let asked = asked().new_tree(&mut runner).unwrap().current();
        sound += u32::from(model.is_sound());
        allowed += u32::from(
            asked
                .origin
                .as_ref()
                .is_some_and(|origin| model.allows_origin(origin)),
        );
        preflights += u32::from(asked.requested.is_some());
    }
    for count in [sound, allowed, preflights] {
        assert!(
            (100..450).contains(&count),
            "{sound} {allowed} {preflights}"
        );
    }
}
