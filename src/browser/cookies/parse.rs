//! A `Set-Cookie` taken apart (RFC 6265bis 5.6). No library is used for it: `cookie`, which
//! `cookie_store` builds on, refuses nameless cookies, knows no bound for an attribute, and lets an empty
//! `Domain` not count; browsers differ in all three.

use std::time::Duration;

use super::date;
use crate::browser::values::isomorphic;

/// RFC 6265bis 5.6 step 6: a longer pair of name and value is ignored.
const MAX_PAIR: usize = 4096;

/// RFC 6265bis 5.6: a longer value of an attribute is ignored.
const MAX_ATTRIBUTE: usize = 1024;

/// RFC 6265bis 5.5: no cookie is kept longer than 400 days.
pub(super) const MAX_AGE: Duration = Duration::from_secs(400 * 86_400);

/// A cookie as the server said it, before it is held against the host that sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SetCookie {
    pub(crate) name: Vec<u8>,
    pub(crate) value: Vec<u8>,
    /// In lower case, without a leading dot, unless that is all; empty where none is given.
    pub(crate) domain: String,
    /// `None` stands for the default path.
    pub(crate) path: Option<String>,
    pub(crate) expiry: Option<Expiry>,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) partitioned: bool,
    pub(crate) same_site: SameSite,
}

/// An end of a cookie's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// `Max-Age`, which goes before `Expires`.
    After(Duration),
    /// Seconds since 1970.
    At(i64),
}

/// `SameSite`; `Default` where it is absent or unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SameSite {
    #[default]
    Default,
    None,
    Lax,
    Strict,
}

/// # Errors
/// Says why the whole cookie is ignored.
pub(crate) fn parse(line: &[u8]) -> Result<SetCookie, &'static str> {
    let mut parts = line.split(|byte| *byte == b';');
    let pair = parts.next().unwrap_or_default();
    let (name, value) = halves(pair).map_or((&[][..], trim(pair)), |(name, value)| (name, value));
    if name.is_empty() && value.is_empty() {
        return Err("it has neither a name nor a value");
    }
    if name.len() + value.len() > MAX_PAIR {
        return Err("it is longer than 4096 bytes");
    }
    let mut cookie = SetCookie {
        name: name.to_vec(),
        value: value.to_vec(),
        ..SetCookie::default()
    };
    let mut has_max_age = false;
    for attribute in parts {
        let (name, value) = halves(attribute).unwrap_or((trim(attribute), &[]));
        if value.len() > MAX_ATTRIBUTE {
            continue;
        }
        let text = isomorphic(value);
        // Of several of a kind the last counts, an empty one too.
        match &*isomorphic(name).to_ascii_lowercase() {
            "domain" => {
                let rest = text.strip_prefix('.').filter(|rest| !rest.is_empty());
                cookie.domain = rest.unwrap_or(&text).to_ascii_lowercase();
            }
            "path" => cookie.path = Some(text).filter(|path| path.starts_with('/')),
            "max-age" => {
                if let Some(age) = max_age(&text) {
                    cookie.expiry = Some(Expiry::After(age));
                    has_max_age = true;
                }
            }
            "expires" if !has_max_age => {
                if let Some(date) = date::parse(&text) {
                    cookie.expiry = Some(Expiry::At(date));
                }
            }
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "partitioned" => cookie.partitioned = true,
            "samesite" => cookie.same_site = same_site(&text),
            _ => {}
        }
    }
    Ok(cookie)
}

/// The halves around the first `=`, without white space around them.
fn halves(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    Some((trim(&pair[..equals]), trim(&pair[equals + 1..])))
}

fn trim(text: &[u8]) -> &[u8] {
    crate::fields::trim(text)
}

/// Whether a tab is inside a name or a value, that of an attribute included.
pub(super) fn has_tab(line: &[u8]) -> bool {
    let has = |text: &[u8]| text.contains(&b'\t');
    line.split(|byte| *byte == b';')
        .any(|part| match halves(part) {
            Some((name, value)) => has(name) || has(value),
            None => has(trim(part)),
        })
}

/// A line up to the first tab that is not white space before a name or a value.
pub(super) fn before_tab(line: &[u8]) -> &[u8] {
    let mut begins = true;
    let ends = line.iter().position(|byte| {
        let is_end = *byte == b'\t' && !begins;
        begins = matches!(byte, b'=' | b';') || begins && matches!(byte, b' ' | b'\t');
        is_end
    });
    &line[..ends.unwrap_or(line.len())]
}

/// RFC 6265bis 5.6.2: a number below 1 means the earliest time there is.
fn max_age(text: &str) -> Option<Duration> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| match negative {
        true => Duration::ZERO,
        false => digits
            .parse()
            .map_or(MAX_AGE, Duration::from_secs)
            .min(MAX_AGE),
    })
}

fn same_site(text: &str) -> SameSite {
    match &*text.to_ascii_lowercase() {
        "none" => SameSite::None,
        "lax" => SameSite::Lax,
        "strict" => SameSite::Strict,
        _ => SameSite::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> SetCookie {
        parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn pairs() {
        const CASES: &[(&str, &str, &str)] = &[
            ("a=1", "a", "1"),
            (" a = 1 ", "a", "1"),
            ("a=1=2", "a", "1=2"),
            ("a=", "a", ""),
            ("=1", "", "1"),
            ("1", "", "1"),
            (" 1 2 ;Secure", "", "1 2"),
            ("==a", "", "=a"),
            ("a=\"1\"", "a", "\"1\""),
        ];
        for (line, name, value) in CASES {
            let cookie = parsed(line);
            assert_eq!(isomorphic(&cookie.name), *name, "{line}");
            assert_eq!(isomorphic(&cookie.value), *value, "{line}");
        }
        for line in ["", "=", " ; Secure", " = "] {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
        assert!(parse(format!("a={}", "x".repeat(4095)).as_bytes()).is_ok());
        assert!(parse(format!("a={}", "x".repeat(4096)).as_bytes()).is_err());
    }

    #[test]
    fn of_several_attributes_the_last_counts() {
        assert_eq!(parsed("a=1; Domain=a.test; domain=B.test").domain, "b.test");
        assert_eq!(parsed("a=1; Domain=a.test; Domain=").domain, "");
        assert_eq!(parsed("a=1; Domain=.a.test").domain, "a.test");
        assert_eq!(parsed("a=1; Domain=a.test; Domain= . ").domain, ".");
        assert_eq!(parsed("a=1; Path=/x; Path=/y").path.as_deref(), Some("/y"));
        assert_eq!(parsed("a=1; Path=/x; Path=y").path, None);
        assert_eq!(
            parsed("a=1; SameSite=Strict; SameSite=x").same_site,
            SameSite::Default
        );
    }

    #[test]
    fn tabs_inside() {
        for line in ["a=1\t2", "a\tb=1", "a=1; x=a\tb", "a=1; x\ty", "1\t2"] {
            assert!(has_tab(line.as_bytes()), "{line:?}");
        }
        for line in ["a=1;\tPath=/", "a=1; Path=/\t", "\ta\t=\t1\t", "a=1 \t ;x"] {
            assert!(!has_tab(line.as_bytes()), "{line:?}");
        }
    }

    #[test]
    fn a_line_up_to_a_tab() {
        for (line, kept) in [
            ("a=1\tb; Path=/x", "a=1"),
            ("a\tb=1", "a"),
            ("1\t2", "1"),
            ("a=1 \t 2; Max-Age=0", "a=1 "),
            ("a=1; Max-Age=0\tx", "a=1; Max-Age=0"),
            ("a=1; Secure\t; Path=/x", "a=1; Secure"),
            ("\ta= \t1; \tPath=/x", "\ta= \t1; \tPath=/x"),
        ] {
            assert_eq!(before_tab(line.as_bytes()), kept.as_bytes(), "{line:?}");
        }
    }

    #[test]
    fn long_attributes_are_ignored() {
        let domain = |length: usize| {
            let line = format!("a=1; Domain=a.test; Domain={}", "x".repeat(length));
            parsed(&line).domain
        };
        assert_eq!(domain(1024).len(), 1024);
        assert_eq!(domain(1025), "a.test");
    }

    #[test]
    fn ages() {
        let expiry = |attributes: &str| parsed(&format!("a=1; {attributes}")).expiry;
        let after = |seconds| Some(Expiry::After(Duration::from_secs(seconds)));
        assert_eq!(expiry("Max-Age=60"), after(60));
        assert_eq!(expiry("Max-Age=-60"), after(0));
        assert_eq!(expiry("Max-Age=99999999999999999999"), after(400 * 86_400));
        assert_eq!(expiry("Max-Age=60; Max-Age=6x"), after(60));
        assert_eq!(expiry("Max-Age=+60"), None);
        let date = "Expires=Thu, 01 Jan 1970 00:00:09 GMT";
        assert_eq!(expiry(date), Some(Expiry::At(9)));
        assert_eq!(expiry(&format!("Max-Age=60; {date}")), after(60));
        assert_eq!(expiry(&format!("{date}; Max-Age=60")), after(60));
        assert_eq!(expiry("Expires=soon"), None);
    }
}
