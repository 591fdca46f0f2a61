//! The public prefix of one request: behind a trusted proxy, and as the upstream was told of it.

use std::borrow::Cow;

use crate::proxy::mount::map::{below, without_dot_segments};

/// Prefixes of the public path that a request's browser sees and its mount does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PublicPrefix<'a> {
    /// The prefix that a trusted proxy took away before this one; empty if none did.
    outer: &'a str,
    /// The whole prefix that the upstream was told of; empty if it was not.
    told: Cow<'a, str>,
}

impl<'a> PublicPrefix<'a> {
    /// No prefix but the mount's.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self {
        outer: "",
        told: Cow::Borrowed(""),
    };

    /// `told` is the mount's part of what the upstream was told of by `X-Forwarded-Prefix`: empty where the
    /// mount takes nothing away, `None` where it does and does not say it.
    pub(crate) fn new(outer: &'a str, told: Option<&'a str>) -> Self {
        let told = match told {
            None => Cow::Borrowed(""),
            Some(told) if outer.is_empty() => Cow::Borrowed(told),
            Some(told) => Cow::Owned([outer, told].concat()),
        };
        Self { outer, told }
    }

    /// A path of the upstream as it is public already, with its dot segments resolved: the upstream was told
    /// of its public prefix, and the path is below that.
    pub(crate) fn of_told<'p>(&self, path: &'p str) -> Option<Cow<'p, str>> {
        if self.told.is_empty() {
            return None;
        }
        let path = without_dot_segments(path);
        let end = path.find(['?', '#']).unwrap_or(path.len());
        let is_public = below(&path[..end], &self.told).is_some();
        is_public.then_some(path)
    }

    /// The public path of this proxy as the browser sees it.
    pub(crate) fn with_outer(&self, public: String) -> String {
        if self.outer.is_empty() {
            public
        } else {
            [self.outer, &public].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_that_is_told_says_public_paths() {
        struct Case {
            outer: &'static str,
            told: Option<&'static str>,
            path: &'static str,
            want: Option<&'static str>,
        }
        const fn case(
            outer: &'static str,
            told: Option<&'static str>,
            path: &'static str,
            want: Option<&'static str>,
        ) -> Case {
            Case {
                outer,
                told,
                path,
                want,
            }
        }
        for Case {
            outer,
            told,
            path,
            want,
        } in [
            case("", Some("/api"), "/api", Some("/api")),
            case("", Some("/api"), "/api?x#y", Some("/api?x#y")),
            case("", Some("/api"), "/api/./x", Some("/api/x")),
            case("", Some("/api"), "/apix", None),
            case("", Some("/api"), "/x", None),
            case("", Some("/api"), "/api/../x", None),
            case("", Some("/api"), "/api/%2e%2E/x", None),
            case("", None, "/api/x", None),
            case("", Some(""), "/api/x", None),
            case("/outer", Some("/api"), "/outer/api/x", Some("/outer/api/x")),
            case("/outer", Some("/api"), "/api/x", None),
            case("/outer", Some(""), "/outer/x", Some("/outer/x")),
            case("/outer", None, "/outer/x", None),
        ] {
            let prefix = PublicPrefix::new(outer, told);
            assert_eq!(
                prefix.of_told(path).as_deref(),
                want,
                "{outer} {told:?} {path}"
            );
        }
    }
}
