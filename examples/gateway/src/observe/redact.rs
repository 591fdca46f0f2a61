//! Queries as they may be shown: without the values of what opens something.

use std::borrow::Cow;

use same_origin::proxy::_is_secret_name;

/// How often a value is decoded: an address in an address is encoded twice.
const DEPTH: u8 = 2;

/// Bytes between two parameters: `&` by the URL standard, `;` for older servers, `?` by mistake.
const BETWEEN: [char; 3] = ['&', ';', '?'];

/// Bytes of a query that are looked through and shown. A client may write one of 60 KiB, which takes milliseconds from
/// all that wait.
const MOST: usize = 2048;

/// A query in which three stars are the values of parameters with such names, and those that hold such parameters; of
/// a long one the beginning, and three dots.
pub fn query(query: &str) -> Cow<'_, str> {
    if query.len() <= MOST {
        return masked(query);
    }
    let end = (0..=MOST).rfind(|end| query.is_char_boundary(*end));
    format!("{}...", masked(&query[..end.unwrap_or(0)])).into()
}

fn masked(query: &str) -> Cow<'_, str> {
    if !query.split(BETWEEN).any(is_secret) {
        return Cow::Borrowed(query);
    }
    let mut shown = String::with_capacity(query.len());
    for part in query.split_inclusive(BETWEEN) {
        mask(&mut shown, part, part.trim_end_matches(BETWEEN));
    }
    Cow::Owned(shown)
}

/// Shows a part, which begins with a pair.
fn mask(shown: &mut String, part: &str, pair: &str) {
    let rest = &part[pair.len()..];
    match pair.split_once('=') {
        _ if !is_secret(pair) => shown.push_str(part),
        Some((name, _)) if !holds_secret(name, DEPTH) => shown.extend([name, "=***", rest]),
        _ => shown.extend(["***", rest]),
    }
}

fn is_secret(pair: &str) -> bool {
    is_named_secret(pair) || holds_secret(pair, DEPTH)
}

fn is_named_secret(pair: &str) -> bool {
    // A name in percent-encoding is not one that anybody writes, so it hides something.
    let hides = |name: &str| name.contains('%') || _is_secret_name(name);
    pair.split_once('=').is_some_and(|(name, _)| hides(name))
}

/// Whether a text, or what it is the encoding of, holds a token, the user of an address, or a value with such a name.
fn holds_secret(text: &str, depth: u8) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    // A JSON Web Token is a JSON object in base64, which begins with `{"`.
    let mut parts = text.split(|c: char| !is_of_name(c));
    if parts.any(|part| part.starts_with("eyJ")) || has_user(text) {
        return true;
    }
    let ends_with_name = |before: &str| {
        let from = before.rfind(|c| !is_of_name(c)).map_or(0, |at| at + 1);
        // A name with a character of more than one byte there is not one of ours.
        before.get(from..).is_some_and(_is_secret_name)
    };
    let mut signs = text.match_indices(['=', ':']);
    if signs.any(|(at, sign)| match sign {
        "=" => ends_with_name(&text[..at]),
        // A member of a JSON object, such as the variables of a GraphQL query, also where that is a text in another one.
        _ => text[..at]
            .trim_end()
            .strip_suffix(['"', '\''])
            .map(|before| before.trim_end_matches('\\'))
            .is_some_and(ends_with_name),
    }) {
        return true;
    }
    let decode = |piece: &str| {
        let piece = format!("={piece}");
        let mut decoded = form_urlencoded::parse(piece.as_bytes());
        decoded
            .next()
            .is_some_and(|(_, value)| holds_secret(&value, depth - 1))
    };
    depth > 0 && text.contains('%') && text.split('&').any(decode)
}

/// RFC 3986 3.2.1: `//user:password@host`.
fn has_user(text: &str) -> bool {
    let authorities = text.split("//").skip(1);
    let authority = |rest: &str| {
        rest.split(['/', '?', '#'])
            .next()
            .is_some_and(|a| a.contains('@'))
    };
    authorities.into_iter().any(authority)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_opens_something_is_not_shown() {
        for (query, shown) in [
            ("", ""),
            ("page=2&sort=name", "page=2&sort=name"),
            ("flag", "flag"),
            (
                "X-Amz-Algorithm=AWS4&X-Amz-Credential=AKIA%2F&X-Amz-Signature=00ff&x=1",
                "X-Amz-Algorithm=AWS4&X-Amz-Credential=***&X-Amz-Signature=***&x=1",
            ),
            ("sig=a&sv=2020", "sig=***&sv=2020"),
            ("access_token=a&state=b", "access_token=***&state=b"),
            (
                "Policy=a&Key-Pair-Id=b&Signature=c",
                "Policy=***&Key-Pair-Id=***&Signature=***",
            ),
            ("%73ig=a", "%73ig=***"),
            ("a=b=c&password=x=y", "a=b=c&password=***"),
            ("b=1;token=a", "b=1;token=***"),
            ("x=1?token=a&&y", "x=1?token=***&&y"),
            (
                "url=https%3A%2F%2Fb.s3%2Fx%3FX-Amz-Signature%3Ddeadbeef&a=1",
                "url=***&a=1",
            ),
            ("u=x%2526token%253Da", "u=***"),
            ("md5=a&pwd=b&st=c&sid=d", "md5=***&pwd=***&st=***&sid=***"),
            ("hdnts=exp=1~hmac=a&x=exp=1~hmac=a", "hdnts=***&x=***"),
            (
                "SAMLResponse=a&assertion=b",
                "SAMLResponse=***&assertion=***",
            ),
            ("url=http://u:pw@h/&mail=a@b", "url=***&mail=a@b"),
            (
                "variables=%7B%22user%22:1,%22password%22%3A%22a%22%7D&b=2",
                "variables=***&b=2",
            ),
            ("v={\"token\" : \"a\"}&b=2", "v=***&b=2"),
            ("v={'token':'a'}&b=2", "v=***&b=2"),
            (r#"v={"input":"{\"token\":\"a\"}"}&b=2"#, "v=***&b=2"),
            (
                "v={\"name\":\"a\"}&filter=token:a&at=12:30",
                "v={\"name\":\"a\"}&filter=token:a&at=12:30",
            ),
            ("_csrf=a&X-XSRF=b&x=1", "_csrf=***&X-XSRF=***&x=1"),
            ("eyJhbGciOi.eyJz.c&x", "***&x"),
            ("a=Bearer+eyJh.b.c&b=2", "a=***&b=2"),
            (
                "to=https%3A%2F%2Fa.example%2Fx%3Fpage%3D2",
                "to=https%3A%2F%2Fa.example%2Fx%3Fpage%3D2",
            ),
            ("state=é=%ff&steps=3", "state=é=%ff&steps=3"),
        ] {
            assert_eq!(super::query(query), shown, "{query}");
        }
    }

    #[test]
    fn of_a_long_query_the_beginning_is_shown() {
        let long = |rest: &str| format!("token=a&{}{rest}", "é".repeat(2000));
        let shown = super::query(&long("&sig=b")).into_owned();
        assert!(shown.starts_with("token=***&éé") && shown.ends_with("é..."));
        assert_eq!(
            shown.len(),
            "token=***&...".len() + super::MOST - "token=a&".len()
        );
        let whole = "a".repeat(super::MOST);
        assert_eq!(super::query(&whole), whole);
    }
}
