//! Remedies: to follow one does not lead into the next error.

use http::Request;
use same_origin::cors::{Any, CorsBuilder, CorsPolicy};
use serde_json::{Value, json};

use super::refused;

/// Follows the first way out that a remedy for an entry names: the entries to write in its place, and the switches to
/// set.
fn follow(settings: &mut Value, key: &str, remedy: &str) {
    let way_out = remedy.split(", or ").next().unwrap();
    let (change, switches) = way_out.split_once(" and set ").unwrap_or((way_out, ""));
    let switches = switches.split([' ', ',']);
    for switch in switches.filter(|word| word.contains("allow_")) {
        settings[switch] = json!(true);
    }
    // Every other piece is between two quotes; none of those that are written here is escaped.
    let written: Vec<_> = change.split('"').skip(1).step_by(2).collect();
    settings[key] = match change {
        _ if change.contains("[\"*\", ") => json!(["*", "authorization"]),
        _ if change.contains("in place of the list") => json!("*"),
        _ if change.starts_with("write \"") => json!(written),
        _ => {
            assert!(change.starts_with("remove it"), "{remedy}");
            json!([])
        }
    };
}

fn accepted(settings: &Value) -> bool {
    let settings: CorsBuilder = serde_json::from_value(settings.clone()).unwrap();
    settings.build().is_ok()
}

#[test]
fn what_is_advised_is_accepted() {
    let entries = [
        ("allow_origins", "null"),
        ("allow_origins", "data:text/html"),
        ("allow_origins", "http://a.example"),
        ("allow_origins", "http://a.example/"),
        ("allow_origins", "http://a.example:80"),
        ("allow_origins", "http://a.example:443"),
        ("allow_origins", "http://192.0.2.1."),
        ("allow_origins", "HTTP://LOCALHOST/"),
        ("allow_origins", "ws://a.example"),
        ("allow_origins", "app://a/"),
        ("allow_origins", "CHROME-EXTENSION://a"),
        ("allow_origins", "file:///home/me/page.html"),
        ("allow_origins", "FILE:///"),
        ("allow_origins", "https://a.example, http://b.example/"),
        ("allow_origins", "app://a; app://b"),
        ("allow_methods", "put"),
        ("allow_methods", "PUT, delete"),
        ("allow_headers", "X-A, x-b"),
        ("expose_headers", "X-A, x-b"),
    ];
    let stars = [
        ("allow_origins", "https://a.example, *"),
        ("allow_methods", "PUT, *"),
        ("allow_methods", "\"*\""),
        ("allow_headers", "*, authorization"),
        ("allow_headers", "x-a,*"),
        ("expose_headers", " * "),
    ];
    for (credentials, null) in [(false, false), (false, true), (true, false), (true, true)] {
        // Of these no remedy is taken that changes whether there are credentials.
        let stars = stars.iter().filter(|_| !credentials);
        for (key, entry) in entries.iter().chain(stars) {
            let mut settings = json!({
                "allow_origins": ["https://ok.example"],
                "allow_credentials": credentials,
                "allow_null_origin": (null),
                "dangerously_allow_credentialed_null_origin": (null),
            });
            settings[key] = json!([entry]);
            if accepted(&settings) {
                continue;
            }
            let errors = refused(settings.clone());
            assert_eq!(errors.iter().count(), 1, "{errors}");
            let remedy = errors.iter().next().unwrap().remedy();
            follow(&mut settings, key, remedy);
            if settings["allow_origins"] == json!([]) {
                settings["allow_origins"] = json!(["https://ok.example"]);
            }
            assert!(accepted(&settings), "{entry:?}: {remedy}: {settings}");
        }
    }
}

#[test]
fn a_switch_that_is_needed_is_named_at_once() {
    for (entry, remedy) in [
        (
            "http://a.example/",
            "write \"https://a.example\", or \"http://a.example\" and set dangerously_allow_insecure_origins",
        ),
        (
            "*.co.uk",
            "name the origins that are yours, or write \"https://*.co.uk\" and set dangerously_allow_public_suffixes",
        ),
        (
            "http://*.github.io:80",
            "name the origins that are yours, or write \"http://*.github.io\" and set \
             dangerously_allow_insecure_origins and dangerously_allow_public_suffixes",
        ),
        (
            "https://*",
            "write \"*.\" before a name for its subdomains, or \":*\" behind it for any port",
        ),
        (
            "null",
            "remove it and set allow_null_origin and dangerously_allow_credentialed_null_origin, if opaque origins are meant",
        ),
    ] {
        let errors = refused(json!({"allow_origins": [entry], "allow_credentials": true}));
        let said: Vec<_> = errors.iter().map(|error| error.remedy()).collect();
        assert_eq!(said, [remedy]);
    }
    let errors = refused(json!({"allow_credentials": true}));
    assert_eq!(
        errors.to_string(),
        "allow_origins: no origin is allowed: name the origins that may read"
    );
}

#[test]
fn credentials_are_advised_with_the_switches_that_they_take() {
    let listed = |origins: &[&str]| CorsPolicy::builder().allow_origins(origins);
    for (settings, origin, remedy) in [
        (
            listed(&["http://a.example"]),
            "http://a.example",
            "set allow_credentials and dangerously_allow_insecure_origins",
        ),
        (
            listed(&["http://a.example", "http://b.example", "https://*.co.uk"]).allow_methods(Any),
            "http://b.example",
            "set allow_credentials and dangerously_allow_insecure_origins and \
             dangerously_allow_public_suffixes, and name the methods",
        ),
        (
            listed(&["http://localhost"]).expose_headers(Any),
            "http://localhost",
            "set allow_credentials, and name the exposed headers",
        ),
        (
            listed(&["http://localhost"]).allow_null_origin(true),
            "null",
            "set allow_credentials and dangerously_allow_credentialed_null_origin",
        ),
    ] {
        let policy = settings.build().unwrap();
        let request = Request::get("/").header("origin", origin);
        let (request, ()) = request.body(()).unwrap().into_parts();
        let explanation = policy.explain(&request);
        let steps = explanation.steps().iter();
        let advised: Vec<_> = steps.filter_map(|step| step.remedy()).collect();
        assert_eq!(advised, [remedy], "{origin}");
    }
}
