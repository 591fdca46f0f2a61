//! The key that makes two requests the same, before `Vary` has its say.
//!
//! A key holds all of a request that an upstream is known to build its answers of: the target and `Host`
//! as they are sent, and what the request says of the public scheme, host, port and prefix, of which
//! frameworks make the links in their pages. With those in the key, a client that forges one poisons its
//! own copy only. A request's address (`X-Forwarded-For`) is not in it: it would give each client a cache of
//! its own.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use foldhash::quality::RandomState;
use http::header::{self, HeaderMap, HeaderName};
use http::request;

/// The whole of it, so that two keys are equal if and only if their requests are the same, and a hash of it.
///
/// The hash is made once: a response that is stored is looked for in six tables on its way.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    hash: u64,
    bytes: Arc<[u8]>,
}

/// Seeded once in a process, so that nobody outside can choose keys of one hash.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// Fields that say where the client thinks it is.
const PLACE: [HeaderName; 5] = [
    header::HOST,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
];

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self {
            hash: HASHER.hash_one(bytes),
            bytes: bytes.into(),
        }
    }

    pub(crate) fn hashed(&self) -> u64 {
        self.hash
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Path and query of the request that it is of.
    pub(crate) fn target(&self) -> &str {
        let line = self.bytes.split(|byte| *byte == b'\n').nth(TARGET);
        std::str::from_utf8(line.unwrap_or_default()).unwrap_or_default()
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.target()).finish()
    }
}

/// The key of a request. The method is not in it, because a `HEAD` is answered from a `GET`, and no other
/// method's response is stored as such.
pub(crate) fn of(parts: &request::Parts) -> Key {
    let uri = &parts.uri;
    let mut key = Vec::with_capacity(256);
    // No part can hold a line feed, so that no part can pass for another one.
    for part in [
        uri.scheme_str().unwrap_or_default(),
        uri.authority().map_or("", |authority| authority.as_str()),
        target(parts),
    ] {
        key.extend_from_slice(part.as_bytes());
        key.push(b'\n');
    }
    for (at, name) in PLACE.iter().enumerate() {
        for line in parts.headers.get_all(name) {
            key.push(b'0' + at as u8);
            key.extend_from_slice(line.as_bytes());
            key.push(b'\n');
        }
    }
    for line in parts.headers.get_all(header::FORWARDED) {
        key.push(b'f');
        push_forwarded(&mut key, line.as_bytes());
        key.push(b'\n');
    }
    Key::new(&key)
}

/// The line of a key that the target is on.
const TARGET: usize = 2;

/// Path and query as they are sent. A purge and an unsafe request go by it, whatever the host.
pub(crate) fn target(parts: &request::Parts) -> &str {
    parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str())
}

/// Of `Forwarded` (RFC 7239) the parameters `host` and `proto`, with the signs that part them. A field
/// whose strings do not end is taken as it is.
fn push_forwarded(key: &mut Vec<u8>, line: &[u8]) {
    let start = key.len();
    let (mut quoted, mut escaped) = (false, false);
    let mut from = 0;
    let mut ends: Vec<usize> = Vec::new();
    for (at, byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b';' if !quoted => ends.push(at),
            _ => {}
        }
    }
    if quoted {
        key.extend_from_slice(line);
        return;
    }
    ends.push(line.len());
    for end in ends {
        let pair = crate::fields::trim(&line[from..end]);
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = crate::fields::trim(name);
        if name.eq_ignore_ascii_case(b"host") || name.eq_ignore_ascii_case(b"proto") {
            key.extend_from_slice(pair);
        }
        if line.get(end) == Some(&b',') {
            key.push(b',');
        } else if key.len() > start {
            key.push(b';');
        }
        from = end + 1;
    }
}

/// Whether a request's fields are such that no key can tell what it asks for.
pub(crate) fn is_ambiguous(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn key(uri: &str, fields: &[(&str, &str)]) -> Key {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn what_an_upstream_may_answer_by_is_in_the_key() {
        const URI: &str = "http://up.example/a?b=1";
        let plain = key(URI, &[("host", "up.example")]);
        for (name, uri, fields) in [
            (
                "scheme",
                "https://up.example/a?b=1",
                &[("host", "up.example")][..],
            ),
            (
                "authority",
                "http://other.example/a?b=1",
                &[("host", "up.example")],
            ),
            ("path", "http://up.example/A?b=1", &[("host", "up.example")]),
            (
                "query",
                "http://up.example/a?b=2",
                &[("host", "up.example")],
            ),
            (
                "empty query",
                "http://up.example/a?",
                &[("host", "up.example")],
            ),
            (
                "spelling",
                "http://up.example/%61?b=1",
                &[("host", "up.example")],
            ),
            ("host", URI, &[("host", "evil.example")]),
            ("host's case", URI, &[("host", "UP.example")]),
            (
                "two hosts",
                URI,
                &[("host", "up.example"), ("host", "evil.example")],
            ),
            ("no host", URI, &[]),
            (
                "x-forwarded-host",
                URI,
                &[("host", "up.example"), ("x-forwarded-host", "evil")],
            ),
            (
                "x-forwarded-proto",
                URI,
                &[("host", "up.example"), ("x-forwarded-proto", "http")],
            ),
            (
                "x-forwarded-port",
                URI,
                &[("host", "up.example"), ("x-forwarded-port", "1")],
            ),
            (
                "x-forwarded-prefix",
                URI,
                &[("host", "up.example"), ("x-forwarded-prefix", "/x")],
            ),
            (
                "forwarded host",
                URI,
                &[("host", "up.example"), ("forwarded", "for=a;host=evil")],
            ),
            (
                "forwarded proto",
                URI,
                &[("host", "up.example"), ("forwarded", "PROTO=http, for=a")],
            ),
            (
                "open string",
                URI,
                &[("host", "up.example"), ("forwarded", "for=\"a;b")],
            ),
        ] {
            assert_ne!(key(uri, fields), plain, "{name}");
        }
        for (name, fields) in [
            (
                "address",
                &[("host", "up.example"), ("x-forwarded-for", "192.0.2.1")][..],
            ),
            (
                "x-real-ip",
                &[("host", "up.example"), ("x-real-ip", "192.0.2.1")],
            ),
            ("via", &[("host", "up.example"), ("via", "1.1 a")]),
            ("cookie", &[("host", "up.example"), ("cookie", "a=1")]),
        ] {
            assert_eq!(key(URI, fields), plain, "{name}");
        }
    }

    #[test]
    fn the_target_is_read_back_out_of_a_key() {
        for (uri, target) in [
            ("http://up.example/a?b=1", "/a?b=1"),
            ("/a%0A/%C3%A4?", "/a%0A/%C3%A4?"),
            ("http://up.example", "/"),
        ] {
            assert_eq!(key(uri, &[("host", "a")]).target(), target);
        }
    }

    #[test]
    fn forwarded_counts_but_for_addresses() {
        let of = |value| key("/", &[("forwarded", value)]);
        assert_eq!(
            of("for=1;host=a;proto=https"),
            of("for=2;host=a;proto=https")
        );
        assert_eq!(
            of("for=\"[::1]:80\";host=a"),
            of("for=\"_x,;host=evil\";host=a")
        );
        assert_ne!(of("for=1;host=a, for=2"), of("for=1, for=2;host=a"));
        assert_ne!(of("host=a"), of("host=b"));
        assert_ne!(of("host=a;proto=b"), of("host=\"a;proto=b\""));
    }

    #[test]
    fn no_value_passes_for_another_field() {
        assert_ne!(
            key("/", &[("host", "a"), ("x-forwarded-host", "b")]),
            key("/", &[("host", "a1b")])
        );
        assert_ne!(
            key("/", &[("x-forwarded-proto", "a")]),
            key("/", &[("x-forwarded-port", "a")])
        );
    }
}
