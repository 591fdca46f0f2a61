//! Settings: all that is wrong is said at once, and what is right can be read back.

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use same_origin::cors::{
    Any, CorsBuilder, CorsPolicy, PolicyErrorKind as Kind, PolicyErrors, PolicyWarningKind,
};
use same_origin::origin::OriginErrorKind as Origin;
use serde_json::json;
use std::time::Duration;

fn refused(settings: serde_json::Value) -> PolicyErrors {
    let settings: CorsBuilder = serde_json::from_value(settings).unwrap();
    settings.build().unwrap_err()
}

#[test]
fn every_mistake_is_named_with_what_to_write() {
    let errors = refused(json!({
        "allow_origins": ["https://example.com/", "https://ok.example", "http://a.example", "https://*.co.uk", "*"],
        "allow_null_origin": true,
        "allow_credentials": true,
        "allow_methods": ["PUT", "TRACE", "delete"],
        "allow_headers": ["x-a", "Cookie", "x a", "access-control-max-age", "x-*"],
        "expose_headers": "*",
        "max_age": 3_000_000_000_u64,
    }));
    let said: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                error.key(),
                error.index(),
                error.value(),
                error.kind(),
                error.remedy(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (
                "allow_null_origin",
                None,
                None,
                Kind::NullWithCredentials,
                "remove it, or set dangerously_allow_credentialed_null_origin if each response is guarded by its own signature"
            ),
            (
                "allow_origins",
                Some(0),
                Some("https://example.com/"),
                Kind::Origin(Origin::Path),
                "write \"https://example.com\""
            ),
            (
                "allow_origins",
                Some(2),
                Some("http://a.example"),
                Kind::InsecureWithCredentials,
                "write \"https://a.example\", or set dangerously_allow_insecure_origins"
            ),
            (
                "allow_origins",
                Some(3),
                Some("https://*.co.uk"),
                Kind::PublicSuffixWithCredentials,
                "name the origins that are yours, or set dangerously_allow_public_suffixes"
            ),
            (
                "allow_origins",
                Some(4),
                Some("*"),
                Kind::StarWithCredentials,
                "name the origins, or remove allow_credentials and write \"*\" in place of the list (in Rust: `Any`)"
            ),
            (
                "allow_methods",
                Some(1),
                Some("TRACE"),
                Kind::ForbiddenMethod,
                "remove it"
            ),
            (
                "allow_methods",
                Some(2),
                Some("delete"),
                Kind::MethodCase,
                "write \"DELETE\""
            ),
            (
                "allow_headers",
                Some(1),
                Some("Cookie"),
                Kind::ForbiddenRequestHeader,
                "remove it"
            ),
            (
                "allow_headers",
                Some(2),
                Some("x a"),
                Kind::Token,
                "write letters, digits and -_.! only, and one name for each entry, such as \"x-a\""
            ),
            (
                "allow_headers",
                Some(3),
                Some("access-control-max-age"),
                Kind::ResponseHeader,
                "remove it"
            ),
            (
                "allow_headers",
                Some(4),
                Some("x-*"),
                Kind::StarInName,
                "write each name in full"
            ),
            (
                "expose_headers",
                None,
                Some("*"),
                Kind::StarWithCredentials,
                "name the headers, or remove allow_credentials"
            ),
            (
                "max_age",
                None,
                Some("3000000000s"),
                Kind::LongDuration,
                "write 7200, beyond which Chromium does not go"
            ),
        ]
    );
}

#[test]
fn errors_are_lines_for_people_and_data_for_programs() {
    let errors = refused(json!({"allow_origins": ["https://Example.com", "https://a\r\nb"]}));
    let lines = errors.to_string();
    let (first, second) = lines.split_once('\n').unwrap();
    assert_eq!(
        first,
        r#"allow_origins[0]: "https://Example.com" has upper-case letters, where browsers send lower case: write "https://example.com""#
    );
    assert!(second.starts_with(
        r#"allow_origins[1]: "https://a\r\nb" has a character that cannot stand in its host: "#
    ));
    assert_eq!(
        serde_json::to_value(&errors).unwrap()[0],
        json!({
            "key": "allow_origins",
            "index": 0,
            "value": "https://Example.com",
            "kind": {"origin": "upper_case"},
            "remedy": "write \"https://example.com\"",
        })
    );
}

#[test]
fn keys_and_types_of_the_table_are_strict() {
    for settings in [
        json!({"allow_origin": "*"}),
        json!({"allow_origins": "https://example.com"}),
        json!({"allow_origins": 1}),
        json!({"allow_origins": [1]}),
        json!({"allow_origins": "*", "max_age": "600"}),
        json!({"allow_origins": "*", "max_age": 1.5}),
        json!({"allow_origins": "*", "max_age": -1}),
        json!({"allow_origins": "*", "max_age": "600 apples"}),
        json!({"allow_origins": "*", "max_age": ""}),
        json!({"allow_origins": "*", "max_age": [600]}),
        json!({"allow_origins": "*", "allow_credentials": "yes"}),
    ] {
        let read = serde_json::from_value::<CorsBuilder>(settings.clone());
        assert!(read.is_err(), "{settings}");
    }
    let error =
        serde_json::from_value::<CorsBuilder>(json!({"allow_origins": "https://example.com"}))
            .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"invalid value: string "https://example.com", expected "*" or a list of strings"#
    );
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

/// In the form "value kind: remedy", of which the kind is held here.
#[test]
fn each_kind_of_error_says_what_is_wrong() {
    for (kind, text) in [
        (Kind::NoOrigins, "no origin is allowed"),
        (
            Kind::StarWithSource,
            "\"*\" allows all origins, so that the source would never be asked",
        ),
        (Kind::Origin(Origin::Empty), "is empty"),
        (Kind::StarInList, "is not an entry of a list"),
        (
            Kind::StarWithCredentials,
            "has no meaning where credentials are allowed",
        ),
        (
            Kind::InsecureWithCredentials,
            "is neither https nor this machine: somebody on the network, or another program, may pretend to be it \
             and read with the visitor's credentials",
        ),
        (
            Kind::PublicSuffixWithCredentials,
            "covers names that anybody can register, to read with the visitor's credentials",
        ),
        (
            Kind::AnyExtensionWithCredentials,
            "covers every extension, which then reads with the visitor's credentials",
        ),
        (
            Kind::NullWithCredentials,
            "\"null\" can be sent by a page of any site, which then reads with the visitor's credentials",
        ),
        (Kind::Token, "is not a valid token (RFC 9110 5.6.2)"),
        (
            Kind::StarInName,
            "has a \"*\", but there are no patterns of names",
        ),
        (
            Kind::ForbiddenMethod,
            "is a method that browsers do not let scripts use",
        ),
        (
            Kind::MethodCase,
            "is a method that browsers send in upper case",
        ),
        (
            Kind::ForbiddenRequestHeader,
            "is a header that browsers do not let scripts set",
        ),
        (Kind::ResponseHeader, "is a response header"),
        (
            Kind::ForbiddenResponseHeader,
            "is a header that browsers do not show to scripts",
        ),
        (Kind::RequestHeader, "is a request header"),
        (Kind::FractionOfSecond, "is not a whole number of seconds"),
        (Kind::LongDuration, "is longer than 2147483648 seconds"),
    ] {
        assert_eq!(kind.to_string(), text);
    }
}

#[test]
fn null_alone_is_a_policy() {
    let redirect_target = CorsPolicy::builder().allow_null_origin(true).build();
    assert!(redirect_target.is_ok());
    let nobody = CorsPolicy::builder().build().unwrap_err();
    assert_eq!(
        nobody.iter().map(|error| error.kind()).collect::<Vec<_>>(),
        [Kind::NoOrigins]
    );
}

#[test]
fn star_stands_alone_but_for_authorization() {
    let build = |headers: &[&str]| {
        CorsPolicy::builder()
            .allow_origins(Any)
            .allow_headers(headers)
            .build()
    };
    assert!(build(&["*", "Authorization"]).is_ok());
    for headers in [&["*"][..], &["*", "x-a"], &["*", "authorization", "x-a"]] {
        let errors = build(headers).unwrap_err();
        assert_eq!(
            errors.iter().next().unwrap().kind(),
            Kind::StarInList,
            "{headers:?}"
        );
    }
    let errors = CorsPolicy::builder()
        .allow_origins(["https://example.com"])
        .allow_credentials(true)
        .allow_headers(["*", "authorization"])
        .build()
        .unwrap_err();
    assert_eq!(
        errors.iter().next().unwrap().kind(),
        Kind::StarWithCredentials
    );
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

#[test]
fn origins_that_browsers_send_can_be_allowed() {
    for origin in [
        "app://.",
        "app://-",
        "app://obsidian.md",
        "file://",
        "https://app.example.com.",
        "http://localhost.:3000",
        "https://-a.example.com",
        "https://a-.example.com",
        "safari-web-extension://140BB581-A2C0-422A-9DD3-6982A5ABEE5E",
        "moz-extension://140bb581-a2c0-422a-9dd3-6982a5abee5e",
        "moz-extension://*",
        "chrome-extension://*",
        "safari-web-extension://*",
    ] {
        let policy = CorsPolicy::builder().allow_origins([origin]).build();
        assert_eq!(
            policy.unwrap().to_string(),
            format!("allow_origins = [\"{origin}\"]\n")
        );
    }
    for origin in [
        "http://127.0.0.1.",
        "https://xn--",
        "https://xn--.example.com",
        "https://*",
        "app://*",
        "file:///",
        "file://*",
        "moz-extension://*:*",
        "moz-extension://*.example",
    ] {
        // The last is a pattern as that of any scheme.
        let built = CorsPolicy::builder().allow_origins([origin]).build();
        assert_eq!(built.is_ok(), origin.ends_with(".example"), "{origin}");
    }
}

#[test]
fn files_are_told_what_browsers_send_for_them() {
    let errors = refused(json!({"allow_origins": ["file:///home/me/page.html"]}));
    assert_eq!(
        errors.to_string(),
        "allow_origins[0]: \"file:///home/me/page.html\" names a file, where browsers send \"file://\" or \"null\" \
         for all files: write \"file://\" for what Chromium sends where files may read files, \
         or set allow_null_origin for what other browsers send"
    );
}

#[test]
fn every_extension_with_credentials_has_a_switch_of_its_own() {
    let settings = json!({"allow_origins": ["moz-extension://*"], "allow_credentials": true});
    assert_eq!(
        refused(settings.clone()).to_string(),
        "allow_origins[0]: \"moz-extension://*\" covers every extension, which then reads with the visitor's \
         credentials: name the extensions that are yours, or set dangerously_allow_any_extension"
    );
    let settings: CorsBuilder = serde_json::from_value(settings).unwrap();
    let policy = settings.dangerously_allow_any_extension(true).build();
    assert_eq!(
        policy.unwrap().to_string(),
        "allow_origins = [\"moz-extension://*\"]\nallow_credentials = true\ndangerously_allow_any_extension = true\n"
    );
}

#[test]
fn names_above_a_public_suffix_are_as_open_as_those_below() {
    for origin in [
        "https://*.amazonaws.com",
        "https://*.eu-west-1.amazonaws.com:8443",
        "https://*.com.",
    ] {
        let errors = refused(json!({"allow_origins": [origin], "allow_credentials": true}));
        let kinds: Vec<_> = errors.iter().map(|error| error.kind()).collect();
        assert_eq!(kinds, [Kind::PublicSuffixWithCredentials], "{origin}");
    }
    let own = "https://*.abc.execute-api.eu-west-1.amazonaws.com";
    let settings = CorsPolicy::builder().allow_origins([own]);
    assert!(settings.allow_credentials(true).build().is_ok());
}

#[test]
fn a_star_in_a_list_with_credentials_takes_one_round() {
    let errors = refused(json!({
        "allow_origins": ["*"], "allow_methods": ["*"], "allow_headers": ["*"], "expose_headers": ["*"],
        "allow_credentials": true,
    }));
    let lines = errors.to_string();
    for (line, (key, things)) in lines.lines().zip([
        ("allow_origins", "origins"),
        ("allow_methods", "methods"),
        ("allow_headers", "headers"),
        ("expose_headers", "headers"),
    ]) {
        assert_eq!(
            line,
            format!(
                "{key}[0]: \"*\" has no meaning where credentials are allowed: name the {things}, or remove \
                 allow_credentials and write \"*\" in place of the list (in Rust: `Any`)"
            )
        );
    }
    assert_eq!(lines.lines().count(), 4);
}

#[test]
fn warnings_are_not_errors() {
    let warned = |settings: serde_json::Value| -> Vec<_> {
        let settings: CorsBuilder = serde_json::from_value(settings).unwrap();
        let warnings = settings.build().unwrap().warnings();
        warnings
            .iter()
            .map(|warning| (warning.key(), warning.kind()))
            .collect()
    };
    assert_eq!(
        warned(
            json!({"allow_origins": ["https://*.github.io", "file://"], "allow_methods": ["patch", "P*"],
                      "allow_headers": "*", "max_age": 7201})
        ),
        [
            ("allow_origins", PolicyWarningKind::FileOrigin),
            ("allow_origins", PolicyWarningKind::PublicSuffix),
            ("allow_methods", PolicyWarningKind::StarInMethod),
            ("allow_methods", PolicyWarningKind::MethodCase),
            ("allow_headers", PolicyWarningKind::StarWithoutAuthorization),
            ("max_age", PolicyWarningKind::AgeBeyondChromium),
        ]
    );
    assert_eq!(
        warned(json!({"allow_origins": "*", "max_age": 86401})),
        [("max_age", PolicyWarningKind::AgeBeyondFirefox)]
    );
    assert_eq!(
        warned(
            json!({"allow_origins": ["https://*.example.com"], "allow_methods": ["PATCH"],
                      "allow_headers": ["*", "authorization"], "max_age": 7200})
        ),
        []
    );
}
