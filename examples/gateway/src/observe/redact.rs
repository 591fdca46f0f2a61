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

/// A query in which the values of parameters with such names are three stars.
pub fn query(query: &str) -> Cow<'_, str> {
    if !query.split('&').any(is_secret) {
        return Cow::Borrowed(query);
    }
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(pair) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    Cow::Owned(shown.collect::<Vec<_>>().join("&"))
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
        ] {
            assert_eq!(super::query(query), shown, "{query}");
        }
    }
}
