//! Fields that a route of files removes and sets: for all of its answers, or for the files at some paths.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use same_origin::proxy::_ResponseEdits;

use super::paths::plain;
use crate::compress::may_be_coded;

/// Rules in the order of the configuration; of two that set a field the later one wins.
#[derive(Clone, Debug, Default)]
pub struct HeaderRules {
    rules: Arc<[HeaderRule]>,
    /// Whether one of them sets a field that forbids compression.
    may_forbid: bool,
}

#[derive(Debug)]
pub struct HeaderRule {
    /// `None` for every answer of the route.
    pub paths: Option<PathPattern>,
    pub edits: _ResponseEdits,
}

/// A public path, or everything below one.
#[derive(Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// With the slash before `*`, without `*`.
    path: Box<[u8]>,
    is_open: bool,
}

impl From<Vec<HeaderRule>> for HeaderRules {
    fn from(rules: Vec<HeaderRule>) -> Self {
        let forbids = |rule: &HeaderRule| {
            let mut headers = HeaderMap::new();
            rule.edits.apply(&mut headers);
            !may_be_coded(&headers)
        };
        Self {
            may_forbid: rules.iter().any(forbids),
            rules: rules.into(),
        }
    }
}

impl HeaderRules {
    /// Changes the fields of an answer. A rule with a path is for the files there and not for their absence:
    /// a 404 that is kept for a year is one for a year.
    pub fn apply(&self, path: &[u8], status: StatusCode, headers: &mut HeaderMap) {
        let is_file = status.is_success() || status == StatusCode::NOT_MODIFIED;
        for rule in self.rules.iter() {
            let holds = rule
                .paths
                .as_ref()
                .is_none_or(|paths| is_file && paths.covers(path));
            if holds {
                rule.edits.apply(headers);
            }
        }
    }

    /// A public path as the rules read it: plain, since the file system finds a file by every spelling.
    /// `None` if no rule looks at it.
    pub fn path(&self, public: &str) -> Option<Vec<u8>> {
        (!self.rules.is_empty()).then(|| plain(public))
    }

    /// Whether the fields that a file at a path gets let it be compressed: not with `no-transform` or a digest.
    pub fn may_be_coded(&self, path: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        if self.may_forbid {
            self.apply(path, StatusCode::OK, &mut headers);
        }
        may_be_coded(&headers)
    }
}

impl PathPattern {
    /// Reads `/index.html`, or `/assets/*` for what is below `/assets/`.
    pub fn parse(text: &str) -> Option<Self> {
        let open = text.strip_suffix('*');
        let path = open.unwrap_or(text);
        let legal = path.starts_with('/') && !path.contains('*') && !path.contains(['?', '#']);
        let is_segment = open.is_none_or(|path| path.ends_with('/'));
        (legal && is_segment).then(|| Self {
            path: plain(path).into(),
            is_open: open.is_some(),
        })
    }

    /// Whether some path below a prefix (without a trailing slash) is covered.
    pub fn meets(&self, prefix: &str) -> bool {
        let below = [prefix.as_bytes(), b"/"].concat();
        self.path.starts_with(&below) || self.is_open && below.starts_with(&self.path)
    }

    fn covers(&self, path: &[u8]) -> bool {
        if self.is_open {
            path.starts_with(&self.path)
        } else {
            *path == *self.path
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_whole_paths_or_all_below_one() {
        for (pattern, path, covered) in [
            ("/index.html", "/index.html", Some(true)),
            ("/index.html", "/index.html/x", Some(false)),
            ("/assets/*", "/assets/a/b.js", Some(true)),
            ("/assets/*", "/%61ssets/a.js", Some(true)),
            ("/assets/*", "/assets", Some(false)),
            ("/assets/*", "//assets//a.js", Some(true)),
            ("/a/b/*", "/a/%2F%2fb%2Fc", Some(true)),
            ("/a//b", "/a/b", Some(true)),
            ("/a.html", "/a.html%2F", Some(false)),
            ("/a.html", "/a.html/", Some(false)),
            ("/a/", "/a%2F", Some(true)),
            ("/a/", "/a%2F/", Some(true)),
            ("/", "/%2f", Some(true)),
            ("/assets/*", "/assets2/a", Some(false)),
            ("/*", "/a", Some(true)),
            ("/a b", "/a%20b", Some(true)),
            ("assets/*", "", None),
            ("/assets*", "", None),
            ("/*/a", "", None),
            ("/a?b", "", None),
            ("", "", None),
        ] {
            let found = PathPattern::parse(pattern);
            let found = found.map(|found| found.covers(&plain(path)));
            assert_eq!(found, covered, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_is_of_a_prefix_or_not() {
        for (pattern, prefix, meets) in [
            ("/assets/*", "", true),
            ("/docs/a", "/docs", true),
            ("/docs/*", "/docs", true),
            ("/*", "/docs", true),
            ("/assets/*", "/docs", false),
            ("/docs2/*", "/docs", false),
        ] {
            let found = PathPattern::parse(pattern).is_some_and(|found| found.meets(prefix));
            assert_eq!(found, meets, "{pattern} {prefix}");
        }
    }
}
