//! Settings: all that is wrong is said at once, and what is right can be read back.

mod errors;
mod origins;
mod remedies;

use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use same_origin::cors::{Any, CorsBuilder, CorsPolicy, PolicyErrorKind as Kind, PolicyErrors};
use serde_json::json;

fn refused(settings: serde_json::Value) -> PolicyErrors {
    let settings: CorsBuilder = serde_json::from_value(settings).unwrap();
    settings.build().unwrap_err()
}

#[test]
fn setters_take_what_is_at_hand() {
    let policy = CorsPolicy::builder()
        .allow_origins(vec![
            String::from("https://b.example"),
            String::from("https://a.example"),
        ])
        .allow_methods([Method::PUT, Method::DELETE, Method::PUT])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers(["X-Request-Id", "etag"])
        .max_age(Duration::from_secs(600))
        .build()
        .unwrap();
    let canonical = "allow_origins = [\"https://a.example\", \"https://b.example\"]\n\
                     allow_methods = [\"DELETE\", \"PUT\"]\n\
                     allow_headers = [\"authorization\", \"content-type\"]\n\
                     expose_headers = [\"etag\", \"x-request-id\"]\n\
                     max_age = 600\n";
    assert_eq!(policy.to_string(), canonical);
    let read: CorsBuilder = toml::from_str(canonical).unwrap();
    assert_eq!(read, policy.settings());
}

#[test]
fn a_policy_builds_itself_again() {
    for settings in [
        json!({"allow_origins": "*", "allow_methods": "*", "allow_headers": "*", "expose_headers": "*"}),
        json!({"allow_origins": "*", "allow_headers": ["*", "authorization"]}),
        json!({"allow_origins": ["http://*.example.com", "https://*.com"], "allow_credentials": true,
               "dangerously_allow_insecure_origins": true, "dangerously_allow_public_suffixes": true}),
        json!({"allow_null_origin": true, "allow_credentials": true, "max_age": 0, "debug": true,
               "dangerously_allow_credentialed_null_origin": true}),
        json!({"allow_origins": ["moz-extension://*"], "allow_credentials": true, "dangerously_allow_any_extension": true}),
        json!({"allow_origins": ["app://-"], "allow_methods": ["P*", "PUT"]}),
    ] {
        let builder: CorsBuilder = serde_json::from_value(settings.clone()).unwrap();
        let policy = builder.build().unwrap();
        assert_eq!(serde_json::to_value(policy.settings()).unwrap(), settings);
        assert_eq!(
            policy.settings().build().unwrap().to_string(),
            policy.to_string()
        );
        assert_eq!(
            toml::from_str::<CorsBuilder>(&policy.to_string()).unwrap(),
            policy.settings()
        );
    }
}

#[test]
fn ages_are_whole_seconds() {
    let build = |age| {
        CorsPolicy::builder()
            .allow_origins(Any)
            .max_age(age)
            .build()
    };
    for (age, remedy) in [
        (Duration::from_millis(1500), "write 2"),
        (Duration::from_nanos(1), "write 1"),
    ] {
        let errors = build(age).unwrap_err();
        let error = errors.iter().next().unwrap();
        assert_eq!(
            (error.kind(), error.remedy()),
            (Kind::FractionOfSecond, remedy)
        );
    }
    assert!(build(Duration::MAX).is_err());
    assert!(build(Duration::from_secs(1 << 31)).is_ok());
}

#[test]
fn ages_are_numbers_or_texts_with_a_unit() {
    let read = |age: &str| toml::from_str::<CorsBuilder>(&format!("max_age = {age}"));
    for age in ["600", "\"600s\"", "\"10m\"", "\"9m 60s\""] {
        let settings = read(age).unwrap().allow_origins(Any);
        let policy = settings.build().unwrap();
        assert!(policy.to_string().ends_with("max_age = 600\n"), "{age}");
    }
    let error = read("\"600\"").unwrap_err().to_string();
    let wanted =
        "expected seconds, such as 600, or a text with a unit, such as \"600s\" or \"10m\"";
    assert!(error.contains(wanted), "{error}");
    // The policy refuses what is not a whole number, with all else that is wrong.
    let settings = read("\"1500ms\"").unwrap().allow_origins(Any);
    let errors = settings.build().unwrap_err();
    assert_eq!(
        errors.to_string(),
        "max_age: \"1.5s\" is not a whole number of seconds: write 2"
    );
}

#[test]
fn header_names_are_read_in_any_case() {
    let policy = CorsPolicy::builder()
        .allow_origins(Any)
        .allow_headers(["Content-Type", "X-CSRF-Token", "content-type"])
        .expose_headers(["ETag", "X-Request-ID"])
        .build()
        .unwrap();
    assert_eq!(
        policy.to_string(),
        "allow_origins = \"*\"\n\
         allow_headers = [\"content-type\", \"x-csrf-token\"]\n\
         expose_headers = [\"etag\", \"x-request-id\"]\n"
    );
}
