//! Checks of the path of a file before the file is looked for.
//!
//! Paths are read as the file system will: decoded once, and what is a slash then parts segments.

use std::borrow::Cow;

/// Bytes of a path that a file may have: what systems open (`PATH_MAX`), percent-encoded.
const LONGEST: usize = 3 * 4096;

/// Whether no file and no page has such a path. To look for one of 60 KiB takes milliseconds from all that wait.
pub fn is_too_long(path: &str) -> bool {
    path.len() > LONGEST
}

/// Whether a segment begins with a dot: what lies in a directory without being meant for it, like
/// `.git` and `.env`. Files in `.well-known` are meant to be served (RFC 8615).
pub fn is_hidden(path: &str) -> bool {
    segments(&decoded(path)).any(|segment| segment.starts_with(b".") && segment != b".well-known")
}

/// Whether the last segment has no dot: a page of the application rather than one of its files, whose
/// absence must stay visible.
pub fn names_no_file(path: &str) -> bool {
    segments(&decoded(path))
        .last()
        .is_none_or(|segment| !segment.contains(&b'.'))
}

/// Some file systems take a backslash for a slash.
fn segments(decoded: &[u8]) -> impl Iterator<Item = &[u8]> {
    decoded.split(|byte| matches!(byte, b'/' | b'\\'))
}

/// A path as the file system takes it: decoded, with one slash where there are several.
pub(super) fn plain(path: &str) -> Vec<u8> {
    let mut plain = decoded(path).into_owned();
    plain.dedup_by(|byte, before| (*byte, *before) == (b'/', b'/'));
    plain
}

/// The path of a directory, if its last slash is an encoded one. A file does not stand before it, as before any other
/// slash.
pub(super) fn directory(path: &str) -> Option<String> {
    let mut rest = path;
    while let Some(before) = rest
        .strip_suffix("%2F")
        .or_else(|| rest.strip_suffix("%2f"))
    {
        rest = before;
    }
    (rest.len() < path.len()).then(|| format!("{}/", rest.trim_end_matches('/')))
}

/// RFC 3986 2.1. A `%` that begins no encoding stands for itself.
pub(super) fn decoded(path: &str) -> Cow<'_, [u8]> {
    let mut rest = path.as_bytes();
    if !rest.contains(&b'%') {
        return Cow::Borrowed(rest);
    }
    let mut decoded = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        let (byte, after) = encoding(rest).unwrap_or((*first, after));
        decoded.push(byte);
        rest = after;
    }
    Cow::Owned(decoded)
}

/// The byte that is encoded at the beginning of a text, and what follows.
fn encoding(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = text else {
        return None;
    };
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let byte = digit(high)? << 4 | digit(low)?;
    Some((u8::try_from(byte).ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_begin_with_a_dot_are_hidden() {
        for (path, hidden) in [
            ("/.git/config", true),
            ("/a/.env", true),
            ("/%2Eenv", true),
            ("/%2eenv", true),
            ("/a%2f.env", true),
            ("/a%2F%2Egit%2Fconfig", true),
            ("/a%5c.env", true),
            (r"/a\.env", true),
            ("/.well-known/acme", false),
            ("/%2Ewell-known%2facme", false),
            ("/.well-known/.x", true),
            ("/.well-known%2f.x", true),
            ("/a.b/c.d", false),
            ("/a.b%2fc.d", false),
            // A name with a percent sign, decoded once.
            ("/%252eenv", false),
            ("/%2", false),
            ("/%%2e", false),
            ("/%+2e", false),
        ] {
            assert_eq!(is_hidden(path), hidden, "{path}");
        }
    }

    #[test]
    fn an_encoded_slash_at_the_end_is_a_directorys() {
        for (path, wanted) in [
            ("/a.txt%2F", Some("/a.txt/")),
            ("/a.txt%2f%2F", Some("/a.txt/")),
            ("/%2f", Some("/")),
            ("/a/%2f", Some("/a/")),
            ("/a.txt", None),
            ("/a.txt/", None),
            ("/a%2Fb", None),
            ("/a%252F", None),
            ("/\u{e9}2F", None),
        ] {
            assert_eq!(directory(path).as_deref(), wanted, "{path}");
        }
    }

    #[test]
    fn pages_are_told_from_files_by_the_dot() {
        for (path, page) in [
            ("/", true),
            ("/a/b", true),
            ("/v1.2/about", true),
            ("/v1.2%2fabout", true),
            ("/a/b.js", false),
            ("/a/b%2ejs", false),
            ("/a%2fb.js", false),
            ("/.env", false),
        ] {
            assert_eq!(names_no_file(path), page, "{path}");
        }
    }
}
