//! Names of what opens something, whose values no log shows.

use std::borrow::Cow;

/// Words in the name of a parameter whose value is a credential, or signs one: those of AWS, Google, Azure and
/// CloudFront, of tokens of other CDNs and servers, OAuth, SAML, and what applications call theirs.
const SECRET: [&str; 21] = [
    "sig",
    "credential",
    "token",
    "secret",
    "pass",
    "pwd",
    "auth",
    "key",
    "code",
    "sess",
    "ticket",
    "jwt",
    "otp",
    "policy",
    "hmac",
    "md5",
    "hdn",
    "verify",
    "bearer",
    "assertion",
    "saml",
];

/// Whole names that are too short to be looked for in others.
const SHORT: [&str; 2] = ["sid", "st"];

/// Whether a parameter of this name has a value that is not to be shown.
#[doc(hidden)]
#[must_use]
pub fn _is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SHORT.contains(&&*name) || SECRET.iter().any(|word| name.contains(word))
}

/// A path in which three stars are the values of parameters with such names (RFC 3986 3.3): `/a;jsessionid=***`. A
/// name in percent-encoding is not one that anybody writes, so it hides something.
#[doc(hidden)]
#[must_use]
pub fn _masked_path(path: &str) -> Cow<'_, str> {
    // The first part of it is what comes before the first parameter.
    let mut parts = path.split(';');
    let first = parts.next().unwrap_or_default();
    if !parts.clone().any(|part| secret_name(part).is_some()) {
        return Cow::Borrowed(path);
    }
    let mut shown = String::with_capacity(path.len());
    shown.push_str(first);
    for part in parts {
        // A parameter ends with its segment.
        let end = part.find('/').unwrap_or(part.len());
        match secret_name(part) {
            Some(name) => shown.extend([";", name, "=***", &part[end..]]),
            None => shown.extend([";", part]),
        }
    }
    Cow::Owned(shown)
}

/// The name of the parameter that a part begins with, if its value is not to be shown.
fn secret_name(part: &str) -> Option<&str> {
    let parameter = part.split('/').next()?;
    let (name, _) = parameter.split_once('=')?;
    (name.contains('%') || _is_secret_name(name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_in_a_path_is_not_shown() {
        for (path, shown) in [
            ("/a/b", "/a/b"),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/a;jsessionid=00ff", "/a;jsessionid=***"),
            ("/a;jsessionid=00=ff/b", "/a;jsessionid=***/b"),
            ("/a;v=1;JSESSIONID=00ff/b;x", "/a;v=1;JSESSIONID=***/b;x"),
            ("/a;%6Asessionid=00ff", "/a;%6Asessionid=***"),
            ("/;token=1/;sid=2;", "/;token=***/;sid=***;"),
            ("/token=1;token", "/token=1;token"),
        ] {
            assert_eq!(_masked_path(path), shown, "{path}");
        }
    }
}
