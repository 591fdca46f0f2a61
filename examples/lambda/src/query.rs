//! The query of an event, as far as the front door tells it.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// Bytes that are not in a query. `%` is, because an escape stays one.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// Bytes that would mean something else in a name or a value that is written into a query.
const NOT_IN_PAIR: &AsciiSet = &NOT_IN_QUERY.add(b'%').add(b'&').add(b'+').add(b'=');

/// The query of a front door that hands it over whole.
pub(crate) fn of_raw(query: &str) -> String {
    utf8_percent_encode(query, NOT_IN_QUERY).to_string()
}

/// The names and values in an event, in its order, which the maps of `lambda_http` do not keep.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Parameters {
    query_string_parameters: Option<Pairs>,
    multi_value_query_string_parameters: Option<Pairs>,
}

impl Parameters {
    /// The query of a REST API, which decodes names and values.
    pub(crate) fn of_decoded(&self) -> Option<String> {
        self.joined(NOT_IN_PAIR)
    }

    /// The query of an ALB, which leaves names and values as its client wrote them.
    pub(crate) fn of_encoded(&self) -> Option<String> {
        self.joined(NOT_IN_QUERY)
    }

    /// Whether each name has a value, as `lambda_http` expects.
    pub(crate) fn have_values(&self) -> bool {
        let all = [
            &self.query_string_parameters,
            &self.multi_value_query_string_parameters,
        ];
        all.into_iter().flatten().all(|pairs| !pairs.has_bare_name)
    }

    fn joined(&self, not_in: &'static AsciiSet) -> Option<String> {
        let all = self.multi_value_query_string_parameters.as_ref();
        // Of each name it has the last value alone.
        let last = self.query_string_parameters.as_ref();
        let filled = |pairs: &&Pairs| !pairs.all.is_empty();
        let pairs = all.filter(filled).or(last.filter(filled))?;
        let encoded = |text| utf8_percent_encode(text, not_in);
        let pairs = pairs.all.iter().map(|(name, value)| {
            // An event does not tell `a` from `a=`.
            format!("{}={}", encoded(name), encoded(value))
        });
        Some(pairs.collect::<Vec<_>>().join("&"))
    }
}

#[derive(Debug)]
struct Pairs {
    all: Vec<(String, String)>,
    has_bare_name: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names and values of a query")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut all = Vec::new();
                let mut has_bare_name = false;
                while let Some((name, values)) = map.next_entry::<String, Values>()? {
                    let values = match values {
                        Values::One(value) => vec![value],
                        Values::Many(values) => values,
                    };
                    has_bare_name |= values.is_empty();
                    all.extend(values.into_iter().map(|value| (name.clone(), value)));
                }
                Ok(Pairs { all, has_bare_name })
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(event: &str) -> Parameters {
        serde_json::from_str(event).unwrap()
    }

    #[test]
    fn a_raw_query_stays_as_far_as_it_can() {
        for (sent, wanted) in [
            (
                "a=1&a=2&b=x%20y%26z&c&d=%zz&e=a+b",
                "a=1&a=2&b=x%20y%26z&c&d=%zz&e=a+b",
            ),
            ("a=\"<>#x y\u{7f}\u{fc}", "a=%22%3C%3E%23x%20y%7F%C3%BC"),
            ("{|}^`\\'", "{|}^`\\'"),
        ] {
            assert_eq!(of_raw(sent), wanted);
            http::uri::PathAndQuery::try_from(format!("/?{wanted}")).unwrap();
        }
    }

    #[test]
    fn pairs_are_in_the_order_of_the_event() {
        let both = parameters(
            r#"{"queryStringParameters": {"z": "2", "a": "x"},
                "multiValueQueryStringParameters": {"z": ["1", "2"], "a": ["x"], "m": [""], "b": ["y"]}}"#,
        );
        assert_eq!(both.of_decoded().unwrap(), "z=1&z=2&a=x&m=&b=y");
        let single = parameters(r#"{"queryStringParameters": {"z": "1,2", "a": "x"}}"#);
        assert_eq!(single.of_encoded().unwrap(), "z=1,2&a=x");
        for none in [
            "{}",
            r#"{"queryStringParameters": null, "multiValueQueryStringParameters": {}}"#,
        ] {
            assert_eq!(parameters(none).of_encoded(), None);
        }
    }

    #[test]
    fn a_pair_is_encoded_if_its_door_has_decoded_it() {
        let decoded = parameters(r##"{"queryStringParameters": {"a b&": "x y=1+1%\"#ü/?"}}"##);
        assert_eq!(
            decoded.of_decoded().unwrap(),
            "a%20b%26=x%20y%3D1%2B1%25%22%23%C3%BC/?"
        );
        let encoded = parameters(r#"{"queryStringParameters": {"a%26": "x%20y+\" #"}}"#);
        assert_eq!(encoded.of_encoded().unwrap(), "a%26=x%20y+%22%20%23");
    }
}
