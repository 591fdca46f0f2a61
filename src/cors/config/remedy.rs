//! The remedies for entries of `allow_origins`. To follow one does not lead into the next error, so that it also has the
//! switches that the origin needs with credentials.

use std::borrow::Cow;

use super::builder::CorsBuilder;
use super::error::PolicyErrorKind as Kind;
use crate::config_error::each_alone;
use crate::origin::{OriginError, OriginErrorKind, OriginPattern, UNENCODED};

const NAME_YOURS: &str = "name the origins that are yours";

const PUBLIC_SUFFIXES: &str = "dangerously_allow_public_suffixes";
const NULL: &str = "allow_null_origin";
const CREDENTIALED_NULL: &str = "dangerously_allow_credentialed_null_origin";

/// The switch that lets through what is dangerous with credentials.
pub(in crate::cors) fn switch(danger: Kind) -> Option<&'static str> {
    match danger {
        Kind::AnyExtensionWithCredentials => Some("dangerously_allow_any_extension"),
        Kind::InsecureWithCredentials => Some("dangerously_allow_insecure_origins"),
        Kind::PublicSuffixWithCredentials => Some(PUBLIC_SUFFIXES),
        Kind::NullWithCredentials => Some(CREDENTIALED_NULL),
        _ => None,
    }
}

/// The reasons for which an origin is refused with credentials by these settings.
pub(super) fn dangers(
    settings: &CorsBuilder,
    pattern: &OriginPattern,
) -> impl Iterator<Item = Kind> {
    let is_extension = pattern.covers_hosts();
    let credentials = settings.allow_credentials;
    [
        (
            is_extension && !settings.dangerously_allow_any_extension,
            Kind::AnyExtensionWithCredentials,
        ),
        (
            !is_extension && !pattern.is_secure() && !settings.dangerously_allow_insecure_origins,
            Kind::InsecureWithCredentials,
        ),
        (
            pattern.covers_public_suffix() && !settings.dangerously_allow_public_suffixes,
            Kind::PublicSuffixWithCredentials,
        ),
    ]
    .into_iter()
    .filter_map(move |(is_there, kind)| (credentials && is_there).then_some(kind))
}

/// The remedy for an entry that is an origin or a pattern, and dangerous.
pub(super) fn of_danger(danger: Kind, entry: &str) -> String {
    let way_out = match danger {
        Kind::AnyExtensionWithCredentials => "name the extensions that are yours".into(),
        Kind::InsecureWithCredentials => match over_https(entry) {
            Some(secure) => format!("write {secure:?}"),
            None => "remove it".into(),
        },
        _ => String::from(NAME_YOURS),
    };
    match switch(danger) {
        Some(switch) => format!("{way_out}, or set {switch}"),
        None => way_out,
    }
}

/// Whether `null` is refused as soon as it is allowed.
pub(super) fn is_null_dangerous(settings: &CorsBuilder) -> bool {
    settings.allow_credentials && !settings.dangerously_allow_credentialed_null_origin
}

/// The remedy for an entry that is not an origin.
pub(super) fn of_origin(settings: &CorsBuilder, error: &OriginError) -> Cow<'static, str> {
    if let Some(origins) = error.several() {
        return (each_alone(&origins) + &and_set(&switches(settings, &origins))).into();
    }
    match (error.kind(), error.suggestion()) {
        (OriginErrorKind::File, _) => for_file(settings).into(),
        (_, Some(suggestion)) => write(settings, suggestion).into(),
        (OriginErrorKind::Null | OriginErrorKind::OpaqueScheme, None) => {
            let and_set = and_set(&null_switches(settings));
            match settings.allow_null_origin {
                true => "remove it, as allow_null_origin is set".into(),
                false => format!("remove it{and_set}, if opaque origins are meant").into(),
            }
        }
        (OriginErrorKind::Wildcard, None) if settings.allow_credentials => {
            "write \"*.\" before a name for its subdomains, or \":*\" behind it for any port".into()
        }
        (OriginErrorKind::Wildcard, None) => {
            "write \"*.\" before a name for its subdomains, \":*\" behind it for any port, \
             or \"*\" in place of the list (in Rust: `Any`) for all origins"
                .into()
        }
        (OriginErrorKind::Unicode, None) => UNENCODED.into(),
        (_, None) => "write an origin such as \"https://example.com\" for each entry".into(),
    }
}

fn write(settings: &CorsBuilder, origin: &str) -> String {
    let switches = switches(settings, &[origin]);
    let and_set = and_set(&switches);
    let secure = over_https(origin).filter(|_| !switches.is_empty());
    match secure.filter(|secure| self::switches(settings, &[secure]).is_empty()) {
        Some(secure) => format!("write {secure:?}, or {origin:?}{and_set}"),
        None if switches.contains(&PUBLIC_SUFFIXES) => {
            format!("{NAME_YOURS}, or write {origin:?}{and_set}")
        }
        None => format!("write {origin:?}{and_set}"),
    }
}

fn for_file(settings: &CorsBuilder) -> String {
    let and_set_for_file = and_set(&switches(settings, &["file://"]));
    let otherwise = match settings.allow_null_origin {
        true => "remove it, as allow_null_origin is set".to_owned(),
        false => format!("remove it{}", and_set(&null_switches(settings))),
    };
    format!(
        "write \"file://\"{and_set_for_file} for what Chromium sends where files may read files, \
         or {otherwise} for what other browsers send"
    )
}

/// The switches without which these origins would be refused.
fn switches(settings: &CorsBuilder, origins: &[impl AsRef<str>]) -> Vec<&'static str> {
    let patterns = origins
        .iter()
        .filter_map(|origin| origin.as_ref().parse().ok());
    let mut switches: Vec<_> = patterns
        .flat_map(|pattern: OriginPattern| dangers(settings, &pattern).collect::<Vec<_>>())
        .filter_map(switch)
        .collect();
    switches.sort_unstable();
    switches.dedup();
    switches
}

fn null_switches(settings: &CorsBuilder) -> Vec<&'static str> {
    match is_null_dangerous(settings) {
        true => vec![NULL, CREDENTIALED_NULL],
        false => vec![NULL],
    }
}

fn and_set(switches: &[&str]) -> String {
    match switches {
        [] => String::new(),
        _ => format!(" and set {}", switches.join(" and ")),
    }
}

/// The same host and port by https.
fn over_https(origin: &str) -> Option<String> {
    let secure = format!("https:{}", origin.strip_prefix("http:")?);
    match secure.parse::<OriginPattern>() {
        Ok(_) => Some(secure),
        // Its port was another scheme's default one.
        Err(error) => error.suggestion().map(ToOwned::to_owned),
    }
}
