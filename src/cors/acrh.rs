//! `Access-Control-Request-Headers`: one pass over the names that a preflight asks for.

use http::HeaderValue;

use crate::fields;

/// More names than a request can carry: browsers name each header once, and servers take a hundred
/// header lines or so. It bounds the work for a list that no browser sends.
const MOST: usize = 1024;

/// The reason for which a list is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused<'a> {
    /// This name is not allowed.
    Name(&'a [u8]),
    /// There are more than [`MOST`] elements.
    Length,
}

/// Whether all names are allowed.
///
/// Accepts the list in all forms of RFC 9110 5.6.1: several lines, white space, empty elements; in any
/// order and case and with repetitions. Browsers send one form (Fetch #cors-preflight-fetch step 5), and
/// to take only that would be less work; but proxies may write a list in another form, and the page
/// would then fail behind some of them.
pub(super) fn check<'a>(
    lines: impl Iterator<Item = &'a HeaderValue>,
    allowed: impl Fn(&[u8]) -> bool,
) -> Result<(), Refused<'a>> {
    let mut seen = 0;
    for line in lines {
        for name in fields::split(line) {
            seen += 1;
            if seen > MOST {
                return Err(Refused::Length);
            }
            if !name.is_empty() && !allowed(name) {
                return Err(Refused::Name(name));
            }
        }
    }
    Ok(())
}

/// Whether all names are among `allowed`, which are in lower case and sorted.
pub(super) fn check_sorted<'a>(
    lines: impl Iterator<Item = &'a HeaderValue>,
    allowed: &[String],
) -> Result<(), Refused<'a>> {
    // Browsers send names in lower case, sorted and joined by `,` alone (Fetch #cors-preflight-fetch
    // step 5): such lines are read in step with the allowed names.
    let unread = lines.filter(|line| !is_subsequence(line.as_bytes(), allowed));
    check(unread, |name| contains(allowed, name))
}

fn is_subsequence(mut line: &[u8], allowed: &[String]) -> bool {
    for name in allowed {
        match line.strip_prefix(name.as_bytes()) {
            Some([]) => return true,
            Some([b',', rest @ ..]) => line = rest,
            _ => {}
        }
    }
    false
}

fn contains(sorted: &[String], name: &[u8]) -> bool {
    let lower = || name.iter().map(u8::to_ascii_lowercase);
    sorted
        .binary_search_by(|allowed| allowed.bytes().cmp(lower()))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(lines: &[&str]) -> Result<(), String> {
        let allowed = ["authorization", "content-type", "x-a", "x-ab"].map(String::from);
        let lines: Vec<_> = lines
            .iter()
            .map(|line| HeaderValue::from_str(line).unwrap())
            .collect();
        check_sorted(lines.iter(), &allowed).map_err(|refused| match refused {
            Refused::Name(name) => String::from_utf8(name.to_vec()).unwrap(),
            Refused::Length => String::from("too long"),
        })
    }

    #[test]
    fn all_forms_of_a_list_are_read() {
        for lines in [
            &[][..],
            &[""],
            &["authorization,content-type,x-a,x-ab"],
            &["content-type"],
            &["x-ab"],
            &["content-type,x-ab"],
            &["x-ab,content-type"],
            &["X-Ab,cOnTeNt-TyPe"],
            &["x-a , x-ab\t,\tx-a"],
            &[",x-a,,x-ab, \t ,"],
            &["x-a", "", "x-ab,content-type"],
            &["x-a,x-a"],
        ] {
            assert_eq!(verdict(lines), Ok(()), "{lines:?}");
        }
    }

    #[test]
    fn the_first_name_that_is_not_allowed_is_named() {
        for (lines, name) in [
            (&["x-b"][..], "x-b"),
            (&["x-"], "x-"),
            (&["x-abc"], "x-abc"),
            (&["x-a,x-b,x-c"], "x-b"),
            (&["x-a", "x-b"], "x-b"),
            (&["x-a x-ab"], "x-a x-ab"),
            (&["*"], "*"),
            (&["x-a;x-ab"], "x-a;x-ab"),
        ] {
            assert_eq!(verdict(lines), Err(name.to_owned()), "{lines:?}");
        }
    }

    #[test]
    fn no_more_names_than_a_request_can_carry() {
        assert_eq!(verdict(&[&"x-a,".repeat(MOST - 1)]), Ok(()));
        assert_eq!(
            verdict(&[&"x-a,".repeat(MOST)]),
            Err(String::from("too long"))
        );
        assert_eq!(
            verdict(&[&",".repeat(1 << 16)]),
            Err(String::from("too long"))
        );
    }
}
