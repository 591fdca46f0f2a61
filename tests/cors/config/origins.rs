//! Origins that can be allowed, and those that take a word more.

use same_origin::cors::{Any, CorsBuilder, CorsPolicy, PolicyErrorKind as Kind};
use serde_json::json;

use super::refused;

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
         or remove it and set allow_null_origin for what other browsers send"
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
