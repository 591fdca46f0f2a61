//! `Host`: its grammar, and its place in a head.

use http::header::{self, HeaderMap, HeaderValue};

/// `Host` where it was, or first (RFC 9110 7.2: it should be) if there was none.
pub(crate) fn set_host(headers: &mut HeaderMap, host: HeaderValue) {
    match headers.entry(header::HOST) {
        header::Entry::Occupied(mut entry) => {
            entry.insert(host);
        }
        header::Entry::Vacant(_) => {
            let others = std::mem::take(headers);
            headers.reserve(others.len() + 1);
            headers.insert(header::HOST, host);
            headers.extend(others);
        }
    }
}

/// The bytes of a name or an IPv4 address: RFC 3986's `unreserved`.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

/// `uri-host [ ":" port ]` (RFC 9110 7.2), of which only what a name of the DNS, an IPv4 address or a
/// bracketed IPv6 address can be is let through: whatever else the grammar of a registered name
/// allows (a comma, a semicolon, percent-encodings) is read differently by different servers.
pub(crate) fn is_host_and_port(value: &[u8]) -> bool {
    let (host, port) = match value {
        [b'[', rest @ ..] => match rest.iter().position(|byte| *byte == b']') {
            Some(end) => {
                let literal = &rest[..end];
                let legal = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
                if literal.is_empty() || !literal.iter().all(legal) {
                    return false;
                }
                (literal, &rest[end + 1..])
            }
            None => return false,
        },
        _ => {
            // Up to the first byte that a name cannot have, which has to be the port's colon.
            let end = value.iter().position(|byte| !IN_NAME[usize::from(*byte)]);
            value.split_at(end.unwrap_or(value.len()))
        }
    };
    !host.is_empty() && is_port(port)
}

/// Nothing, or a colon and at most five digits, none of them being allowed (RFC 3986 3.2.3).
fn is_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_addresses_with_a_port_perhaps() {
        for good in [
            "a",
            "app.example.com:8443",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:80",
            "a_b-c.x",
            "a:",
        ] {
            assert!(is_host_and_port(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a,b",
            "u@a",
            "a/b",
            "a:b",
            "a:123456",
            "[::1",
            "[]",
            "[g]",
            "[::1]x",
            "a:1:2",
            "ä",
            "a;b",
            "a%20b",
            "[::1%eth0]",
        ] {
            assert!(!is_host_and_port(bad.as_bytes()), "{bad}");
        }
    }
}
