//! Names of what opens something, whose values no log shows.

use std::borrow::Cow;

/// Whole names that are too short to be looked for in others.
const SHORT: [&str; 2] = ["sid", "st"];

/// Words in the name of a parameter whose value is a credential, or signs one, of those with this start: those of AWS,
/// Google, Azure and CloudFront, of tokens of other CDNs and servers, OAuth, SAML, tokens against forged requests, and
/// what applications call theirs.
///
/// By their start, as each place of a name is looked at: to look for one word after the other takes ten times as long,
/// and a path may be made of thousands of names.
const fn words(start: [u8; 2]) -> &'static [&'static str] {
    match &start {
        b"as" => &["assertion"],
        b"au" => &["auth"],
        b"be" => &["bearer"],
        b"co" => &["code"],
        b"cr" => &["credential"],
        b"cs" => &["csrf"],
        b"hd" => &["hdn"],
        b"hm" => &["hmac"],
        b"jw" => &["jwt"],
        b"ke" => &["key"],
        b"md" => &["md5"],
        b"ot" => &["otp"],
        b"pa" => &["pass"],
        b"po" => &["policy"],
        b"pw" => &["pwd"],
        b"sa" => &["saml"],
        b"se" => &["secret", "sess"],
        b"si" => &["sig"],
        b"ti" => &["ticket"],
        b"to" => &["token"],
        b"ve" => &["verify"],
        b"xs" => &["xsrf"],
        _ => &[],
    }
}

/// Whether a parameter of this name has a value that is not to be shown.
#[doc(hidden)]
#[must_use]
pub fn _is_secret_name(name: &str) -> bool {
    let name = name.as_bytes();
    let is_short = |short: &&str| name.eq_ignore_ascii_case(short.as_bytes());
    SHORT.iter().any(is_short) || (0..name.len()).any(|at| begins_secret(&name[at..]))
}

fn begins_secret(rest: &[u8]) -> bool {
    let [first, second, ..] = rest else {
        return false;
    };
    let lower = |byte: &u8| byte.to_ascii_lowercase();
    // Byte for byte: most end at the third.
    let begins = |word: &&str| {
        let mut pairs = word.bytes().zip(rest);
        rest.len() >= word.len() && pairs.all(|(byte, other)| byte == lower(other))
    };
    let words = words([lower(first), lower(second)]);
    words.iter().any(begins)
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
    fn words_are_found_in_names_in_any_case() {
        for a in b'a'..=b'z' {
            for b in b'a'..=b'z' {
                for word in words([a, b]) {
                    assert!(word.as_bytes().starts_with(&[a, b]), "{word}");
                    let upper = word.to_ascii_uppercase();
                    for name in [(*word).to_owned(), format!("x-{upper}"), format!("{word}2")] {
                        assert!(_is_secret_name(&name), "{name}");
                    }
                    assert!(!_is_secret_name(&word[..word.len() - 1]), "{word}");
                }
            }
        }
        for (name, is_secret) in [
            ("X-Amz-Security-Token", true),
            ("SID", true),
            ("side", false),
            ("step", false),
            ("s", false),
            ("", false),
            ("sé", false),
            ("étoken", true),
        ] {
            assert_eq!(_is_secret_name(name), is_secret, "{name}");
        }
    }

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
