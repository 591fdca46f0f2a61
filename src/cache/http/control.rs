//! Cache directives (RFC 9111 5.2), and those of a targeted field (RFC 9213).
//!
//! They are parsed here and not by http-cache-semantics, which splits at commas in quoted strings,
//! matches names by case, takes the first of two directives that contradict each other, and then adds a
//! `must-revalidate` that would let it store the answer to an authenticated request.

use crate::cache::http::structured::{self, Item};
use crate::fields::{is_token, trim};
use http::header::{self, HeaderMap, HeaderName};

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
        let least = |held: &mut Option<u64>| {
            *held = Some(held.map_or(seconds(), |held| held.min(seconds())));
        };
        match name {
            b"max-age" => least(&mut self.max_age),
            b"s-maxage" => least(&mut self.s_maxage),
            b"stale-while-revalidate" => least(&mut self.stale_while_revalidate),
            b"stale-if-error" => least(&mut self.stale_if_error),
            _ => {
                if let Some((_, flag)) = FLAGS.iter().find(|(known, _)| *known == name) {
                    self.set(*flag);
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
            b"max-age" => control.max_age = Some(seconds(value)),
            b"min-fresh" => control.min_fresh = Some(seconds(value)),
            // Without a value the client takes what is stale by any time (RFC 9111 5.2.1.2).
            b"max-stale" => {
                control.max_stale = Some(value.map_or(u64::MAX, |value| seconds(Some(value))));
            }
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
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let name = |name: &str| name.parse::<HeaderName>().unwrap();
        lines
            .iter()
            .map(|(field, value)| (name(field), value.parse().unwrap()))
            .collect()
    }

    fn response(lines: &[&str]) -> ResponseControl {
        let lines: Vec<_> = lines.iter().map(|line| ("cache-control", *line)).collect();
        ResponseControl::of(&headers(&lines))
    }

    #[test]
    fn seconds_are_read_or_nothing_is_fresh() {
        for (text, expected) in [
            ("max-age=60", 60),
            ("MaX-aGe=60", 60),
            ("foobar, max-age=60", 60),
            ("max-age=\"60\"", 60),
            ("max-age=0060", 60),
            ("max-age=99999999999999999999", MOST_SECONDS),
            ("max-age=60, max-age=5", 5),
            ("max-age=5, max-age=60", 5),
            ("max-age=60, extension=\"max-age=5\"", 60),
            ("extension=\"max-age=60\", max-age=5", 5),
            ("extension=\"a\\\", max-age=60, b\", max-age=5", 5),
            ("max-age=-60", 0),
            ("max-age=a60", 0),
            ("max-age=60a", 0),
            ("max-age=60.0", 0),
            ("max-age='60'", 0),
            ("max-age=\"\"", 0),
            ("max-age", 0),
            ("max-age=60, max-age=x", 0),
        ] {
            assert_eq!(response(&[text]).max_age, Some(expected), "{text}");
        }
        assert_eq!(response(&["max-age=9", "max-age=4"]).max_age, Some(4));
        let open = response(&["x=\"open, max-age=9"]);
        assert!(open.max_age.is_none() && open.has(Flag::Private));
        assert_eq!(response(&[", ,x=5,"]), ResponseControl::default());
    }

    #[test]
    fn what_is_not_a_directive_may_have_been_meant_to_forbid() {
        for line in [
            "max-age=60, private;",
            "s-maxage=60, no-store;",
            "private; max-age=60",
            "private max-age=60",
            "\"private\", max-age=60",
            "private:, max-age=60",
            "=private",
            "max-age =60",
            "max-age= 60",
            "x=\"a\"b, max-age=60",
            "x=a\"b\", max-age=60",
            "x=\"a, max-age=60",
            "x=\"a\\\", max-age=60",
            "x=, max-age=60",
            "é, max-age=60",
            "max-age=60\t;",
        ] {
            assert!(response(&[line]).has(Flag::Private), "{line}");
            let request = RequestControl::of(&headers(&[("cache-control", line)]));
            assert!(request.no_store, "{line}");
        }
        for line in [
            "x=\"a;b c\", max-age=60",
            "x=\"é\", max-age=60",
            "x=\"a\\\"b\", max-age=60",
            "x=\"\", max-age=60",
            "!#$%&'*+-.^_`|~=a, max-age=60",
            " , max-age=60 ,\t",
        ] {
            assert!(!response(&[line]).has(Flag::Private), "{line}");
        }
    }

    #[test]
    fn flags_are_read_over_lines_in_any_case() {
        let control = response(&["No-StOrE, public", "private=\"x-a, no-cache\""]);
        for (_, flag) in FLAGS {
            let set = matches!(flag, Flag::NoStore | Flag::Public | Flag::Private);
            assert_eq!(control.has(flag), set, "{flag:?}");
        }
        assert!(response(&["no-cache=\"set-cookie\""]).has(Flag::NoCache));
    }

    #[test]
    fn a_sound_targeted_field_stands_for_all_others() {
        let of = |cdn: &str| {
            ResponseControl::of(&headers(&[
                ("cache-control", "no-store"),
                ("cdn-cache-control", cdn),
            ]))
        };
        let control = of("max-age=60, private=?0");
        assert!(control.is_targeted && !control.has(Flag::NoStore) && !control.has(Flag::Private));
        assert_eq!(control.max_age, Some(60));
        assert!(of("private, max-age=1").has(Flag::Private));
        assert_eq!(of("max-age=\"60\"").max_age, Some(0));
        assert_eq!(of("max-age=-5").max_age, Some(0));
        for ignored in ["", "max-age=60, &&&", "MAX-AGE=60", "max-age =60"] {
            let control = of(ignored);
            assert!(
                !control.is_targeted && control.has(Flag::NoStore),
                "{ignored}"
            );
        }
    }

    #[test]
    fn pragma_counts_alone() {
        let no_cache = |lines: &[_]| ResponseControl::of(&headers(lines)).has(Flag::NoCache);
        assert!(no_cache(&[("pragma", "No-Cache")]));
        assert!(!no_cache(&[
            ("pragma", "no-cache"),
            ("cache-control", "max-age=1")
        ]));
        let request = |lines: &[_]| RequestControl::of(&headers(lines)).no_cache;
        assert!(request(&[("pragma", "x, no-cache")]));
        assert!(!request(&[("pragma", "no-cache"), ("cache-control", "x")]));
    }

    #[test]
    fn a_request_may_ask_for_less_and_for_more() {
        let of = |line| RequestControl::of(&headers(&[("cache-control", line)]));
        assert_eq!(of("max-stale").max_stale, Some(u64::MAX));
        assert_eq!(of("max-stale=9").max_stale, Some(9));
        assert_eq!(of("max-stale=x").max_stale, Some(0));
        assert_eq!(of("max-age=x").max_age, Some(0));
        assert_eq!(of("min-fresh=5").min_fresh, Some(5));
        let all = of("no-cache, no-store, only-if-cached");
        assert!(all.no_cache && all.no_store && all.only_if_cached);
        assert_eq!(of("nothing-to-see-here"), RequestControl::default());
    }
}
