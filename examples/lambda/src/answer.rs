//! Responses before `lambda_http` writes them: each header is one line of text.

use http::HeaderMap;
use http::header::{HeaderValue, SET_COOKIE};

/// Makes one line of the lines of each header (RFC 9110 5.3), except for `Set-Cookie`, whose lines cannot be
/// joined (RFC 6265 3) and have a place of their own in an answer.
///
/// An answer to an HTTP API or a function URL, and to an ALB without multi-value headers, has one value
/// for each header, and `lambda_http` 1.3 puts the first line there: of `Vary: accept` and `Vary: origin` a
/// cache would not see that the response is for one origin.
///
/// An answer is JSON, so that a value that is not text cannot be in it; it goes, rather than the whole answer.
pub(crate) fn printable(headers: &mut HeaderMap) {
    let names: Vec<_> = headers.keys().cloned().collect();
    for name in names {
        let lines: Vec<_> = headers.get_all(&name).iter().cloned().collect();
        let is_cookie = name == SET_COOKIE;
        let kept: Vec<_> = lines
            .iter()
            .filter(|line| match is_cookie {
                // A cookie's bytes are those of ASCII (RFC 6265 4.1.1).
                true => line.to_str().is_ok(),
                false => str::from_utf8(line.as_bytes()).is_ok(),
            })
            .collect();
        if kept.len() < lines.len() {
            eprintln!("a value of the response header {name} is not text, and left out");
        }
        if kept.len() == lines.len() && (is_cookie || lines.len() == 1) {
            continue;
        }
        headers.remove(&name);
        if is_cookie {
            for line in kept {
                headers.append(&name, line.clone());
            }
        } else if !kept.is_empty() {
            let bytes: Vec<_> = kept.iter().map(|line| line.as_bytes()).collect();
            if let Ok(joined) = HeaderValue::from_bytes(&bytes.join(&b", "[..])) {
                headers.insert(&name, joined);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    #[test]
    fn each_header_is_one_line_of_text() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("vary", &b"accept"[..]),
            ("vary", b"origin"),
            ("set-cookie", b"a=1"),
            ("set-cookie", b"b=\xc3\xbc"),
            ("set-cookie", b"c=3"),
            ("x-name", "Zürich".as_bytes()),
            ("x-bytes", b"\xff"),
        ] {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        printable(&mut headers);
        let lines = |name| headers.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(lines("vary"), ["accept, origin"]);
        assert_eq!(lines("set-cookie"), ["a=1", "c=3"]);
        assert_eq!(lines("x-name"), ["Zürich"]);
        assert!(!headers.contains_key("x-bytes"));
    }
}
