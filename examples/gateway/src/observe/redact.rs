//! Queries as they may be shown: without the values of what opens something.

use std::borrow::Cow;

/// Words in the name of a parameter whose value is a credential, or signs one: those of AWS, Google, Azure and
/// CloudFront, OAuth, and what applications call theirs.
const SECRET: [&str; 14] = [
    "sig",
    "credential",
    "token",
    "secret",
    "password",
    "passwd",
    "auth",
    "key",
    "code",
    "session",
    "ticket",
    "jwt",
    "otp",
    "policy",
];

/// Bytes between two parameters: `&` by the URL standard, `;` for older servers, `?` by mistake.
const BETWEEN: [char; 3] = ['&', ';', '?'];

/// A query in which the values of parameters with such names are three stars.
pub fn query(query: &str) -> Cow<'_, str> {
    if !query.split(BETWEEN).any(is_secret) {
        return Cow::Borrowed(query);
    }
    let mut shown = String::with_capacity(query.len());
    for part in query.split_inclusive(BETWEEN) {
        let pair = part.trim_end_matches(BETWEEN);
        match pair.split_once('=') {
            Some((name, _)) if is_secret(pair) => {
                shown.extend([name, "=***", &part[pair.len()..]]);
            }
            _ => shown.push_str(part),
        }
    }
    Cow::Owned(shown)
}

fn is_secret(pair: &str) -> bool {
    let Some((name, _)) = pair.split_once('=') else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    // A name in percent-encoding is not one that anybody writes, so it hides something.
    name.contains('%') || SECRET.iter().any(|word| name.contains(word))
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
        ] {
            assert_eq!(super::query(query), shown, "{query}");
        }
    }
}
