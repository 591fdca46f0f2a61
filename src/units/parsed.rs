//! Lists of texts that are parsed each by itself, so that a mistake has an index.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A type of the entries of a list.
pub(super) trait Entry: FromStr {
    /// The form of an entry, as the end of "expected …".
    const FORM: &'static str;

    /// The text to write instead of one that does not parse: "not a network; write …".
    fn remedy(text: &str) -> String;
}

pub(super) fn deserialize<'de, D: Deserializer<'de>, T: Entry>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::<Parsed<T>>::deserialize(from)?;
    Ok(list.into_iter().map(|Parsed(entry)| entry).collect())
}

struct Parsed<T>(T);

impl<'de, T: Entry> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text(PhantomData)).map(Self)
    }
}

struct Text<T>(PhantomData<T>);

impl<T: Entry> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::FORM)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        let mistake = |_| E::custom(format!("{text:?} {}", T::remedy(text)));
        text.parse().map_err(mistake)
    }
}
