//! Keys of a route's edge: `rate_limit`, `security_headers`, and `request_id` for all routes.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::Arc;

use http::header::{self, HeaderName, HeaderValue};
use same_origin::proxy::_key_name;
use serde::Deserialize;
use toml::{Table, Value};

use super::Checker;
use super::text::problems::join;
use super::text::read::read;
use crate::edge::{Edge, Quota, RateLimit, SecurityHeaders};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateTable {
    per_second: Option<i64>,
    burst: Option<i64>,
}

/// More would be no limit: every bucket is empty for less time than a request takes.
const RATES: RangeInclusive<u32> = 1..=1_000_000;
const BURSTS: RangeInclusive<u32> = 1..=u32::MAX;

/// The values that the key of a field takes.
enum Values {
    /// Any text that is a field's value.
    Any,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// `max-age=` with seconds among its directives (RFC 6797 6.1).
    Transport,
}

struct Field {
    key: &'static str,
    name: HeaderName,
    /// The value where nothing is said.
    default: Option<&'static str>,
    values: Values,
    example: &'static str,
}

const REFERRER_POLICIES: &[&str] = &[
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The fields, with defaults that hardly break a page. Not `no-referrer`, which is said to be safest: with it
/// browsers send `Origin: null` with a form (Fetch #append-a-request-origin-header), and the guard refuses that.
const FIELDS: [Field; 9] = [
    Field {
        key: "hsts",
        name: header::STRICT_TRANSPORT_SECURITY,
        default: Some("max-age=31536000"),
        values: Values::Transport,
        example: "max-age=31536000; includeSubDomains",
    },
    Field {
        key: "content_type_options",
        name: header::X_CONTENT_TYPE_OPTIONS,
        default: Some("nosniff"),
        values: Values::OneOf(&["nosniff"]),
        example: "nosniff",
    },
    Field {
        key: "referrer_policy",
        name: header::REFERRER_POLICY,
        default: Some("strict-origin-when-cross-origin"),
        values: Values::OneOf(REFERRER_POLICIES),
        example: "strict-origin-when-cross-origin",
    },
    Field {
        key: "frame_options",
        name: header::X_FRAME_OPTIONS,
        default: Some("SAMEORIGIN"),
        values: Values::OneOf(&["DENY", "SAMEORIGIN"]),
        example: "DENY",
    },
    Field {
        key: "content_security_policy",
        name: header::CONTENT_SECURITY_POLICY,
        default: None,
        values: Values::Any,
        example: "default-src 'self'",
    },
    Field {
        key: "permissions_policy",
        name: PERMISSIONS_POLICY,
        default: None,
        values: Values::Any,
        example: "geolocation=()",
    },
    Field {
        key: "opener_policy",
        name: OPENER_POLICY,
        default: None,
        values: Values::OneOf(&[
            "same-origin",
            "same-origin-allow-popups",
            "noopener-allow-popups",
            "unsafe-none",
        ]),
        example: "same-origin-allow-popups",
    },
    Field {
        key: "embedder_policy",
        name: EMBEDDER_POLICY,
        default: None,
        values: Values::OneOf(&["require-corp", "credentialless", "unsafe-none"]),
        example: "require-corp",
    },
    Field {
        key: "resource_policy",
        name: RESOURCE_POLICY,
        default: None,
        values: Values::OneOf(&["same-origin", "same-site", "cross-origin"]),
        example: "same-origin",
    },
];

impl Checker<'_> {
    /// The edge of a route, whose keys are taken out of its table.
    pub(super) fn edge(&mut self, at: &str, table: &mut Table, global: &Edge) -> Edge {
        let limit = match table.remove("rate_limit") {
            None => global.limit.clone(),
            Some(value) => {
                let limit = self.rate_limit(&join(at, "rate_limit"), value);
                let prefix = table.get("prefix").and_then(Value::as_str);
                self.own_limit_or_same(prefix.unwrap_or_default(), limit)
            }
        };
        let security = table.remove("security_headers");
        let at = join(at, "security_headers");
        Edge {
            limit,
            security: security.and_then(|value| self.security_headers(&at, value)),
            ids: global.ids,
        }
    }

    pub(super) fn rate_limit(&mut self, at: &str, value: Value) -> Option<Arc<RateLimit>> {
        let remedy = "write a table: { per_second = 50, burst = 100 }, or `false` for no limit";
        let table = match value {
            Value::Boolean(false) => return None,
            Value::Table(table) => table,
            other => {
                self.problems
                    .push(at, format!("{other} does not fit; {remedy}"));
                return None;
            }
        };
        let found = read::<RateTable>(table, at, &[], &mut self.problems)?.value;
        let Some(per_second) = found.per_second else {
            self.problems
                .add(join(at, "per_second"), format!("missing; {remedy}"));
            return None;
        };
        let mut number = |key: &str, value, range| {
            let number = self.within(&join(at, key), value, range);
            NonZeroU32::new(number)
        };
        let per_second = number("per_second", per_second, RATES)?;
        let burst = match found.burst {
            Some(burst) => number("burst", burst, BURSTS)?,
            None => per_second,
        };
        Some(Arc::new(RateLimit::new(Quota { per_second, burst })))
    }

    fn security_headers(&mut self, at: &str, value: Value) -> Option<Arc<SecurityHeaders>> {
        let mut table = match value {
            Value::Boolean(false) => return None,
            Value::Boolean(true) => Table::new(),
            Value::Table(table) => table,
            other => {
                let message = format!(
                    "{other} does not fit; write true for the usual fields, or a table: {{ frame_options = \"DENY\" }}"
                );
                self.problems.push(at, message);
                return None;
            }
        };
        let mut security = SecurityHeaders::default();
        for field in &FIELDS {
            let Some(value) = self.security_header(at, field, table.remove(field.key)) else {
                continue;
            };
            if field.name == header::STRICT_TRANSPORT_SECURITY {
                security.transport = Some(value);
            } else {
                security.others.push((field.name.clone(), value));
            }
        }
        for unknown in table.keys() {
            let known: Vec<_> = FIELDS.iter().map(|field| field.key).collect();
            let message = format!("unknown key {unknown:?}; write one of {}", known.join(", "));
            self.problems.push(join(at, &_key_name(unknown)), message);
        }
        Some(Arc::new(security))
    }

    fn security_header(
        &mut self,
        at: &str,
        field: &Field,
        value: Option<Value>,
    ) -> Option<HeaderValue> {
        let text = match value {
            None => return field.default.map(HeaderValue::from_static),
            Some(Value::Boolean(false)) => return None,
            Some(Value::Boolean(true)) if field.default.is_some() => {
                return field.default.map(HeaderValue::from_static);
            }
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(other),
        };
        let found = text.as_ref().ok().filter(|text| field.values.fit(text));
        let found = found.and_then(|text| field_value(text));
        if found.is_none() {
            let given = text.map_or_else(|other| other.to_string(), |text| format!("{text:?}"));
            let remedy = match field.values {
                Values::OneOf(values) => format!("one of \"{}\"", values.join("\", \"")),
                Values::Any => format!(
                    "ASCII text on one line, without white space around it, such as {:?}",
                    field.example
                ),
                Values::Transport => format!(
                    "max-age in whole seconds, and other directives behind \";\", each once, such as {:?}",
                    field.example
                ),
            };
            let message =
                format!("{given} does not fit; write {remedy}, or false for no such field");
            self.problems.push(join(at, field.key), message);
        }
        found
    }
}

impl Values {
    fn fit(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(values) => values.contains(&text),
            Self::Transport => is_transport(text),
        }
    }
}

/// A text as the value of a field, as it stands. RFC 9113 8.2.1 has clients of HTTP/2 take an answer for malformed whose
/// value has white space around it, and RFC 9110 5.5 knows no meaning of characters that are not ASCII.
fn field_value(text: &str) -> Option<HeaderValue> {
    let fits = !text.is_empty() && text.trim() == text && text.is_ascii();
    fits.then(|| HeaderValue::from_str(text).ok()).flatten()
}

/// Whether a text is directives of which each is there once, with `max-age` among them (RFC 6797 6.1).
fn is_transport(text: &str) -> bool {
    let directives = text.split(';').map(str::trim);
    let directives = directives.filter(|directive| !directive.is_empty());
    // Of one that is malformed browsers take nothing.
    let Some(directives) = directives.map(directive).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let names: HashSet<_> = directives.iter().map(|(name, _)| name).collect();
    let mut ages = directives.iter().filter(|(name, _)| name == "max-age");
    let is_number = |seconds: &str| {
        seconds.bytes().all(|byte| byte.is_ascii_digit()) && seconds.parse::<u64>().is_ok()
    };
    names.len() == directives.len() && ages.any(|(_, seconds)| is_number(seconds))
}

/// The name of a directive, which is a token in any case, and its value: a token, or a text in quotes; empty where
/// there is none.
fn directive(text: &str) -> Option<(HeaderName, &str)> {
    let token = |text: &str| HeaderName::from_bytes(text.as_bytes()).ok();
    let Some((name, value)) = text.split_once('=') else {
        return Some((token(text)?, ""));
    };
    let value = value.trim_start();
    let quoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .filter(|quoted| !quoted.contains(['"', '\\']));
    let value = quoted.or_else(|| token(value).and(Some(value)))?;
    Some((token(name.trim_end())?, value))
}
