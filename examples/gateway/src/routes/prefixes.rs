//! Prefixes of routes: the longest that covers a path.

/// Prefixes in order, so that a path finds its own among a thousand by ten comparisons.
pub struct Prefixes {
    sorted: Vec<Prefix>,
}

struct Prefix {
    /// Without a trailing slash.
    text: Box<str>,
    /// The index of the longest of the others that this one begins with.
    outer: Option<usize>,
}

impl Prefixes {
    pub fn new(sorted: Vec<Box<str>>) -> Self {
        let mut prefixes: Vec<Prefix> = Vec::with_capacity(sorted.len());
        for text in sorted {
            let mut outer = prefixes.len().checked_sub(1);
            while let Some(index) = outer.filter(|index| !text.starts_with(&*prefixes[*index].text))
            {
                outer = prefixes[index].outer;
            }
            prefixes.push(Prefix { text, outer });
        }
        Self { sorted: prefixes }
    }

    /// All of them, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.sorted.iter().map(|prefix| &*prefix.text)
    }

    /// The longest that covers a path. It is what comes before the path in the order, or what that
    /// begins with: nothing between a prefix and the path begins otherwise.
    pub fn longest(&self, path: &str) -> Option<usize> {
        let after = self
            .sorted
            .partition_point(|prefix| prefix.text.is_empty() || &*prefix.text <= path);
        let mut candidate = after.checked_sub(1);
        while let Some(index) = candidate.filter(|index| !covers(&self.sorted[*index].text, path)) {
            candidate = self.sorted[index].outer;
        }
        candidate
    }
}

/// Whether a path is the prefix (without a trailing slash) or below it.
fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.starts_with('/') || rest.is_empty() && !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Prefixes, covers};

    #[test]
    fn the_longest_prefix_that_covers_a_path_is_found() {
        let texts = [
            "", "/a", "/a-b", "/a/b", "/a/b/c", "/ab", "/b", "/b/c/d", "/a.b", "/a/b-c",
        ];
        for kept in 0..1_u32 << texts.len() {
            let mut sorted: Vec<Box<str>> = (0..texts.len())
                .filter(|index| kept & (1 << index) != 0)
                .map(|index| texts[index].into())
                .collect();
            sorted.sort();
            let prefixes = Prefixes::new(sorted.clone());
            for path in [
                "/", "/a", "/a/", "/a/b", "/a/b/c/d", "/a-b", "/a-b/c", "/a-c/d", "/abc", "/ab/c",
                "/b/c", "/b/c/d/e", "/a.b/c", "/a!", "/z", "*", "", "/a/b-c", "/a/b-d", "/a/b.c/d",
            ] {
                let wanted = sorted.iter().filter(|prefix| covers(prefix, path));
                let wanted = wanted.max_by_key(|prefix| prefix.len());
                let found = prefixes.longest(path).map(|index| &sorted[index]);
                assert_eq!(found, wanted, "{path} among {sorted:?}");
            }
        }
    }

    #[test]
    fn a_prefix_covers_whole_segments() {
        for (prefix, path, covered) in [
            ("/api", "/api", true),
            ("/api", "/api/", true),
            ("/api", "/api/x", true),
            ("/api", "/apix", false),
            ("/api", "/api%2Fx", false),
            ("/api", "/API/x", false),
            ("/api", "/", false),
            ("", "/", true),
            ("", "/anything", true),
            ("", "*", false),
            ("", "", false), // CONNECT
        ] {
            assert_eq!(covers(prefix, path), covered, "{path} under {prefix:?}");
        }
    }
}
