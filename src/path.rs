//! Paths that mean different things to different parsers.
//!
//! A proxy forwards a path byte for byte, so it must not let through one that it reads as *below its
//! prefix* and an upstream may read as *somewhere else*. An exemption of the guard must not free one that
//! some server reads as a way out of it. Servers differ in whether they decode before
//! they resolve dot segments, take `\` for `/`, and cut path parameters (`;v=1`) first. A path is
//! accepted only if no such reading holds a dot segment; then every reading of it is below where it
//! was put, and nothing has to be normalised, which would break signed paths (AWS Signature V4,
//! signed URLs).

use http::{Extensions, Uri};
use percent_encoding::percent_decode_str;

/// The target that the client asked for: under axum, with the prefixes that nests took away.
#[cfg_attr(
    not(feature = "axum"),
    expect(unused_variables, reason = "axum alone leaves another one")
)]
pub(crate) fn public_uri<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a Uri {
    #[cfg(feature = "axum")]
    if let Some(original) = extensions.get::<axum::extract::OriginalUri>() {
        return &original.0;
    }
    uri
}

/// Whether any segment of a path can be read as `.` or `..` (RFC 3986 3.3, CWE-22).
///
/// Segments end at `/` and `\`, written as such or percent-encoded; a segment's name ends at its first
/// `;`. A byte that is encoded twice (`%252e`) is data, and a `%` that begins no encoding stands for itself. The
/// query is not part of the path and must not be given.
pub(crate) fn is_ambiguous(path: &str) -> bool {
    let mut segment = Segment::Dots(0);
    for byte in percent_decode_str(path) {
        segment = match (byte, segment) {
            (b'/' | b'\\', segment) if segment.is_ambiguous() => return true,
            (b'/' | b'\\', _) => Segment::Dots(0),
            (b'.', Segment::Dots(seen @ 0..2)) => Segment::Dots(seen + 1),
            // Tomcat and its kin cut path parameters before they resolve dot segments; who decodes
            // first cuts at an encoded semicolon as well.
            (b';', Segment::Dots(seen)) => Segment::Cut(seen),
            (_, cut @ Segment::Cut(_)) => cut,
            (_, Segment::Dots(_) | Segment::Name) => Segment::Name,
        };
    }
    segment.is_ambiguous()
}

/// A segment, as far as its bytes have gone by.
#[derive(Clone, Copy)]
enum Segment {
    /// A number of dots and nothing else.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            assert!(!is_ambiguous(path), "{path}");
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
            assert!(is_ambiguous(path), "{path}");
        }
    }

    /// Resolves a path as the most lenient server would, and tells whether it climbed or stood still.
    fn lenient_reading_has_dots(path: &str) -> bool {
        let decoded: Vec<u8> = percent_decode_str(path).collect();
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
            if !is_ambiguous(&path) {
                prop_assert!(!lenient_reading_has_dots(&path), "{}", path);
            } else {
                // Refused for a reason: some mix of the readings has a dot segment.
                prop_assert!(path.contains('.') || path.to_ascii_lowercase().contains("%2e"));
            }
        }
    }
}
