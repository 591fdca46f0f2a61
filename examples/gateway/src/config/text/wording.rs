//! Messages of readers, which are in terms of their types, reworded in the terms of the file.

use ipnet::IpNet;
use std::net::IpAddr;
use toml::Value;

/// The fault of a value that stands at a key, which may be one of a list. Messages that are not a reader's own stay as
/// they are.
pub fn reword(key: &str, value: Option<&Value>, message: &str) -> String {
    let Some(value) = value else {
        return message.to_owned();
    };
    if message.starts_with("unknown field") {
        return with_suggestion(key, message);
    }
    if message.starts_with("missing field") {
        return message.to_owned();
    }
    let expected = message
        .split_once(", expected ")
        .map_or(message, |(_, expected)| expected);
    match remedy(key, value, expected) {
        Some(remedy) => format!("{} does not fit; write {remedy}", given(value)),
        None => message.to_owned(),
    }
}

/// The least likeness of two keys at which one is meant by the other: a letter may be left out, doubled or exchanged.
const ALIKE: f64 = 0.85;

/// An unknown key with the known one that is most like it, or with all of them.
fn with_suggestion(key: &str, message: &str) -> String {
    let written = key.rsplit('.').next().unwrap_or(key);
    let known: Vec<_> = names(message).filter(|known| *known != written).collect();
    let likeness = |known: &str| strsim::jaro_winkler(&written.replace('-', "_"), known);
    let best = known
        .iter()
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    match best.filter(|known| likeness(known) > ALIKE) {
        Some(known) => format!("unknown key {written:?}; did you mean {known:?}?"),
        None => format!("unknown key {written:?}; write one of {}", known.join(", ")),
    }
}

/// The names in a reader's message, which are in backticks.
fn names(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2)
}

pub fn no_network(text: &str) -> String {
    let remedy = match text.parse::<IpAddr>() {
        Ok(ip) => format!("\"{}\"", IpNet::from(ip)),
        Err(_) => "\"127.0.0.1/32\" or \"fd00::/8\"".to_owned(),
    };
    format!("{text:?} is not a network; write {remedy}")
}

/// A value as it is in the file, if it is short.
fn given(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.to_string()
        }
    }
}

/// The text to write instead, by what the reader expected.
fn remedy(key: &str, value: &Value, expected: &str) -> Option<String> {
    let name = key.rsplit('.').next().unwrap_or(key);
    let name = name.split_once('[').map_or(name, |(list, _)| list);
    if name == "routes" {
        return Some("[[routes]], in double brackets, above the keys of each route".to_owned());
    }
    let (least, number) = match expected.strip_prefix("a nonzero ") {
        Some(number) => (1, number),
        // The library reads these as they are, and refuses none at all.
        None => (
            u32::from(matches!(name, "in_flight" | "tunnels" | "response_fields")),
            expected,
        ),
    };
    let remedy = match number {
        "i64" => "a whole number".to_owned(),
        "f64" => "a number such as 0.5".to_owned(),
        "u32" => format!("a whole number from {least} to {}", u32::MAX),
        "u64" | "usize" => format!("a whole number from {least} on"),
        "a boolean" => "true or false, without quotes".to_owned(),
        "a string" | "path string" | "string only" => format!("text in quotes: {}", text(name)),
        "a URL or a list of URLs" => format!("{expected}, in quotes: {}", text(name)),
        "a sequence" => format!("a list: {}", list(name, value)),
        "\"*\" or a list of strings" => format!("\"*\" or a list: {}", list(name, value)),
        // The library's own readers say what to write.
        _ if expected.contains("such as") || expected.starts_with("true, false or ") => {
            expected.to_owned()
        }
        _ if expected == "a map" || expected.starts_with("struct ") => {
            format!("a table: {}", table(name))
        }
        _ if expected.starts_with("one of ") || expected.starts_with('`') => {
            expected.replace('`', "\"")
        }
        _ => return None,
    };
    Some(remedy)
}

/// The value as the members of a list, or a list that may stand there.
fn list(name: &str, value: &Value) -> String {
    match value {
        Value::String(paths) if name == "dangerously_exempt" => {
            let tables = members(paths).map(|path| format!("{{ path = {path:?} }}"));
            format!("[{}]", tables.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) if members(text).next().is_some() => {
            format!("{:?}", members(text).collect::<Vec<_>>())
        }
        _ => format!("[{}]", text(name)),
    }
}

/// The members of a list that somebody has written in one text. None of those that a list has (methods, names, origins,
/// hosts, networks) holds a comma or a blank.
fn members(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c == ';' || c.is_whitespace())
        .map(|member| member.trim_matches(['"', '\'']))
        .filter(|member| !member.is_empty())
}

/// The fault of a key that is in the text before it already.
pub fn duplicate(key: &str, before: &str) -> String {
    let mut lines = before.lines().map(str::trim_start);
    // Above the first route, such a table makes `routes` a table and not a list.
    let table = lines
        .clone()
        .find(|line| key == "routes" && line.starts_with("[routes."));
    let has_route = lines.any(|line| line.starts_with("[[routes]]"));
    match table.and_then(|line| line.split(']').next()) {
        Some(table) if !has_route => {
            format!("duplicate key {key}; write {table}] below the [[routes]] that it is of")
        }
        Some(_) | None => format!("duplicate key {key}"),
    }
}

/// A text that may stand at a key, or in a list there.
fn text(name: &str) -> &'static str {
    match name {
        "listen" => "\"127.0.0.1:8080\"",
        "hosts" => "\"app.example.com\"",
        "dangerously_exempt" => "{ path = \"/api/hook\" }",
        "drain" | "head_timeout" | "response" => "\"30s\"",
        "connect" | "idle" | "tunnel" | "connection_age" | "min_ttl" | "max_ttl" => "\"60s\"",
        "trusted_proxies" | "proxy_protocol" => "\"127.0.0.1/32\"",
        "servers" => "\"1.1.1.1:53\"",
        "prefix" => "\"/api\"",
        "upstream" => "\"https://api.example.com\"",
        "dir" => "\"dist\"",
        "allow_origins" | "public_origins" | "trust" => "\"https://app.example.com\"",
        "allow_methods" => "\"PUT\"",
        "allow_headers" | "expose_headers" | "remove_request_headers" => "\"authorization\"",
        "remove_response_headers" => "\"server\"",
        "forwarding" => "\"x-forwarded-for\"",
        "cert" | "ca" => "\"cert.pem\"",
        "key" => "\"key.pem\"",
        "via" => "\"gateway\"",
        "mode" => "\"credentials\"",
        "same_site" => "\"lax\"",
        "format" => "\"text\"",
        _ => "\"...\"",
    }
}

/// A table that may stand at a key.
fn table(name: &str) -> String {
    match name {
        "dangerously_exempt" => "{ path = \"/api/hook\" }".to_owned(),
        "tls" => "{ cert = \"cert.pem\", key = \"key.pem\" }".to_owned(),
        "upstream_tls" => "{ ca = \"cert.pem\" }".to_owned(),
        "timeouts" => "{ connect = \"5s\" }".to_owned(),
        "limits" => "{ in_flight = 1024 }".to_owned(),
        "set_request_headers" => "{ x-api-key = \"...\" }".to_owned(),
        "set_response_headers" => "{ cache-control = \"no-store\" }".to_owned(),
        "cookies" => "{ secure = true, same_site = \"lax\" }".to_owned(),
        "dns" => "{ max_ttl = \"60s\" }".to_owned(),
        _ => format!("[{name}], with its keys below"),
    }
}
