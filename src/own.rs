//! A head with a buffer of its own, as HTTP/2 and a cache need it.

use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderValue};

/// Gives the values of a head a buffer of their own, by one copy for all of them.
///
/// Values of a message that came by HTTP/1.1 are slices of the buffer that its connection was read into, up
/// to 128 KiB and more, and each keeps the whole of it. A connection of HTTP/2 remembers values for its whole
/// life (HPACK's dynamic table, RFC 7541 2.3.2): that was 4 MiB for a connection that lies idle. A cache keeps
/// them as long as it likes, and its bound would be one on paper. So whatever goes to HTTP/2, or is stored, goes
/// through here.
///
/// White space around a value is left behind. RFC 9113 8.2.1 forbids it, and strict peers refuse the message: a client
/// that wrote it would have every upstream of a list set aside. h2 lets it through, and the proxy's own edits may leave
/// it: `a=1 ; Domain=b` without its `Domain` ends with a blank.
pub(crate) fn own_values(headers: &mut HeaderMap) {
    let len = headers.values().map(HeaderValue::len).sum();
    let mut buffer = BytesMut::with_capacity(len);
    for value in headers.values() {
        buffer.extend_from_slice(value.as_bytes().trim_ascii());
    }
    let mut buffer = buffer.freeze();
    for value in headers.values_mut() {
        let own: Bytes = buffer.split_to(value.as_bytes().trim_ascii().len());
        // It was a value before.
        if let Ok(mut own) = HeaderValue::from_maybe_shared(own) {
            own.set_sensitive(value.is_sensitive());
            *value = own;
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{COOKIE, SET_COOKIE};

    use super::*;

    #[test]
    fn a_head_lets_go_of_the_buffer_that_it_came_in() {
        let buffer =
            Bytes::from(b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=\xff\r\n".to_vec());
        let value = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
        let mut secret = value(29..32);
        secret.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, secret);
        headers.append(SET_COOKIE, value(46..49));
        headers.append(COOKIE, HeaderValue::from_static(""));
        let before = headers.clone();
        own_values(&mut headers);
        assert_eq!(headers, before);
        assert!(headers[SET_COOKIE].is_sensitive() && !headers[COOKIE].is_sensitive());
        drop(before);
        assert!(buffer.is_unique());
    }

    #[test]
    fn white_space_around_a_value_is_left_behind() {
        let mut headers = HeaderMap::new();
        for value in ["a=1 ", "\tb=2; c", " ", "d=4"] {
            headers.append(COOKIE, HeaderValue::from_static(value));
        }
        own_values(&mut headers);
        let values: Vec<_> = headers.get_all(COOKIE).iter().collect();
        assert_eq!(values, ["a=1", "b=2; c", "", "d=4"]);
    }
}
