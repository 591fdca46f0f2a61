//! Faults of the text that make it none of TOML, with what to write instead.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::unknown;

/// The fault that a reader has found at a range of the text.
pub fn told(message: &str, text: &str, span: std::ops::Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or_default();
    if let ("duplicate key", Some(key)) = (message, text.get(span)) {
        return duplicate(key, before);
    }
    // `"C:\dist"` is what those write who have Windows.
    let is_escape = |fault: &str| message.contains(fault);
    if ["escaped value", "unicode value", "hexadecimal value"]
        .into_iter()
        .any(is_escape)
    {
        return "a backslash begins an escape in a text with double quotes; write single quotes around it, or each \
                backslash twice"
            .to_owned();
    }
    let is_of_a_value = [
        "string values must be quoted",
        "invalid ",
        "unexpected leading zero",
    ];
    match bare_value(text, before) {
        Some(value) if is_of_a_value.iter().any(|fault| message.starts_with(fault)) => {
            in_quotes(value)
        }
        _ => message.to_owned(),
    }
}

/// The value that stands without quotes around the end of a text: a word behind `=`, or one of a list.
fn bare_value<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '=' | '[' | ',' | '{');
    let start = before.rfind(is_end).map_or(0, |end| end + 1);
    let word = text.get(start..)?;
    let end = word.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}' | '#'));
    let word = &word[..end.unwrap_or(word.len())];
    let is_value = before[..start].trim_end().ends_with(['=', '[', ',', '{']);
    let is_bare = !word.is_empty() && !word.contains(['"', '\'', '=']);
    (is_value && is_bare).then_some(word)
}

/// A value that lacks its quotes, or is a word for true or false in another language. Any other may be a key or a password.
fn in_quotes(value: &str) -> String {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => return format!("{value} is not a value; write true"),
        "false" | "no" | "off" => return format!("{value} is not a value; write false"),
        _ => {}
    }
    let bare = value.trim_matches(['“', '”', '„', '‘', '’', '`']);
    let is_number = |c: char| c.is_ascii_digit() || "+-._%e".contains(c);
    if is_address(bare) || is_with_unit(bare) {
        format!("the value {value} has no quotes around it; write \"{bare}\"")
    } else if bare.chars().all(is_number) {
        "a number is not written so; write one such as 4 or 0.5".to_owned()
    } else {
        "a value has no quotes around it; write it in quotes".to_owned()
    }
}

/// Whether that is an address to listen on, or one to trust.
fn is_address(text: &str) -> bool {
    let host = text
        .strip_prefix("localhost")
        .or_else(|| text.strip_prefix('*'));
    let port = host.unwrap_or(text).strip_prefix(':');
    port.is_some_and(|port| port.parse::<u16>().is_ok())
        || text.parse::<SocketAddr>().is_ok()
        || text.parse::<IpAddr>().is_ok()
        || text.parse::<IpNet>().is_ok()
}

/// Whether that is a time or a size.
fn is_with_unit(text: &str) -> bool {
    const UNITS: [&str; 14] = [
        "ms", "s", "sec", "m", "min", "h", "d", "b", "kb", "mb", "gb", "kib", "mib", "gib",
    ];
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    text.starts_with(|c: char| c.is_ascii_digit())
        && UNITS.contains(&unit.to_ascii_lowercase().as_str())
}

/// The fault of a key that is in the text before it already.
fn duplicate(key: &str, before: &str) -> String {
    let mut lines = before.lines().map(str::trim_start);
    // Above the first route, such a table makes `routes` a table and not a list.
    let table = lines
        .clone()
        .find(|line| key == "routes" && line.starts_with("[routes."));
    let is_in_braces = before.lines().last().is_some_and(|line| line.contains('{'));
    let has_route = lines.any(|line| line.starts_with("[[routes]]"));
    match table.and_then(|line| line.split(']').next()) {
        Some(table) if !has_route => {
            format!("duplicate key {key}; write {table}] below the [[routes]] that it is of")
        }
        Some(_) | None if unknown::is_of_a_route(key) && !is_in_braces => {
            format!("duplicate key {key}; write it once below each [[routes]]")
        }
        Some(_) | None => format!("duplicate key {key}; write it once"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    #[test]
    fn what_is_not_toml_is_told_with_what_to_write() {
        for (text, told) in [
            (
                "listen = 127.0.0.1:8080",
                "the value 127.0.0.1:8080 has no quotes around it; write \"127.0.0.1:8080\"",
            ),
            (
                "listen = :80 # x",
                "the value :80 has no quotes around it; write \":80\"",
            ),
            (
                "listen = “:80”",
                "the value “:80” has no quotes around it; write \":80\"",
            ),
            (
                "drain = 30s",
                "the value 30s has no quotes around it; write \"30s\"",
            ),
            (
                "drain = 1.5m",
                "the value 1.5m has no quotes around it; write \"1.5m\"",
            ),
            (
                "a = { b = 5s }",
                "the value 5s has no quotes around it; write \"5s\"",
            ),
            (
                "a = [1.1.1.1, 2]",
                "the value 1.1.1.1 has no quotes around it; write \"1.1.1.1\"",
            ),
            (
                "a = [\n  10.0.0.0/8,\n]",
                "the value 10.0.0.0/8 has no quotes around it; write \"10.0.0.0/8\"",
            ),
            (
                "a = http://u:pw@a.example",
                "a value has no quotes around it; write it in quotes",
            ),
            (
                "[[routes]]\nset_request_headers = { x-api-key = 1f2e }",
                "a value has no quotes around it; write it in quotes",
            ),
            (
                "[routes.set_request_headers]\nx-a = 1\nx-api-key = 1f2e",
                "a value has no quotes around it; write it in quotes",
            ),
            (
                "[[routes]]\nset_request_headers = {\n  authorization = s3cr1tvalue\n}",
                "a value has no quotes around it; write it in quotes",
            ),
            (
                "a = { via = '1', via = '2' }",
                "duplicate key via; write it once",
            ),
            (
                "a = http://user:pass",
                "a value has no quotes around it; write it in quotes",
            ),
            (
                "a = 04",
                "a number is not written so; write one such as 4 or 0.5",
            ),
            (
                "a = .5",
                "a number is not written so; write one such as 4 or 0.5",
            ),
            (
                "a = 50%",
                "a number is not written so; write one such as 4 or 0.5",
            ),
            ("a = True", "True is not a value; write true"),
            ("a = no", "no is not a value; write false"),
            (
                "prefix = '/'\nprefix = '/a'",
                "duplicate key prefix; write it once below each [[routes]]",
            ),
            ("[log]\n[log]", "duplicate key log; write it once"),
            (
                "dir = \"C:\\dist\"",
                "a backslash begins an escape in a text with double quotes; write single quotes around it, or each backslash twice",
            ),
            (
                "dir = \"C:\\Users\\x\"",
                "a backslash begins an escape in a text with double quotes; write single quotes around it, or each backslash twice",
            ),
            // These have another fault than quotes.
            ("a = ':80", "invalid literal string, expected `'`"),
            ("a : 1", "key with no value, expected `=`"),
            (
                "a = 1 b = 2",
                "unexpected key or value, expected newline, `#`",
            ),
        ] {
            let problems = Config::parse(text, "g", Path::new(""), None).err().unwrap();
            let shown = problems.to_string();
            let (_, shown) = shown.split_once(": ").unwrap();
            assert_eq!(shown, told, "{text}");
        }
    }
}
