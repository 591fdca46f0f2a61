//! The remedies for a policy's errors, in the words of a template: a policy speaks of its own settings.

use same_origin::cors::{CorsPolicy, PolicyError, PolicyErrorKind};
use same_origin::origin::{OriginErrorKind, OriginPattern};

use super::places::Kind;
use super::values::Member;

/// The change to a block that mends an error, and does not lead into the next one.
pub(super) fn of(
    error: &PolicyError,
    member: Option<&Member>,
    kind: Kind,
    credentials: bool,
) -> String {
    let text = member.map_or("", |member| &*member.text);
    match error.kind() {
        PolicyErrorKind::NoOrigins => {
            "write the origins of the pages that may use the API".to_owned()
        }
        PolicyErrorKind::StarInList if error.remedy().contains("authorization") => {
            // Which `*` does not cover.
            let both = match kind {
                Kind::Quoted => "\"'*,authorization'\"",
                Kind::Http | Kind::FunctionUrl => "[\"*\", \"authorization\"]",
            };
            format!("write {both}, or remove \"*\"")
        }
        PolicyErrorKind::StarInList => format!("{}, or remove it", alone(kind)),
        PolicyErrorKind::Token if kind == Kind::Quoted => {
            let parts = text.split(|c: char| matches!(c, ',' | ';') || c.is_whitespace());
            let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
            match &parts[..] {
                [_, _, ..] => format!("write {}", written(&parts.join(","), kind)),
                _ => error.remedy().to_owned(),
            }
        }
        PolicyErrorKind::StarWithCredentials => star_with_credentials(error, kind),
        PolicyErrorKind::Origin(of) => origin(of, text, kind, credentials),
        PolicyErrorKind::InsecureWithCredentials => insecure(text, kind, credentials),
        PolicyErrorKind::LongDuration => {
            let age = match kind {
                Kind::Quoted => "\"'7200'\"",
                Kind::Http | Kind::FunctionUrl => "7200",
            };
            format!("write {age}, beyond which Chromium does not go")
        }
        _ => error.remedy().to_owned(),
    }
}

fn star_with_credentials(error: &PolicyError, kind: Kind) -> String {
    let noun = match error.key() {
        "allow_origins" if kind == Kind::Quoted => "origin",
        "allow_origins" => "origins",
        "allow_methods" => "methods",
        _ => "headers",
    };
    // Only of an entry beside others the policy gives the index.
    let and = match error.index() {
        Some(_) => format!(" and {}", alone(kind)),
        None => String::new(),
    };
    format!("name the {noun}, or write AllowCredentials: false{and}")
}

fn insecure(text: &str, kind: Kind, credentials: bool) -> String {
    let by_hand = by_hand("dangerously_allow_insecure_origins");
    let secure = text.strip_prefix("http:");
    let secure = secure.map(|rest| format!("https:{rest}"));
    match secure.filter(|secure| is_allowed(secure, credentials)) {
        Some(secure) => {
            let secure = written(&secure, kind);
            format!("write {secure} or AllowCredentials: false, or {by_hand}")
        }
        None => format!("write AllowCredentials: false, or {by_hand}"),
    }
}

fn origin(error: OriginErrorKind, text: &str, kind: Kind, credentials: bool) -> String {
    let by_hand = by_hand("allow_null_origin");
    match error {
        OriginErrorKind::Null | OriginErrorKind::OpaqueScheme => {
            format!("name origins, or, if opaque ones are meant, {by_hand}")
        }
        OriginErrorKind::Several => "write an entry for each of them".to_owned(),
        OriginErrorKind::File if is_allowed("file://", credentials) => {
            let file = written("file://", kind);
            format!(
                "write {file} for what Chromium sends where files may read files; for what other browsers send, {by_hand}"
            )
        }
        _ => {
            let error = text.parse::<OriginPattern>().err();
            let suggestion = error.as_ref().and_then(|error| error.suggestion());
            match suggestion.filter(|text| is_allowed(text, credentials)) {
                Some(suggestion) => format!("write {}", written(suggestion, kind)),
                None => format!(
                    "write an origin such as {}",
                    written("https://app.example.com", kind)
                ),
            }
        }
    }
}

fn is_allowed(origin: &str, credentials: bool) -> bool {
    let policy = CorsPolicy::builder().allow_origins([origin]);
    policy.allow_credentials(credentials).build().is_ok()
}

/// The remedy for settings that a block cannot have.
fn by_hand(setting: &str) -> String {
    format!("give the function its policy in its environment, with {setting}")
}

/// A `*` that a block takes for all.
fn alone(kind: Kind) -> &'static str {
    match kind {
        Kind::Quoted => "write \"'*'\" in place of the list",
        Kind::Http | Kind::FunctionUrl => "leave \"*\" alone in the list",
    }
}

/// A value as it is to be written in the template.
pub(super) fn written(text: &str, kind: Kind) -> String {
    match kind {
        Kind::Quoted => format!("\"'{text}'\""),
        Kind::Http | Kind::FunctionUrl => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::template::read;

    const REST: &str = "AWS::Serverless::Api";
    const HTTP: &str = "AWS::Serverless::HttpApi";

    fn template(kind: &str, block: &str) -> String {
        let key = match kind {
            REST => "Cors",
            _ => "CorsConfiguration",
        };
        format!("Resources: {{ It: {{ Type: {kind}, Properties: {{ {key}: {block} }} }} }}")
    }

    #[test]
    fn a_remedy_does_not_lead_into_the_next_error() {
        for (kind, block, remedy, mended) in [
            (
                HTTP,
                "{ AllowOrigins: ['*', 'https://a.example'] }",
                "leave \"*\" alone in the list, or remove it",
                "{ AllowOrigins: ['*'] }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['*', 'https://a.example'], AllowCredentials: true }",
                "name the origins, or write AllowCredentials: false and leave \"*\" alone in the list",
                "{ AllowOrigins: ['*'], AllowCredentials: false }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['https://a.example'], AllowMethods: ['*'], AllowCredentials: true }",
                "name the methods, or write AllowCredentials: false",
                "{ AllowOrigins: ['https://a.example'], AllowMethods: ['*'], AllowCredentials: false }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['https://a.example'], ExposeHeaders: ['*', 'x-a'] }",
                "leave \"*\" alone in the list, or remove it",
                "{ AllowOrigins: ['https://a.example'], ExposeHeaders: ['*'] }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['null', 'https://a.example'] }",
                "name origins, or, if opaque ones are meant, give the function its policy in its environment, with allow_null_origin",
                "{ AllowOrigins: ['https://a.example'] }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['file:///x'] }",
                "write \"file://\" for",
                "{ AllowOrigins: ['file://'] }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['http://a.example'], AllowCredentials: true }",
                "write \"https://a.example\" or AllowCredentials: false, or give the function its policy in its environment, with dangerously_",
                "{ AllowOrigins: ['https://a.example'], AllowCredentials: true }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['http://a.example:443'], AllowCredentials: true }",
                "write AllowCredentials: false, or give",
                "{ AllowOrigins: ['http://a.example:443'], AllowCredentials: false }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['app://x'], AllowCredentials: true }",
                "write AllowCredentials: false, or give",
                "{ AllowOrigins: ['app://x'], AllowCredentials: false }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['https://a.example/'] }",
                "write \"https://a.example\"",
                "{ AllowOrigins: ['https://a.example'] }",
            ),
            (
                HTTP,
                "{ allowOrigins: ['https://a.example'] }",
                "write AllowOrigins",
                "{ AllowOrigins: ['https://a.example'] }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['*'], MaxAge: 99999999999 }",
                "write 7200,",
                "{ AllowOrigins: ['*'], MaxAge: 7200 }",
            ),
            (
                REST,
                "{ AllowOrigin: \"'*'\", MaxAge: \"'99999999999'\" }",
                "write \"'7200'\",",
                "{ MaxAge: \"'7200'\" }",
            ),
            (
                REST,
                "{ AllowMethods: \"'*,GET'\" }",
                "write \"'*'\" in place of the list, or remove it",
                "{ AllowMethods: \"'*'\" }",
            ),
            (
                REST,
                "{ AllowOrigin: \"'*'\", AllowMethods: \"'GET'\", AllowCredentials: true }",
                "name the origin, or write AllowCredentials: false",
                "{ AllowOrigin: \"'*'\", AllowMethods: \"'GET'\", AllowCredentials: false }",
            ),
            (
                REST,
                "\"'https://a.example/'\"",
                "write \"'https://a.example'\"",
                "\"'https://a.example'\"",
            ),
            (
                REST,
                "\"'https:/'\"",
                "write an origin such as \"'https://app.example.com'\"",
                "\"'https://app.example.com'\"",
            ),
            (
                REST,
                "\"'\"",
                "write a value such as \"'https://app.example.com'\"",
                "\"'https://app.example.com'\"",
            ),
            (
                REST,
                "\"''\"",
                "does not hold an origin: write one, such as \"'https://app.example.com'\"",
                "\"'https://app.example.com'\"",
            ),
            (
                REST,
                r#"'"https://a"'"#,
                "write \"'https://a'\"",
                "\"'https://a'\"",
            ),
            (REST, "'*'", "write \"'*'\"", "\"'*'\""),
            (
                REST,
                "https://*.a.example",
                "such as \"'https://app.example.com'\"",
                "\"'https://app.example.com'\"",
            ),
            (
                REST,
                "{ AllowOrigin: method.request.header.Origin }",
                "such as \"'https://app.example.com'\"",
                "\"'https://app.example.com'\"",
            ),
            (
                REST,
                "{ AllowMethods: \"'\" }",
                "write a value such as \"'GET,PUT'\"",
                "{ AllowMethods: \"'GET,PUT'\" }",
            ),
            (
                REST,
                "{ AllowMethods: \"GET, PUT\" }",
                "write \"'GET, PUT'\"",
                "{ AllowMethods: \"'GET, PUT'\" }",
            ),
            (
                REST,
                "{ AllowHeaders: method.request.header.x }",
                "such as \"'content-type,x-id'\"",
                "{ AllowHeaders: \"'content-type,x-id'\" }",
            ),
            (
                REST,
                "{ AllowHeaders: [x-id] }",
                "such as \"'content-type,x-id'\"",
                "{ AllowHeaders: \"'content-type,x-id'\" }",
            ),
            (
                REST,
                "{ AllowMethods: \"'GET PUT'\" }",
                "write \"'GET,PUT'\"",
                "{ AllowMethods: \"'GET,PUT'\" }",
            ),
            (
                HTTP,
                "{ AllowOrigins: ['*'], AllowHeaders: ['*', authorization, x-a] }",
                "write [\"*\", \"authorization\"]",
                "{ AllowOrigins: ['*'], AllowHeaders: ['*', authorization] }",
            ),
            (
                REST,
                "{ MaxAge: \"'\" }",
                "write a value such as \"'600'\"",
                "{ MaxAge: \"'600'\" }",
            ),
            (
                REST,
                "{ MaxAge: -1 }",
                "write \"'0'\"",
                "{ MaxAge: \"'0'\" }",
            ),
        ] {
            let problems = read(&template(kind, block)).expect_err(block);
            assert_eq!(problems.iter().count(), 1, "{block}:\n{problems}");
            assert!(
                problems.to_string().contains(remedy),
                "{block}:\n{problems}"
            );
            assert!(read(&template(kind, mended)).is_ok(), "{mended}");
        }
    }

    /// The settings of a policy are not keys of a template.
    #[test]
    fn no_remedy_speaks_of_the_lists_of_a_policy() {
        let block = "{ AllowOrigins: ['*', 'null', 'about:x', 'https://a/, https://b', 'HTTP://c', 'file:///x', 'app://y'], \
             AllowMethods: ['*', 'a b', TRACE, put], AllowHeaders: ['*', 'x-*', cookie, 'a b'], \
             ExposeHeaders: ['*', set-cookie, origin], AllowCredentials: true, MaxAge: 99999999999 }";
        let problems = read(&template(HTTP, block)).unwrap_err();
        for problem in &problems {
            for word in ["in place of the list", "`Any`", "remove allow_", "set "] {
                assert!(!problem.remedy.contains(word), "{problem}");
            }
        }
        assert!(problems.iter().count() >= 16, "{problems}");
    }
}
