//! Errors of a policy: all of them at once, each with what to write instead.

use std::time::Duration;

use same_origin::cors::{Any, CorsBuilder, PolicyErrorKind as Kind, PolicyWarningKind};
use same_origin::origin::OriginErrorKind as Origin;
use serde_json::json;

use super::refused;

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
fn remedies_have_what_was_meant() {
    let origins = |entry: &str| json!({"allow_origins": [entry]});
    let methods = |entry: &str| json!({"allow_origins": "*", "allow_methods": [entry]});
    let headers = |entry: &str| json!({"allow_origins": "*", "allow_headers": [entry]});
    let one_each = "write letters, digits and -_.! only, and one";
    for (settings, remedy) in [
        (
            methods("PUT, DELETE"),
            "write \"PUT\", \"DELETE\", each as an entry of its own",
        ),
        (
            methods("put;'PATCH'"),
            "write \"PUT\", \"PATCH\", each as an entry of its own",
        ),
        (
            methods("GET POST"),
            "write \"GET\", \"POST\", each as an entry of its own",
        ),
        (methods("PUT, TRACE"), one_each),
        (methods("PU T"), one_each),
        (
            headers("Authorization, X-A"),
            "write \"authorization\", \"x-a\", each as an entry of its own",
        ),
        (headers("authorization, cookie"), one_each),
        (
            origins("https://a.example, https://B.example/"),
            "write \"https://a.example\", \"https://b.example\", each as an entry of its own",
        ),
        (
            origins("https://a.example https://b.example"),
            "write \"https://a.example\", \"https://b.example\", each as an entry of its own",
        ),
        (
            origins("a.example,b.example"),
            "write \"https://a.example\", \"https://b.example\", each as an entry of its own",
        ),
        // It may be a password.
        (
            origins("https://user,pw@a.example"),
            "write \"https://a.example\"",
        ),
        (origins("localhost:3000"), "write \"http://localhost:3000\""),
        (
            origins("https://a\u{fffd}.example"),
            "write a host that browsers can encode",
        ),
        (
            json!({"allow_origins": "*", "allow_headers": ["*", "Authorization", "x-foo"]}),
            "write [\"*\", \"authorization\"] in place of the list, or remove it",
        ),
        (
            json!({"allow_origins": "*", "allow_headers": ["*", "x-foo"]}),
            "write \"*\" in place of the list (in Rust: `Any`), or remove it",
        ),
        (
            json!({"allow_origins": ["https://a.example"], "allow_credentials": true,
                   "allow_headers": ["*", "authorization", "x-foo"]}),
            "name the headers, or remove allow_credentials and write [\"*\", \"authorization\"] in place of the list",
        ),
        (
            json!({"allow_origins": ["https://a.example", "null"], "allow_null_origin": true}),
            "remove it, as allow_null_origin is set",
        ),
        (
            json!({"allow_origins": ["https://a.example", "null"]}),
            "remove it and set allow_null_origin, if opaque origins are meant",
        ),
    ] {
        let errors = refused(settings.clone());
        let said: Vec<_> = errors.iter().map(|error| error.remedy()).collect();
        assert!(
            said.len() == 1 && said[0].starts_with(remedy),
            "{settings}: {said:?}"
        );
    }
}

#[test]
fn no_age_is_advised_that_is_too_long() {
    for (age, kind, remedy) in [
        (
            Duration::MAX,
            Kind::LongDuration,
            "write 7200, beyond which Chromium does not go",
        ),
        (
            Duration::from_secs(1 << 31) + Duration::from_nanos(1),
            Kind::FractionOfSecond,
            "write 2147483648",
        ),
        (
            Duration::from_millis(1500),
            Kind::FractionOfSecond,
            "write 2",
        ),
    ] {
        let settings = CorsBuilder::default().allow_origins(Any).max_age(age);
        let errors = settings.build().unwrap_err();
        let said: Vec<_> = errors.iter().map(|it| (it.kind(), it.remedy())).collect();
        assert_eq!(said, [(kind, remedy)]);
    }
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
        warned(
            json!({"allow_origins": "*", "allow_methods": ["ALL", "any", "GET|POST", "ANYTHING"]})
        ),
        [
            ("allow_methods", PolicyWarningKind::WordForAllMethods),
            ("allow_methods", PolicyWarningKind::BarInMethod),
            ("allow_methods", PolicyWarningKind::WordForAllMethods),
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
