//! Paths that mean different things to different parsers.
//!
//! A proxy forwards a path byte for byte, so it must not let through one that it reads as *below its
//! prefix* and an upstream may read as *somewhere else*. Servers differ in whether they decode before
//! they resolve dot segments, take `\` for `/`, and cut path parameters (`;v=1`) first. A path is
//! accepted only if no such reading holds a dot segment; then every reading of it is below where it
//! was put, and nothing has to be normalised, which would break signed paths (AWS Signature V4,
//! signed URLs).

use std::fmt;

/// A path was refused by [`check_path`]: it holds a segment that some server reads as `.` or `..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmbiguousPath(());

impl fmt::Display for AmbiguousPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path holds a segment that can be read as a dot segment")
    }
}

impl std::error::Error for AmbiguousPath {}

/// Refuses a path in which any segment can be read as `.` or `..` (RFC 3986 3.3, CWE-22).
///
/// Segments end at `/` and `\`, written as such or percent-encoded; a segment's name ends at its first
/// `;`. What is encoded twice (`%252e`) is data. The query is not part of the path and must not be
/// given.
///
/// [`ReverseProxy`](crate::proxy::ReverseProxy) asks this of every request. A server asks it itself
/// for what it does not proxy, so that a refused path is refused on every kind of route.
///
/// # Errors
///
/// [`AmbiguousPath`], which a server answers with 400.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::check_path;
///
/// assert!(check_path("/api/v1.0/a..b/%2Ehidden/...").is_ok());
/// for refused in ["/api/../x", "/api/%2e%2E/x", "/api/..%2fx", "/api/..;a=b/x", r"/api/.\x"] {
///     assert!(check_path(refused).is_err(), "{refused}");
/// }
/// ```
pub fn check_path(path: &str) -> Result<(), AmbiguousPath> {
    let mut segment = Segment::Dots(0);
    let mut rest = path.as_bytes();
    while let Some((byte, len)) = next(rest) {
        rest = &rest[len..];
        segment = match (byte, segment) {
            (b'/' | b'\\', segment) if segment.is_ambiguous() => return Err(AmbiguousPath(())),
            (b'/' | b'\\', _) => Segment::Dots(0),
            (b'.', Segment::Dots(seen @ 0..2)) => Segment::Dots(seen + 1),
            // Tomcat and its kin cut path parameters before they resolve dot segments; who decodes
            // first cuts at an encoded semicolon as well.
            (b';', Segment::Dots(seen)) => Segment::Cut(seen),
            (_, cut @ Segment::Cut(_)) => cut,
            (_, Segment::Dots(_) | Segment::Name) => Segment::Name,
        };
    }
    if segment.is_ambiguous() {
        return Err(AmbiguousPath(()));
    }
    Ok(())
}

/// What is known of a segment while its bytes go by.
#[derive(Clone, Copy)]
enum Segment {
    /// So many dots and nothing else.
    Dots(u8),
    /// A parameter after so many dots.
    Cut(u8),
    /// Something that no reading makes a dot segment of.
    Name,
}

impl Segment {
    const fn is_ambiguous(self) -> bool {
        matches!(self, Self::Dots(1 | 2) | Self::Cut(1 | 2))
    }
}

/// The next byte of a path after one round of percent-decoding, and how many bytes it took.
///
/// A `%` that begins no valid encoding stands for itself (RFC 3986 2.1 has no such thing; servers
/// leave it).
fn next(path: &[u8]) -> Option<(u8, usize)> {
    match *path {
        [b'%', high, low, ..] => match (hex(high), hex(low)) {
            (Some(high), Some(low)) => Some((high << 4 | low, 3)),
            _ => Some((b'%', 1)),
        },
        [byte, ..] => Some((byte, 1)),
        [] => None,
    }
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_and_odd_names_pass() {
        for path in [
            "",
            "/",
            "//",
            "/a/b",
            "/a//b/",
            "/a.b/..c/d../.e/...",
            "/%2e%2e%2e",
            "/a%2Eb",
            "/%252e%252e/x",
            "/;a=..",
            "/a;../b",
            "/a;v=1/b",
            "/..a;b",
            "/.well-known/x",
            "/%",
            "/%2",
            "/%zz..",
            "/.%",
            "/caf%C3%A9",
            "/http://other.example/x",
        ] {
            assert!(check_path(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn whatever_can_be_a_dot_segment_is_refused() {
        for path in [
            ".",
            "..",
            "/.",
            "/..",
            "/../",
            "/a/./b",
            "/a/../b",
            "/%2e",
            "/%2E%2e/",
            "/.%2e/x",
            "/%2e./x",
            "/..%2fx",
            "/..%2Fx",
            "/%2e%2e%2fx",
            "/a%2f..",
            "/a%5c..%5cb",
            r"/a\..\b",
            r"\..",
            "/..;/x",
            "/..;a=b/x",
            "/.;",
            "/..%3b/x",
            "/..%3Ba;b/x",
            "/x/..",
            "//../..",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
    }

    /// Resolves a path as the most lenient server would, and tells whether it climbed or stood still.
    fn lenient_reading_has_dots(path: &str) -> bool {
        let mut decoded = Vec::new();
        let mut rest = path.as_bytes();
        while let Some((byte, len)) = next(rest) {
            decoded.push(byte);
            rest = &rest[len..];
        }
        [path.as_bytes().to_vec(), decoded].iter().any(|reading| {
            reading
                .split(|byte| matches!(byte, b'/' | b'\\'))
                .map(|segment| segment.split(|byte| *byte == b';').next().unwrap())
                .any(|segment| segment == b"." || segment == b"..")
        })
    }

    proptest! {
        #[test]
        fn what_passes_has_no_reading_with_dots(
            path in r"(/|\\|\.|%2e|%2E|%2f|%5C|;|%3b|%25|%|2e|a){0,12}"
        ) {
            if check_path(&path).is_ok() {
                prop_assert!(!lenient_reading_has_dots(&path), "{}", path);
            } else {
                // Refused for a reason: some mix of the readings has a dot segment.
                prop_assert!(path.contains('.') || path.to_ascii_lowercase().contains("%2e"));
            }
        }
    }
}
