//! The rules of methods and header names in a list: why one is refused, and what to write instead.
//!
//! Explanations ask them, too, before they advise to add something.

use std::borrow::Cow;

use super::error::PolicyErrorKind as Kind;
use crate::config_error::as_entries;
use crate::cors::names;
use crate::fields;

const REMOVE: &str = "remove it";

pub(in crate::cors) type Wrong = (Kind, Cow<'static, str>);

/// The rule of `allow_methods`.
pub(in crate::cors) fn method(entry: &str) -> Result<(), Wrong> {
    let normalized = names::normalized_method(entry);
    if !fields::is_token(entry.as_bytes()) {
        let remedy =
            "write letters, digits and -_.! only, and one method for each entry, such as \"PUT\"";
        Err((
            Kind::Token,
            several_methods(entry).map_or(remedy.into(), Cow::Owned),
        ))
    } else if names::is_forbidden_method(entry) {
        Err((Kind::ForbiddenMethod, REMOVE.into()))
    } else if let Some(upper) = normalized.filter(|upper| upper != &entry) {
        Err((Kind::MethodCase, format!("write {upper:?}").into()))
    } else {
        Ok(())
    }
}

fn several_methods(entry: &str) -> Option<String> {
    let known = |part: &str| names::normalized_method(part).map(str::to_owned);
    let read = |part: &str| known(part).or_else(|| method(part).ok().map(|()| part.to_owned()));
    // Of words without a comma between them, only methods that everybody knows are several.
    as_entries(entry, &[',', ';'], read).or_else(|| as_entries(entry, &[' ', '\t'], known))
}

/// The rule of `allow_headers`; the name in lower case.
pub(in crate::cors) fn request_header(entry: &str) -> Result<String, Wrong> {
    header(entry, |name| {
        if names::is_forbidden_request_header(name) {
            Some(Kind::ForbiddenRequestHeader)
        } else {
            names::is_cors_response_header(name).then_some(Kind::ResponseHeader)
        }
    })
}

/// The rule of `expose_headers`; the name in lower case.
pub(super) fn response_header(entry: &str) -> Result<String, Wrong> {
    header(entry, |name| {
        if names::is_forbidden_response_header(name) {
            Some(Kind::ForbiddenResponseHeader)
        } else {
            names::is_cors_request_header(name).then_some(Kind::RequestHeader)
        }
    })
}

fn header(entry: &str, wrong: fn(&str) -> Option<Kind>) -> Result<String, Wrong> {
    let name = entry.to_ascii_lowercase();
    if !fields::is_token(name.as_bytes()) {
        let remedy =
            "write letters, digits and -_.! only, and one name for each entry, such as \"x-a\"";
        let several = as_entries(&name, &[',', ';'], |part| header(part, wrong).ok());
        Err((Kind::Token, several.map_or(remedy.into(), Cow::Owned)))
    } else if name.contains('*') {
        Err((Kind::StarInName, "write each name in full".into()))
    } else if let Some(kind) = wrong(&name) {
        Err((kind, REMOVE.into()))
    } else {
        Ok(name)
    }
}
