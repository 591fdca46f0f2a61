//! Checks of the fields that are to be removed and set.

use std::collections::BTreeMap;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config_error::_key_name;
use crate::proxy::config::error::{
    ProxyConfigError, ProxyConfigErrorKind as Kind, ProxyConfigErrors,
};
use crate::proxy::wire::edits::FieldEdits;
use crate::proxy::wire::scan::{self, Field};

/// The head whose fields are removed and set.
#[derive(Clone, Copy)]
pub(super) enum Head {
    Request,
    Response,
}

/// The fields that may be removed and set, and errors for the others.
pub(super) fn edits(
    head: Head,
    remove: &[String],
    set: &BTreeMap<String, String>,
    errors: &mut Vec<ProxyConfigError>,
) -> FieldEdits {
    let mut removed = Vec::new();
    for (index, name) in remove.iter().enumerate() {
        match removable(name) {
            Ok(name) => removed.push(name),
            Err((kind, remedy)) => {
                let error = ProxyConfigError::new(head.remove_key(), kind, remedy);
                errors.push(error.value_at(index, name));
            }
        }
    }
    let mut values: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in set {
        let key = format!("{}.{}", head.set_key(), _key_name(name));
        match settable(name) {
            Ok(known) if values.iter().any(|(other, _)| *other == known) => {
                let remedy = "remove one of the two; names are the same in any case";
                let error = ProxyConfigError::new(key, Kind::Repeated, remedy);
                errors.push(error.value_at(None, name));
            }
            Ok(known) => match field_value(head, value) {
                Ok(value) => values.push((known, value)),
                Err(remedy) => {
                    let error = ProxyConfigError::new(key, Kind::FieldValue, remedy);
                    errors.push(match head {
                        // It may be the key to the upstream.
                        Head::Request => error,
                        Head::Response => error.value_at(None, value),
                    });
                }
            },
            Err((kind, remedy)) => {
                errors.push(ProxyConfigError::new(key, kind, remedy).value_at(None, name));
            }
        }
    }
    FieldEdits::new(removed, values)
}

/// Changes of the fields of answers that no proxy makes, checked as those of a proxy are. For the gateway,
/// and not part of the API.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct _ResponseEdits(FieldEdits);

impl _ResponseEdits {
    /// # Errors
    ///
    /// Every name and value that does not fit, at the keys of `ProxyBuilder`.
    pub fn new(
        remove: &[String],
        set: &BTreeMap<String, String>,
    ) -> Result<Self, ProxyConfigErrors> {
        let mut errors = Vec::new();
        let edits = edits(Head::Response, remove, set, &mut errors);
        ProxyConfigErrors::into_result(errors)?;
        Ok(Self(edits))
    }

    /// Removes and sets the fields.
    pub fn apply(&self, headers: &mut HeaderMap) {
        self.0.apply(headers);
    }
}

impl Head {
    const fn remove_key(self) -> &'static str {
        match self {
            Self::Request => "remove_request_headers",
            Self::Response => "remove_response_headers",
        }
    }

    const fn set_key(self) -> &'static str {
        match self {
            Self::Request => "set_request_headers",
            Self::Response => "set_response_headers",
        }
    }
}

type Refusal = (Kind, &'static str);

fn settable(name: &str) -> Result<HeaderName, Refusal> {
    match removable(name)? {
        header::VIA => Err((
            Kind::ReservedField,
            "write `via`, which is the proxy's name",
        )),
        name => Ok(name),
    }
}

/// A name that is not one of a field that the message or the proxy needs.
fn removable(name: &str) -> Result<HeaderName, Refusal> {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err((Kind::FieldName, "write letters, digits and -_. only"));
    };
    // RFC 9110 5.6.2 has it in names, and no field has: to take it for one would remove nothing, silently.
    if name.as_str().contains('*') {
        let remedy = "write each name in full, since `*` stands for nothing else";
        return Err((Kind::FieldName, remedy));
    }
    let remedy = match scan::field(&name) {
        // RFC 9110 7.6.1, 8.6, 10.1.1; RFC 9112 6.1: they are about one connection, or frame the message.
        Some(
            Field::Connection
            | Field::ContentLength
            | Field::Expect
            | Field::LengthList
            | Field::OddLength
            | Field::OtherHop
            | Field::ProxyAuthenticate
            | Field::ProxyAuthorization
            | Field::Te
            | Field::TransferEncoding
            | Field::Upgrade,
        ) => "remove it; it belongs to one connection or frames the message",
        Some(Field::Forwarded | Field::ForwardedUnderscore) => {
            "write `forwarding`, which lists what the upstream is told of the client"
        }
        Some(Field::Address | Field::AltSvc | Field::SetCookie | Field::Via | Field::WebDav)
        | None => match name {
            header::HOST => "write `preserve_host`",
            header::TRAILER => "remove it; it belongs to the body",
            name => return Ok(name),
        },
    };
    Err((Kind::ReservedField, remedy))
}

fn field_value(head: Head, text: &str) -> Result<HeaderValue, &'static str> {
    if text.is_empty() {
        return Err(match head {
            Head::Request => "write a value, or name the field in `remove_request_headers`",
            Head::Response => "write a value, or name the field in `remove_response_headers`",
        });
    }
    if text.trim() != text {
        return Err("write it without white space around it, which is not part of a value");
    }
    let value = HeaderValue::from_str(text).ok();
    // RFC 9110 5.5: recipients do not agree on what other characters are.
    let value = value.filter(|_| text.is_ascii());
    value.ok_or("write visible ASCII characters and spaces on one line")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(head: Head, remove: &[&str], set: &[(&str, &str)]) -> Vec<String> {
        let remove: Vec<_> = remove.iter().map(|name| (*name).to_owned()).collect();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut errors = Vec::new();
        edits(head, &remove, &set.iter().map(owned).collect(), &mut errors);
        let line = |error: &ProxyConfigError| match error.index() {
            Some(index) => format!("{}[{index}]: {error}", error.key()),
            None => format!("{}: {error}", error.key()),
        };
        errors.iter().map(line).collect()
    }

    #[test]
    fn names_are_taken_in_any_case_and_values_as_they_are() {
        let none: [String; 0] = [];
        assert_eq!(
            told(
                Head::Response,
                &["Server", "X-Powered-By", "via"],
                &[
                    ("Cache-Control", "public, max-age=31536000, immutable"),
                    ("cross-origin-opener-policy", "same-origin"),
                    ("Vary", "Accept"),
                    (
                        "content-security-policy",
                        "default-src 'self'; script-src 'self' $web"
                    ),
                ]
            ),
            none
        );
    }

    #[test]
    fn what_is_the_proxys_own_is_refused_with_what_to_write() {
        for name in [
            "Connection",
            "content-length",
            "transfer-encoding",
            "TE",
            "upgrade",
            "keep-alive",
            "proxy-connection",
            "proxy-authorization",
            "proxy-authenticate",
            "http2-settings",
            "trailer",
            "expect",
            "Host",
            "X-Forwarded-For",
            "x-forwarded-anything",
            "x_forwarded_for",
            "x-real-ip",
            "Forwarded",
            "no name",
            "x-*",
            "*",
            "",
        ] {
            let removed = told(Head::Request, &["x-ok", name], &[]);
            assert_eq!(removed.len(), 1, "{name}");
            assert!(
                removed[0].starts_with("remove_request_headers[1]: "),
                "{removed:?}"
            );
            let set = told(Head::Response, &[], &[(name, "1")]);
            assert_eq!(set.len(), 1, "{name}");
            assert!(
                set[0].starts_with(&format!("set_response_headers.{}: ", _key_name(name))),
                "{set:?}"
            );
        }
        for (name, remedy) in [
            ("host", "write `preserve_host`"),
            ("forwarded", "write `forwarding`"),
            ("via", "write `via`"),
        ] {
            let set = told(Head::Request, &[], &[(name, "1")]);
            assert!(set.len() == 1 && set[0].contains(remedy), "{set:?}");
        }
    }

    #[test]
    fn values_are_checked_when_they_are_built() {
        for (value, remedy) in [
            ("", "name the field in `remove_request_headers`"),
            (" hunter2", "without white space"),
            ("a\nb", "on one line"),
            ("caf\u{e9}", "visible ASCII"),
        ] {
            let errors = told(Head::Request, &[], &[("x-a", value)]);
            assert!(
                errors.len() == 1
                    && errors[0].starts_with("set_request_headers.x-a: ")
                    && errors[0].contains(remedy)
                    && (value.is_empty() || !errors[0].contains(value.trim())),
                "{value:?}: {errors:?}"
            );
        }
        let twice = told(Head::Request, &[], &[("X-A", "1"), ("x-a", "2")]);
        assert!(
            twice.len() == 1 && twice[0].contains("is in the list already"),
            "{twice:?}"
        );
    }
}
