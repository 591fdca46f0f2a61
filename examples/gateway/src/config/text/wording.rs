//! Messages of readers, which are in terms of their types, reworded in the terms of the file.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use toml::Value;

use super::place::last_name;
use super::unknown;
use crate::config::listen;

/// The fault of a value that stands at a key, which may be one of a list. Messages that are not a reader's own stay as
/// they are.
pub fn reword(key: &str, value: Option<&Value>, message: &str) -> String {
    let told = reworded(key, value, message);
    match told.rsplit_once("; write ") {
        // The reader does not know how large a head may be.
        Some((fault, _)) if key == "server.head_size" => {
            format!("{fault}; write a size such as \"64KiB\", from \"1KiB\" to \"256KiB\"")
        }
        _ => told,
    }
}

fn reworded(key: &str, value: Option<&Value>, message: &str) -> String {
    let Some(value) = value else {
        return message.to_owned();
    };
    if message.starts_with("unknown field") {
        return unknown::told(key, message);
    }
    if message.starts_with("missing field") {
        return missing(key, message);
    }
    let expected = message
        .split_once(", expected ")
        .map_or(message, |(_, expected)| expected);
    // Fields that are set for upstreams may hold a credential, so their values are not told.
    let given = match value {
        Value::String(_) if key.contains("set_request_headers") => "text".to_owned(),
        Value::Integer(_) | Value::Float(_) if key.contains("set_request_headers") => {
            "a number".to_owned()
        }
        other => given(other),
    };
    match remedy(key, value, expected) {
        Some(remedy) => format!("{given} does not fit; write {remedy}"),
        None => message.to_owned(),
    }
}

/// A key that a table lacks, with a table that has it.
fn missing(key: &str, message: &str) -> String {
    let example = table(name_of(key));
    match names(message).next() {
        Some(missing) if example.starts_with('{') => {
            format!("the key `{missing}` is missing; write {example}")
        }
        _ => message.to_owned(),
    }
}

/// The name of a key in its table. `listen` of the admin listener takes another example than the gateway's own.
fn name_of(key: &str) -> &str {
    if key == "admin.listen" {
        return key;
    }
    last_name(key)
}

/// The names in a reader's message, which are in backticks.
pub(super) fn names(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2)
}

pub fn no_network(text: &str) -> String {
    match meant_network(text.trim()) {
        Some(network) => format!("{text:?} is not a network; write \"{network}\""),
        None => format!("{text:?} is not a network; write \"127.0.0.1/32\" or \"fd00::/8\""),
    }
}

/// The network of one address, with or without a port, or one that has a mask in the place of its length.
fn meant_network(text: &str) -> Option<IpNet> {
    if let Ok(network) = text.parse() {
        return Some(network);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(IpNet::from).or_else(|| {
        let (address, mask) = text.split_once('/')?;
        IpNet::with_netmask(address.parse().ok()?, mask.parse().ok()?).ok()
    })
}

/// A value as it is in the file, if it is short.
pub fn given(value: &Value) -> String {
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
    let name = name_of(key);
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
        "a string" | "path string" | "string only" => {
            format!("text in quotes: {}", text_for(name, value))
        }
        // Of a table for one of several words.
        _ if expected.starts_with("wanted exactly 1 element") => {
            format!("text in quotes: {}", text(name))
        }
        "a URL or a list of URLs" => format!("{expected}, in quotes: {}", text(name)),
        "a sequence" => format!("a list: {}", list(name, value)),
        // In a list it would be refused.
        "\"*\" or a list of strings" if name == "allow_origins" && is_null(value) => {
            "allow_null_origin = true in its place, if opaque origins are meant".to_owned()
        }
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
        Value::String(paths) if name == "dangerously_exempt" && are_paths(paths) => {
            let tables = members(paths).map(|path| format!("{{ path = {path:?} }}"));
            format!("[{}]", tables.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) if name != "dangerously_exempt" && members(text).next().is_some() => {
            format!("{:?}", members(text).collect::<Vec<_>>())
        }
        _ => format!("[{}]", text(name)),
    }
}

fn is_null(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim() == "null")
}

fn are_paths(text: &str) -> bool {
    let mut paths = members(text).peekable();
    paths.peek().is_some() && paths.all(|path| path.starts_with('/') && path.len() > 1)
}

/// The members of a list that somebody has written in one text. None of those that a list has (methods, names, origins,
/// hosts, networks) holds a comma or a blank.
fn members(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c == ';' || c.is_whitespace())
        .map(|member| member.trim_matches(['"', '\'']))
        .filter(|member| !member.is_empty())
}

/// A text that may stand at a key in the place of a value.
fn text_for(name: &str, value: &Value) -> String {
    let is_free = |port: &u16| *port > 0 && (name == "listen" || *port != listen::PORT);
    let port = value.as_integer().and_then(|port| u16::try_from(port).ok());
    match port.filter(is_free) {
        Some(port) if matches!(name, "listen" | "admin.listen") => format!("\"127.0.0.1:{port}\""),
        _ => text(name).to_owned(),
    }
}

/// A text that may stand at a key, or in a list there.
fn text(name: &str) -> &'static str {
    match name {
        "listen" => "\"127.0.0.1:8080\"",
        "admin.listen" => "\"127.0.0.1:9090\"",
        "hosts" => "\"app.example.com\"",
        "dangerously_exempt" => "{ path = \"/api/hook\" }",
        "drain" | "head_timeout" | "response" => "\"30s\"",
        "delay" | "timeout" => "\"5s\"",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_made_of_addresses() {
        for (text, network) in [
            ("10.0.0.1", Some("10.0.0.1/32")),
            (" 10.0.0.1", Some("10.0.0.1/32")),
            ("10.0.0.1:80", Some("10.0.0.1/32")),
            ("::1", Some("::1/128")),
            ("[::1]", Some("::1/128")),
            ("[::1]:80", Some("::1/128")),
            ("10.0.0.0/255.0.0.0", Some("10.0.0.0/8")),
            (" fd00::/8 ", Some("fd00::/8")),
            ("10.0.0.0/255.0.255.0", None),
            ("10.0.0.0/33", None),
            ("10.*", None),
            ("localhost", None),
            ("", None),
        ] {
            let found = meant_network(text.trim()).map(|network| network.to_string());
            assert_eq!(found.as_deref(), network, "{text}");
        }
    }
}
