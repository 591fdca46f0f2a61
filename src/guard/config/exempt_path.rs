//! Exempt paths as they are written: whole segments of a path, byte for byte as it comes in a request.

use std::borrow::Cow;

use crate::guard::config::error::GuardConfigErrorKind as Kind;
use crate::path::is_ambiguous;

const NO_EXPRESSION: &str = "write the path itself, not a regular expression";

/// Refuses a path that is wrong, with the kind of the fault and the remedy.
pub(super) fn exempt_path(path: &str) -> Result<(), (Kind, Cow<'static, str>)> {
    let example = "write a path such as \"/api/hook\"";
    let wrong = |kind, remedy: &'static str| Err((kind, Cow::Borrowed(remedy)));
    let legal = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let bare = path.trim_end_matches('/');
    match path {
        "" => wrong(Kind::RelativePath, example),
        _ if path.bytes().all(|byte| byte == b'/') => {
            wrong(Kind::WholeServer, "name the path, or leave the guard out")
        }
        _ if path.starts_with('^') => wrong(Kind::PathPattern, NO_EXPRESSION),
        _ if !path.starts_with('/') => {
            if path.contains("://") {
                return wrong(Kind::RelativePath, "write the path alone");
            }
            let absolute = format!("/{path}");
            let remedy = match exempt_path(&absolute) {
                Ok(()) => format!("write {absolute:?}").into(),
                // The absolute path has another fault, whose remedy comes first.
                Err((_, remedy)) => remedy,
            };
            Err((Kind::RelativePath, remedy))
        }
        _ if is_pattern(path) => wrong(
            Kind::PathPattern,
            if begins_with_pattern(path) {
                "name the path, or leave the guard out"
            } else {
                "write the segments before it: what is below is exempt, too"
            },
        ),
        _ if path.ends_with('$') => Err((Kind::PathPattern, without_anchor(path))),
        _ if path.contains(['?', '#']) => wrong(Kind::PathWithQuery, "write the path alone"),
        _ if is_ambiguous(path) => wrong(Kind::DotSegment, "write the path that is meant"),
        _ if bare.contains("//") => wrong(Kind::EmptySegment, "write one slash"),
        _ if !path.bytes().all(legal) => wrong(
            Kind::PathCharacter,
            "write it percent-encoded, as it comes in a request",
        ),
        _ if !is_encoding_valid(path) => {
            wrong(Kind::PercentEncoding, "write \"%25\" for a percent sign")
        }
        // Last, so that what it has written is not wrong in another way.
        _ if bare.len() < path.len() => {
            let remedy = format!("write {bare:?}, which is exempt with what is below it");
            Err((Kind::EmptySegment, remedy.into()))
        }
        _ => Ok(()),
    }
}

/// Whether there is what other tools take for a pattern: `/api/*`, `/{id}`, `/:id`, `/[id]`. Taken to the letter it
/// would free nothing, and say so to nobody.
fn is_pattern(path: &str) -> bool {
    path.contains(['*', '{', '}', '[', ']']) || path.contains("/:")
}

/// Whether the pattern is in the first segment.
fn begins_with_pattern(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    first.is_some_and(|first| is_pattern(&format!("/{first}")))
}

/// The remedy for a path with the end of a regular expression. Elsewhere it is a character of a path: `/$metadata`.
fn without_anchor(path: &str) -> Cow<'static, str> {
    let plain = path.trim_end_matches('$');
    if plain.contains(['(', ')', '^', '|', '\\']) || plain.contains(".+") {
        return NO_EXPRESSION.into();
    }
    match exempt_path(plain) {
        Ok(()) => format!("write {plain:?}, which is exempt with what is below it").into(),
        Err((_, remedy)) => remedy,
    }
}

fn is_encoding_valid(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
