//! Requests that a stored response is for (RFC 9111 4.1).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::fields;

/// The most names that a `Vary` may have. A response that varies by more is asked for once and never again.
const MOST_NAMES: usize = 16;

/// Fields that reach the upstream and are not in the key, because each client has its own: a response that
/// varies by one is for that client only.
const OF_ONE_CLIENT: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

/// Fields that are not lists: white space and commas in them are theirs.
const NOT_LISTS: [HeaderName; 11] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::DATE,
    header::FROM,
    header::HOST,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::ORIGIN,
    header::REFERER,
    header::USER_AGENT,
];

/// The fields of a request that a response was chosen by, with the values that they had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    fields: Box<[(HeaderName, Value)]>,
}

/// The fields of one request in the form in which they are compared. Each is read once for all variants: a client could
/// otherwise have a long field read for every one that is stored.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    request: &'a HeaderMap,
    read: Vec<(HeaderName, Value)>,
}

/// A field's value in the form in which it is compared; nothing if there is no such field.
type Value = Option<Box<[u8]>>;

/// The reason for which no later request can be known to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unmatchable {
    /// `*`: by more than the request says.
    Star,
    /// By a field that each client has its own value of.
    OfOneClient,
    /// By more fields than are compared, or by one whose name is not a name.
    TooMuch,
}

impl Selection {
    /// The fields by which a response to a request was chosen.
    pub(crate) fn of(response: &HeaderMap, request: &HeaderMap) -> Result<Self, Unmatchable> {
        let mut names: Vec<HeaderName> = Vec::new();
        for element in fields::elements(response, &header::VARY) {
            if element == b"*" {
                return Err(Unmatchable::Star);
            }
            let name = HeaderName::from_bytes(element).map_err(|_| Unmatchable::TooMuch)?;
            if OF_ONE_CLIENT.contains(&name.as_str()) {
                return Err(Unmatchable::OfOneClient);
            }
            if !names.contains(&name) {
                if names.len() == MOST_NAMES {
                    return Err(Unmatchable::TooMuch);
                }
                names.push(name);
            }
        }
        let fields = names.into_iter().map(|name| {
            let value = value(request, &name);
            (name, value)
        });
        Ok(Self {
            fields: fields.collect(),
        })
    }

    /// Whether it was chosen by no field, and so is for every request.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether a field is one of those.
    pub(crate) fn has(&self, field: &HeaderName) -> bool {
        self.fields.iter().any(|(name, _)| name == field)
    }

    /// Whether a response that was chosen in this way is one for the request.
    pub(crate) fn matches(&self, request: &mut Values<'_>) -> bool {
        self.fields
            .iter()
            .all(|(name, held)| request.of_field(name) == held)
    }

    /// The request's values of the fields by which this was selected, as bytes that are equal if it is selected in the
    /// same way.
    pub(crate) fn ask(&self, request: &HeaderMap, into: &mut Vec<u8>) {
        for (name, _) in &self.fields {
            into.extend_from_slice(name.as_str().as_bytes());
            into.push(b'\n');
            if let Some(value) = value(request, name) {
                into.push(b':');
                into.extend_from_slice(&value);
            }
            into.push(b'\n');
        }
    }

    pub(crate) fn size(&self) -> usize {
        let of = |(name, value): &(HeaderName, Value)| {
            64 + name.as_str().len() + value.as_ref().map_or(0, |value| value.len())
        };
        self.fields.iter().map(of).sum()
    }
}

impl<'a> Values<'a> {
    pub(crate) fn of(request: &'a HeaderMap) -> Self {
        Self {
            request,
            read: Vec::new(),
        }
    }

    fn of_field(&mut self, name: &HeaderName) -> &Value {
        let read = self.read.iter().position(|(read, _)| read == name);
        let at = read.unwrap_or_else(|| {
            self.read.push((name.clone(), value(self.request, name)));
            self.read.len() - 1
        });
        &self.read[at].1
    }
}

/// The value of a request's field, to be compared.
///
/// RFC 9111 4.1 allows only changes that the field's syntax makes meaningless: lines of a list are joined,
/// white space at commas goes, and language ranges and codings are in lower case. The order of languages
/// stays, which is without meaning by RFC 9110 12.5.4 and by no means for all servers.
fn value(request: &HeaderMap, name: &HeaderName) -> Value {
    let mut lines = request.get_all(name).iter();
    let first = lines.next()?;
    if NOT_LISTS.contains(name) {
        let mut joined = first.as_bytes().to_vec();
        for line in lines {
            joined.push(b'\n');
            joined.extend_from_slice(line.as_bytes());
        }
        return Some(joined.into());
    }
    let mut joined = Vec::with_capacity(first.len());
    push_list(&mut joined, first);
    for line in lines {
        joined.push(b',');
        push_list(&mut joined, line);
    }
    if *name == header::ACCEPT_LANGUAGE || *name == header::ACCEPT_ENCODING {
        joined.make_ascii_lowercase();
    }
    Some(joined.into())
}

/// A line of a list without the white space around its commas, but for those in quoted strings.
fn push_list(into: &mut Vec<u8>, line: &HeaderValue) {
    let (mut quoted, mut escaped) = (false, false);
    // The position from which white space may be dropped if a comma follows.
    let mut kept = into.len();
    for byte in fields::trim(line.as_bytes()) {
        match byte {
            b',' if !quoted => {
                into.truncate(kept);
                into.push(b',');
                kept = into.len();
                continue;
            }
            b' ' | b'\t' if !quoted => {
                if into.last() != Some(&b',') || kept != into.len() {
                    into.push(*byte);
                }
                continue;
            }
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        into.push(*byte);
        kept = into.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::headers;

    #[test]
    fn a_request_is_the_same_if_its_selecting_fields_mean_the_same() {
        struct Case {
            vary: &'static str,
            stored: &'static [(&'static str, &'static str)],
            asked: &'static [(&'static str, &'static str)],
            same: bool,
        }
        let case = |vary, stored, asked, same| Case {
            vary,
            stored,
            asked,
            same,
        };
        for case in [
            case("", &[("foo", "1")], &[("foo", "2")], true),
            case("foo", &[("foo", "1")], &[("foo", "1"), ("bar", "2")], true),
            case("Foo, bar", &[("foo", "1")], &[("foo", "1")], true),
            case("foo", &[("foo", "1")], &[("foo", "2")], false),
            case("foo", &[("foo", "1")], &[], false),
            case("foo", &[], &[("foo", "1")], false),
            case("foo", &[], &[("foo", "")], false),
            case(
                "foo, bar",
                &[("foo", "1")],
                &[("foo", "1"), ("bar", "")],
                false,
            ),
            case(
                "foo",
                &[("foo", "1, 2")],
                &[("foo", "1"), ("foo", "2")],
                true,
            ),
            case("foo", &[("foo", "1,2")], &[("foo", " 1 , 2 ")], true),
            case("foo", &[("foo", "1 2")], &[("foo", "1  2")], false),
            case(
                "foo",
                &[("foo", "a\"b, c\"")],
                &[("foo", "a\"b,c\"")],
                false,
            ),
            case(
                "foo",
                &[("foo", "\"\\\"a, b\"")],
                &[("foo", "\"\\\"a,b\"")],
                false,
            ),
            case("foo", &[("foo", "A")], &[("foo", "a")], false),
            case("foo", &[("foo", "1, 2")], &[("foo", "2, 1")], false),
            case(
                "accept-language",
                &[("accept-language", "en, de")],
                &[("accept-language", "eN ,De")],
                true,
            ),
            case(
                "accept-language",
                &[("accept-language", "en, de")],
                &[("accept-language", "de, en")],
                false,
            ),
            case(
                "user-agent",
                &[("user-agent", "a, b")],
                &[("user-agent", "a,b")],
                false,
            ),
            case(
                "cookie",
                &[("cookie", "a=1, 2")],
                &[("cookie", "a=1"), ("cookie", "2")],
                false,
            ),
        ] {
            let selection =
                Selection::of(&headers(&[("vary", case.vary)]), &headers(case.stored)).unwrap();
            let (stored, asked) = (headers(case.stored), headers(case.asked));
            let matches = |request| selection.matches(&mut Values::of(request));
            assert!(matches(&stored), "{:?}", case.stored);
            assert_eq!(
                matches(&asked),
                case.same,
                "{}: {:?}",
                case.vary,
                case.asked
            );
            let bytes = |request| {
                let mut bytes = Vec::new();
                selection.ask(request, &mut bytes);
                bytes
            };
            assert_eq!(
                bytes(&stored) == bytes(&asked),
                case.same,
                "{}: {:?}",
                case.vary,
                case.asked
            );
        }
    }

    #[test]
    fn some_responses_are_for_no_other_request() {
        let many = (0..100)
            .map(|n| format!("x-{n}"))
            .collect::<Vec<_>>()
            .join(",");
        for (lines, why) in [
            (&["*"][..], Unmatchable::Star),
            (&["*, *"], Unmatchable::Star),
            (&["*", "*"], Unmatchable::Star),
            (&[", *"], Unmatchable::Star),
            (&["", "*"], Unmatchable::Star),
            (&["*, foo"], Unmatchable::Star),
            (&["foo, *"], Unmatchable::Star),
            (&["X-Forwarded-For"], Unmatchable::OfOneClient),
            (&["accept, via"], Unmatchable::OfOneClient),
            (&["foo", "x-real-ip"], Unmatchable::OfOneClient),
            (&["forwarded"], Unmatchable::OfOneClient),
            (&["a b"], Unmatchable::TooMuch),
            (&[&many], Unmatchable::TooMuch),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("vary", *line)).collect();
            let response = headers(&lines);
            assert_eq!(
                Selection::of(&response, &HeaderMap::new()),
                Err(why),
                "{lines:?}"
            );
        }
        let repeated = vec!["foo"; 100].join(",");
        assert!(Selection::of(&headers(&[("vary", &repeated)]), &HeaderMap::new()).is_ok());
    }
}
