//! The id of a request: the client's own where that is trusted, or a new one.

use std::cell::RefCell;

use bytes::BytesMut;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::{HeaderMap, Request};

pub const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// A longer one is not kept: it goes into logs.
const LONGEST: usize = 128;

const LENGTH: usize = 32;
/// Each byte in hexadecimal digits.
static DIGITS: [[u8; 2]; 256] = digits();
/// So many ids share one allocation, as each is cloned into a request, a response and perhaps a log.
const IDS: usize = 64;

thread_local! {
    /// Room for the next ids.
    static ROOM: RefCell<BytesMut> = RefCell::default();
}

/// Makes sure that a request has an id, which the upstream sees too, and gives it.
pub fn identify<B>(request: &mut Request<B>, is_trusted: bool) -> HeaderValue {
    let kept = is_trusted.then(|| own(request.headers())).flatten();
    let id = kept.unwrap_or_else(new);
    keep_from_client(request.headers_mut());
    // A head that is full goes on with the id that it has, or with none.
    let _full = request.headers_mut().try_insert(NAME, id.clone());
    id
}

/// Takes from the client what would take the id from the upstream: `Connection: x-request-id`, which has a proxy
/// remove it (RFC 9110 7.6.1), and `X_Request_Id`, which servers of the CGI kind read in its place.
fn keep_from_client(headers: &mut HeaderMap) {
    let is_twin = |name: &&HeaderName| {
        name.as_str().len() == NAME.as_str().len()
            && **name != NAME
            && name.as_str().replace('_', "-") == NAME.as_str()
    };
    let twins: Vec<_> = headers.keys().filter(is_twin).cloned().collect();
    for name in twins {
        headers.remove(name);
    }
    let options = || {
        let lines = headers.get_all(CONNECTION).iter();
        lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
    };
    let is_id = |option: &&[u8]| {
        option
            .trim_ascii()
            .eq_ignore_ascii_case(NAME.as_str().as_bytes())
    };
    if options().any(|option| is_id(&option)) {
        let others: Vec<_> = options().filter(|option| !is_id(option)).collect();
        // Parts of values are values.
        if let Ok(others) = HeaderValue::from_bytes(&others.join(&b',')) {
            headers.insert(CONNECTION, others);
        }
    }
}

/// The id that a request came with, if it is one, and harmless in any log: letters, digits and `-._~+/=:`.
fn own(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(NAME).iter();
    let (id, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=:".contains(byte);
    let bytes = id.as_bytes();
    let fits = (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(is_plain);
    fits.then(|| id.clone())
}

/// 128 random bits in hexadecimal digits. They tell requests apart and keep no secret, so that a generator that
/// could be foretold will do.
fn new() -> HeaderValue {
    let random = fastrand::u128(..).to_be_bytes();
    let text = random.map(|byte| DIGITS[usize::from(byte)]);
    let id = ROOM.with_borrow_mut(|room| {
        if room.capacity() < LENGTH {
            room.reserve(IDS * LENGTH);
        }
        room.extend_from_slice(text.as_flattened());
        room.split().freeze()
    });
    // Digits always are a value.
    HeaderValue::from_maybe_shared(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

const fn digits() -> [[u8; 2]; 256] {
    let mut all = [[0; 2]; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = [
            b"0123456789abcdef"[byte >> 4],
            b"0123456789abcdef"[byte & 15],
        ];
        byte += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_does_not_take_the_id_from_the_upstream() {
        for (lines, kept) in [
            (&["close, X-Request-ID"][..], "close"),
            (
                &["x-request-id", "te , x-request-id,x-request-idea"],
                "te ,x-request-idea",
            ),
            (&["x-request-id"], ""),
            (&["keep-alive"], "keep-alive"),
        ] {
            let mut request = Request::new(());
            for line in lines {
                request
                    .headers_mut()
                    .append(CONNECTION, HeaderValue::from_static(line));
            }
            for name in ["x_request_id", "x-request_id", "x_request-id"] {
                request
                    .headers_mut()
                    .insert(name, HeaderValue::from_static("evil"));
            }
            let id = identify(&mut request, true);
            let headers = request.headers();
            assert_eq!(
                (&headers[CONNECTION], &headers[NAME]),
                (&HeaderValue::from_static(kept), &id)
            );
            assert_eq!(headers.len(), 2, "{headers:?}");
        }
    }

    #[test]
    fn an_id_of_a_trusted_peer_is_kept_if_it_is_one() {
        let long = "a".repeat(129);
        for (name, lines, is_trusted, kept) in [
            ("none", &[][..], true, false),
            (
                "a UUID",
                &["7b1f2c0e-9a63-4f0d-8d7c-2f4b8c0a1e55"],
                true,
                true,
            ),
            ("of anybody", &["7b1f2c0e"], false, false),
            (
                "of Amazon",
                &["Root=1-67891233-abcdef012345678912345678"],
                true,
                true,
            ),
            ("as long as may be", &[&long[1..]], true, true),
            ("longer", &[&*long], true, false),
            ("empty", &[""], true, false),
            ("two", &["a", "b"], true, false),
            ("a list", &["a, b"], true, false),
            ("a quote", &["a\"b"], true, false),
            ("a blank", &["a b"], true, false),
        ] {
            let mut request = Request::new(());
            for line in lines {
                let value = HeaderValue::from_str(line).unwrap();
                request.headers_mut().append(NAME, value);
            }
            let id = identify(&mut request, is_trusted);
            assert_eq!(
                id == lines.first().copied().unwrap_or_default(),
                kept,
                "{name}"
            );
            let lines: Vec<_> = request.headers().get_all(NAME).iter().collect();
            assert_eq!(lines, [&id], "{name}");
            assert!(kept || id.len() == 32, "{name}: {id:?}");
        }
        let digits = |id: &HeaderValue| id.to_str().unwrap().to_owned();
        let many: String = (0..IDS).map(|_| digits(&new())).collect();
        let seen: std::collections::BTreeSet<char> = many.chars().collect();
        assert_eq!(seen.into_iter().collect::<String>(), "0123456789abcdef");
        assert_ne!(new(), new());
    }
}
