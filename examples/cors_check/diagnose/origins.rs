//! The difference between the value of `Access-Control-Allow-Origin` and the page's origin.

use url::Url;

use super::{Fault, fault};

/// A value that is not the page's origin, where both were meant to be the same.
///
/// `write`: the words by which the right one is configured.
pub fn misspelt(value: &str, origin: &str, write: &str) -> Fault {
    let exactly = format!("browsers compare byte by byte: {write}, exactly so");
    if value.strip_suffix('/') == Some(origin) {
        return fault(
            "allow-origin-trailing-slash",
            format!("an origin has no slash at its end; {exactly}"),
        );
    }
    if value.contains('*') {
        return fault(
            "allow-origin-pattern",
            format!(
                "browsers know no patterns: match the list in the server and answer with one origin: {write}, and `Vary: Origin`"
            ),
        );
    }
    if value.eq_ignore_ascii_case(origin) {
        return fault(
            "allow-origin-case",
            format!("hosts and schemes are written in lower case; {exactly}"),
        );
    }
    if value == "null" {
        return fault(
            "allow-origin-null",
            format!(
                "`null` is the origin of sandboxed pages and redirects, not of this page; {write}"
            ),
        );
    }
    if let (Ok(value), Ok(origin)) = (Url::parse(value), Url::parse(origin)) {
        return another(&value, &origin, &exactly, write);
    }
    let bare = origin.split_once("://").map(|(_, bare)| bare);
    match bare == Some(value.trim_end_matches('/')) {
        true => fault(
            "allow-origin-without-scheme",
            format!("an origin has a scheme; {exactly}"),
        ),
        false => fault("allow-origin-not-an-origin", exactly),
    }
}

/// A URL that is not the page's origin, by the part in which it differs.
fn another(value: &Url, origin: &Url, exactly: &str, write: &str) -> Fault {
    let hosts = value.host_str() == origin.host_str();
    let ports = value.port_or_known_default() == origin.port_or_known_default();
    let schemes = value.scheme() == origin.scheme();
    if hosts && schemes && ports && (value.path().len() > 1 || value.query().is_some()) {
        return fault(
            "allow-origin-with-path",
            format!("an origin has no path; {exactly}"),
        );
    }
    match (hosts, schemes, ports) {
        // `:443`, which no browser writes.
        (true, true, true) => fault(
            "allow-origin-port",
            format!("browsers leave the default port out; {exactly}"),
        ),
        (true, false, _) => fault(
            "allow-origin-scheme",
            format!("http and https are two origins; {exactly}"),
        ),
        (true, true, false) => fault(
            "allow-origin-port",
            format!("every port is an origin of its own; {exactly}"),
        ),
        (false, ..) => fault(
            "allow-origin-other",
            format!(
                "this page is not on the list, or a cache gave another page's answer: {write}, and `Vary: Origin`"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_named() {
        for (value, code) in [
            ("https://app.example.com/", "allow-origin-trailing-slash"),
            ("https://app.example.com/x", "allow-origin-with-path"),
            ("https://App.Example.com", "allow-origin-case"),
            ("http://app.example.com", "allow-origin-scheme"),
            ("https://app.example.com:8443", "allow-origin-port"),
            ("https://app.example.com:443", "allow-origin-port"),
            ("https://www.example.com", "allow-origin-other"),
            ("https://*.example.com", "allow-origin-pattern"),
            ("app.example.com", "allow-origin-without-scheme"),
            ("null", "allow-origin-null"),
            ("any", "allow-origin-not-an-origin"),
        ] {
            let fault = misspelt(value, "https://app.example.com", "X");
            assert_eq!(fault.code, code, "{value}");
            assert!(fault.remedy.contains('X'), "{value}: {}", fault.remedy);
        }
    }
}
