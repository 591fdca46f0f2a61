//! Cache directives (RFC 9111 5.2), and those of a targeted field (RFC 9213).
//!
//! They are parsed here and not by http-cache-semantics, which splits at commas in quoted strings,
//! matches names by case, takes the first of two directives that contradict each other, and then adds a
//! `must-revalidate` that would let it store the answer to an authenticated request.

use http::header::{self, HeaderMap, HeaderName};

use crate::cache::http::structured::{self, Item};
use crate::fields::{is_token, trim};

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The largest number of seconds that is told from a larger one (RFC 9111 1.2.2).
pub(crate) const MOST_SECONDS: u64 = 1 << 31;

/// Directives without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Flag {
    Public,
    Private,
    NoStore,
    NoCache,
    MustRevalidate,
    ProxyRevalidate,
    MustUnderstand,
}

const FLAGS: [(&[u8], Flag); 7] = [
    (b"public", Flag::Public),
    (b"private", Flag::Private),
    (b"no-store", Flag::NoStore),
    (b"no-cache", Flag::NoCache),
    (b"must-revalidate", Flag::MustRevalidate),
    (b"proxy-revalidate", Flag::ProxyRevalidate),
    (b"must-understand", Flag::MustUnderstand),
];

/// The directives of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseControl {
    flags: u8,
    /// Whether they are those of a targeted field, beside which `Expires` does not count, too (RFC 9213
    /// 2.1).
    pub(crate) is_targeted: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
}

impl ResponseControl {
    /// `CDN-Cache-Control` if it is there and sound, else `Cache-Control`, else `Pragma`.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(CDN_CACHE_CONTROL) {
            if let Some(targeted) = Self::targeted(headers) {
                return targeted;
            }
        }
        let mut control = Self::default();
        let sound = for_each(headers, &header::CACHE_CONTROL, |name, value| {
            control.add(name, || seconds(value));
        });
        // Nobody can tell what is meant by `max-age=60, private;` or in a string that does not end. To skip what is
        // not a directive, as most readers do, would give the answer that it was meant for to everybody.
        if !sound {
            control.set(Flag::Private);
        }
        // RFC 9111 5.4 knows it in requests only. In a response that says nothing else its meaning is plain.
        if !headers.contains_key(header::CACHE_CONTROL) && pragma_no_cache(headers) {
            control.set(Flag::NoCache);
        }
        control
    }

    fn targeted(headers: &HeaderMap) -> Option<Self> {
        let lines: Vec<_> = headers
            .get_all(CDN_CACHE_CONTROL)
            .iter()
            .map(|line| line.as_bytes())
            .collect();
        let joined = lines.join(&b","[..]);
        let members = structured::dictionary(&joined)?;
        if members.is_empty() {
            return None;
        }
        let mut control = Self {
            is_targeted: true,
            ..Self::default()
        };
        for (name, item) in members {
            // RFC 9651 3.2: of a key that is there twice, the last value is the only one.
            control.remove(name);
            if item == Item::Boolean(false) {
                continue;
            }
            control.add(name, || match item {
                Item::Integer(seconds) => u64::try_from(seconds).map_or(0, |s| s.min(MOST_SECONDS)),
                Item::Boolean(_) | Item::Other => 0,
            });
        }
        Some(control)
    }

    /// Adds a directive. Of two with different values the smaller one counts: RFC 9111 4.2.1 leaves the
    /// first or "stale", and what is fresh by both is fresh.
    ///
    /// `private` and `no-cache` that name fields (RFC 9111 5.2.2.4, 5.2.2.7) are read as if they named
    /// none, which is the stricter reading and what most senders mean.
    fn add(&mut self, name: &[u8], seconds: impl Fn() -> u64) {
        match name {
            b"max-age" => least(&mut self.max_age, seconds()),
            b"s-maxage" => least(&mut self.s_maxage, seconds()),
            b"stale-while-revalidate" => least(&mut self.stale_while_revalidate, seconds()),
            b"stale-if-error" => least(&mut self.stale_if_error, seconds()),
            _ => {
                if let Some((_, flag)) = FLAGS.iter().find(|(known, _)| *known == name) {
                    self.set(*flag);
                }
            }
        }
    }

    /// Takes back a directive.
    fn remove(&mut self, name: &[u8]) {
        match name {
            b"max-age" => self.max_age = None,
            b"s-maxage" => self.s_maxage = None,
            b"stale-while-revalidate" => self.stale_while_revalidate = None,
            b"stale-if-error" => self.stale_if_error = None,
            _ => {
                if let Some((_, flag)) = FLAGS.iter().find(|(known, _)| *known == name) {
                    self.clear(*flag);
                }
            }
        }
    }

    pub(crate) fn has(&self, flag: Flag) -> bool {
        self.flags & (1 << flag as u8) != 0
    }

    fn set(&mut self, flag: Flag) {
        self.flags |= 1 << flag as u8;
    }

    pub(crate) fn clear(&mut self, flag: Flag) {
        self.flags &= !(1 << flag as u8);
    }
}

/// The directives of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestControl {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    pub(crate) max_stale: Option<u64>,
}

impl RequestControl {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        let sound = for_each(headers, &header::CACHE_CONTROL, |name, value| match name {
            b"no-store" => control.no_store = true,
            b"no-cache" => control.no_cache = true,
            b"only-if-cached" => control.only_if_cached = true,
            // Of two, the stricter counts, as in a response.
            b"max-age" => least(&mut control.max_age, seconds(value)),
            b"min-fresh" => control.min_fresh = control.min_fresh.max(Some(seconds(value))),
            // Without a value the client takes what is stale by any time (RFC 9111 5.2.1.2).
            b"max-stale" => least(
                &mut control.max_stale,
                value.map_or(u64::MAX, |value| seconds(Some(value))),
            ),
            _ => {}
        });
        // As for a response: the strictest of what may be meant.
        control.no_store |= !sound;
        // RFC 9111 5.4.
        if !headers.contains_key(header::CACHE_CONTROL) && pragma_no_cache(headers) {
            control.no_cache = true;
        }
        control
    }
}

fn least(held: &mut Option<u64>, seconds: u64) {
    *held = Some(held.map_or(seconds, |held| held.min(seconds)));
}

fn pragma_no_cache(headers: &HeaderMap) -> bool {
    let mut found = false;
    let _sound = for_each(headers, &header::PRAGMA, |name, _| {
        found |= name == b"no-cache";
    });
    found
}

/// Digits, as a token or a quoted string (RFC 9111 5.2: recipients take both). Anything else is freshness
/// that cannot be read, and so none (RFC 9111 4.2.1).
fn seconds(value: Option<&[u8]>) -> u64 {
    let Some(digits) = value.filter(|value| !value.is_empty()) else {
        return 0;
    };
    let mut seconds = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return 0;
        }
        seconds = (seconds * 10 + u64::from(digit - b'0')).min(MOST_SECONDS);
    }
    seconds
}

/// Calls `each` with the name in lower case and the value of every directive, over all lines, and returns
/// whether nothing else stands there: each is a token, with a token or a quoted string as its value or
/// without one (RFC 9111 5.2).
fn for_each(
    headers: &HeaderMap,
    field: &HeaderName,
    mut each: impl FnMut(&[u8], Option<&[u8]>),
) -> bool {
    let mut sound = true;
    for line in headers.get_all(field) {
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            let (directive, after) = split_directive(rest);
            rest = after;
            let directive = trim(directive);
            let (name, value) = match directive.iter().position(|byte| *byte == b'=') {
                Some(at) => (&directive[..at], Some(&directive[at + 1..])),
                None => (directive, None),
            };
            // RFC 9110 5.6.1.2: elements may be empty.
            sound &= directive.is_empty() || is_token(name) && value.is_none_or(is_value);
            if !name.is_empty() {
                each(&name.to_ascii_lowercase(), value.map(unquoted));
            }
        }
    }
    sound
}

/// The text before the next comma that is not in a quoted string, and the text after it.
fn split_directive(text: &[u8]) -> (&[u8], &[u8]) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, &[])
}

/// Whether the text is a token or one quoted string (RFC 9110 5.6.4).
fn is_value(text: &[u8]) -> bool {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        return is_token(text);
    };
    let mut escaped = false;
    let end = quoted.iter().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => *byte == b'"',
    });
    end.is_some_and(|end| end + 1 == quoted.len())
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

#[cfg(test)]
mod tests;
