//! The compiled allowlist.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};

use foldhash::fast::RandomState;
use http::HeaderValue;

use super::parse::{self, Hosts, Port, Shape};
use super::pattern::OriginPattern;

/// Any number of origins and patterns, asked in a time that does not depend on how many there are.
///
/// Exact origins are found by hash, patterns label by label from the right.
///
/// ```
/// use same_origin::origin::{OriginPattern, OriginSet};
///
/// let patterns = ["https://app.example.com", "https://*.example.org", "http://localhost:*"];
/// let set: OriginSet = patterns.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
/// assert!(set.contains("https://a.b.example.org"));
/// assert!(!set.contains("https://example.org"));
/// assert!(!set.contains("null"));
/// # Ok::<(), same_origin::origin::OriginError>(())
/// ```
#[derive(Clone, Default)]
pub struct OriginSet {
    exact: HashSet<Exact, RandomState>,
    patterns: Labels,
    /// The patterns that the set was made of, sorted and without repetitions.
    listed: Vec<OriginPattern>,
}

/// An exact origin, ready to be sent; found by its bytes.
#[derive(Clone, PartialEq, Eq)]
struct Exact(HeaderValue);

/// A tree of host labels, the last label of the host at the root.
#[derive(Clone, Default)]
struct Labels {
    next: HashMap<Box<[u8]>, Self, RandomState>,
    /// Allowed for the very host that the labels so far make up.
    here: Vec<Rule>,
    /// Allowed for the hosts below it; at the root, for every host.
    below: Vec<Rule>,
}

/// Sorted where they stand in a list.
type Rule = (Box<[u8]>, Port);

impl OriginSet {
    /// Whether the bytes are a serialized origin that is in the set.
    ///
    /// Takes the value of an `Origin` field as it was sent. Neither `null` nor anything that no browser
    /// sends is ever in the set. Allocates nothing.
    #[must_use]
    pub fn contains(&self, origin: impl AsRef<[u8]>) -> bool {
        let origin = origin.as_ref();
        self.exact.contains(origin) || self.matches_pattern(origin)
    }

    /// The patterns and origins in it, sorted and without repetitions.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &OriginPattern> {
        self.listed.iter()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// As [`contains`](Self::contains), with the value to send back: the set's own where it has one,
    /// as its clone never allocates.
    pub(crate) fn find<'a>(&'a self, origin: &'a HeaderValue) -> Option<&'a HeaderValue> {
        match self.exact.get(origin.as_bytes()) {
            Some(Exact(value)) => Some(value),
            None => self.matches_pattern(origin.as_bytes()).then_some(origin),
        }
    }

    fn matches_pattern(&self, origin: &[u8]) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        parse::origin(origin).is_some_and(|shape| self.patterns.matches(origin, &shape))
    }
}

impl Labels {
    fn is_empty(&self) -> bool {
        self.next.is_empty() && self.below.is_empty()
    }

    fn insert(&mut self, pattern: &OriginPattern) {
        let descend = |root| {
            let labels = pattern.host().as_bytes().rsplit(|&byte| byte == b'.');
            labels.fold(root, |node: &mut Self, label| {
                node.next.entry(label.into()).or_default()
            })
        };
        let rules = match pattern.hosts() {
            Hosts::One => &mut descend(self).here,
            Hosts::Below => &mut descend(self).below,
            Hosts::Every => &mut self.below,
        };
        let rule = (pattern.scheme().as_bytes().into(), pattern.port());
        if let Err(place) = rules.binary_search(&rule) {
            rules.insert(place, rule);
        }
    }

    fn matches(&self, text: &[u8], origin: &Shape) -> bool {
        let scheme = &text[..origin.scheme];
        let host = &text[origin.host.clone()];
        let mut node = self;
        let mut left = host.len();
        for label in host.rsplit(|&byte| byte == b'.') {
            // Something is left, so that this host is below the node. An opaque host may be empty, or
            // begin with a dot.
            if left > 0 && allows(&node.below, scheme, origin.port) {
                return true;
            }
            match node.next.get(label) {
                Some(next) => node = next,
                None => return false,
            }
            left = left.saturating_sub(label.len() + 1);
        }
        allows(&node.here, scheme, origin.port)
    }
}

fn allows(rules: &[Rule], scheme: &[u8], port: Port) -> bool {
    let holds = |port| {
        rules
            .binary_search_by(|(s, p)| (&**s, *p).cmp(&(scheme, port)))
            .is_ok()
    };
    !rules.is_empty() && (holds(port) || holds(Port::Any))
}

impl FromIterator<OriginPattern> for OriginSet {
    fn from_iter<I: IntoIterator<Item = OriginPattern>>(patterns: I) -> Self {
        let mut set = Self {
            listed: patterns.into_iter().collect(),
            ..Self::default()
        };
        set.listed.sort_unstable();
        set.listed.dedup();
        for pattern in &set.listed {
            match HeaderValue::from_str(pattern.as_str()) {
                Ok(value) if pattern.is_exact() => {
                    // The first clone of a value allocates its counter: let it be this one.
                    let _counted = value.clone();
                    set.exact.insert(Exact(value));
                }
                _ => set.patterns.insert(pattern),
            }
        }
        set
    }
}

impl fmt::Debug for OriginSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.listed).finish()
    }
}

impl Borrow<[u8]> for Exact {
    fn borrow(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Hash for Exact {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_bytes().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(patterns: &[&str]) -> OriginSet {
        patterns
            .iter()
            .map(|text| text.parse::<OriginPattern>().unwrap())
            .collect()
    }

    #[test]
    fn agrees_with_the_patterns_themselves() {
        let patterns = [
            "https://example.com",
            "https://*.example.com",
            "https://*.deep.example.com:*",
            "http://localhost:*",
            "http://[::1]:*",
            "http://127.0.0.1:*",
            "app://*.shell.example",
            "https://*.example.net:8443",
            "https://*.example.edu.",
            "moz-extension://*",
            "app://.",
            "app://-:*",
            "file://",
        ];
        let set = set(&patterns);
        for (origin, expected) in [
            ("https://example.com", true),
            ("https://a.example.com", true),
            ("https://a.b.example.com", true),
            ("https://example.com.example.com", true),
            ("https://evilexample.com", false),
            ("https://a.example.com:8443", false),
            ("https://x.deep.example.com:99", true),
            ("https://deep.example.com:99", false),
            ("https://a.example.net", false),
            ("https://a.example.net:8443", true),
            ("https://example.net:8443", false),
            ("http://localhost", true),
            ("http://localhost:5173", true),
            ("http://a.localhost:5173", false),
            ("http://[::1]:9000", true),
            ("http://127.0.0.1", true),
            ("http://1.127.0.0.1", false),
            ("app://win1.shell.example", true),
            ("app://shell.example", false),
            ("app://.shell.example", false),
            ("app://..shell.example", true),
            ("app://Win1.shell.example", true),
            ("app://.", true),
            ("app://..", false),
            ("app://", false),
            ("app://-:7", true),
            ("app://-.:7", false),
            ("file://", true),
            ("file://x", false),
            ("https://a.example.edu.", true),
            ("https://a.example.edu", false),
            ("https://example.edu.", false),
            ("https://a.example.com.", false),
            ("moz-extension://140bb581-a2c0-422a-9dd3-6982a5abee5e", true),
            ("moz-extension://X", true),
            ("moz-extension://", false),
            ("moz-extension://x:80", false),
            ("moz-extension://*", false),
            ("chrome-extension://x", false),
        ] {
            assert_eq!(set.contains(origin), expected, "{origin}");
            if let Ok(parsed) = origin.parse() {
                let one = patterns
                    .iter()
                    .any(|p| p.parse::<OriginPattern>().unwrap().matches(&parsed));
                assert_eq!(one, expected, "{origin}");
            }
        }
    }

    #[test]
    fn lists_what_is_in_it_once() {
        let set = set(&[
            "https://b.example",
            "https://*.a.example",
            "https://b.example",
        ]);
        let listed: Vec<_> = set.iter().map(OriginPattern::as_str).collect();
        assert_eq!(listed, ["https://*.a.example", "https://b.example"]);
    }

    #[test]
    fn the_values_own_are_sent_back() {
        let set = set(&["https://a.example", "https://*.b.example"]);
        let exact = HeaderValue::from_static("https://a.example");
        assert!(!std::ptr::eq(set.find(&exact).unwrap(), &exact));
        let matched = HeaderValue::from_static("https://x.b.example");
        assert!(std::ptr::eq(set.find(&matched).unwrap(), &matched));
    }
}
