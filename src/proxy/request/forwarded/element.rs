//! A forwarded-element (RFC 7239 4).

use std::fmt::{self, Write};
use std::net::IpAddr;

use crate::proxy::wire::host::scheme_name;

/// The word of one proxy on the request that it got: an element of `Forwarded` (RFC 7239 4).
pub(super) struct Element<'a> {
    pub(super) client: Option<IpAddr>,
    pub(super) host: Option<&'a str>,
    pub(super) secure: Option<bool>,
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 7239 6.2: an unknown client is `unknown`; 6.1: an IPv6 address is bracketed, quoted.
        match self.client {
            Some(IpAddr::V4(ip)) => write!(f, "for={ip}")?,
            Some(IpAddr::V6(ip)) => write!(f, "for=\"[{ip}]\"")?,
            None => f.write_str("for=unknown")?,
        }
        if let Some(host) = self.host {
            f.write_str(";host=")?;
            write_value(f, host)?;
        }
        match self.secure {
            Some(secure) => write!(f, ";proto={}", scheme_name(secure)),
            None => Ok(()),
        }
    }
}

/// `token / quoted-string` (RFC 9110 5.6.2, 5.6.4).
fn write_value(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    if crate::fields::is_token(value.as_bytes()) {
        return f.write_str(value);
    }
    f.write_char('"')?;
    for char in value.chars() {
        if matches!(char, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(char)?;
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_when_it_is_not_a_token() {
        struct Value(&'static str);
        impl fmt::Display for Value {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_value(f, self.0)
            }
        }
        for (value, want) in [
            ("a.b", "a.b"),
            ("a:1", "\"a:1\""),
            ("", "\"\""),
            ("a\"\\;b=c", "\"a\\\"\\\\;b=c\""),
            ("[::1]", "\"[::1]\""),
        ] {
            assert_eq!(Value(value).to_string(), want);
        }
    }
}
