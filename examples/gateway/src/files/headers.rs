//! Fields that a route of files removes and sets: for all of its answers, or for the files at some paths.

use super::paths::decoded;
use http::{HeaderMap, StatusCode};
use same_origin::proxy::_ResponseEdits;
use std::sync::Arc;

/// Rules in the order of the configuration; of two that set a field the later one wins.
#[derive(Clone, Debug, Default)]
pub struct HeaderRules(Arc<[HeaderRule]>);

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
        Self(rules.into())
    }
}

impl HeaderRules {
    /// Changes the fields of an answer. A rule with a path is for the files there and not for their absence:
    /// a 404 that is kept for a year is one for a year.
    pub fn apply(&self, path: &[u8], status: StatusCode, headers: &mut HeaderMap) {
        let is_file = status.is_success() || status == StatusCode::NOT_MODIFIED;
        for rule in self.0.iter() {
            let holds = rule
                .paths
                .as_ref()
                .is_none_or(|paths| is_file && paths.covers(path));
            if holds {
                rule.edits.apply(headers);
            }
        }
    }

    /// A public path as the rules read it: decoded, since the file system finds a file by every spelling.
    /// `None` if no rule looks at it.
    pub fn path(&self, public: &str) -> Option<Vec<u8>> {
        (!self.0.is_empty()).then(|| decoded(public).into_owned())
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
            path: decoded(path).into(),
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
            let found = found.map(|found| found.covers(&decoded(path)));
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
