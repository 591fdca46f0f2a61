//! Sizes in bytes: `"10MB"` is 10^7 of them, `"10MiB"` 10 × 2^20, a bare number counts them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

const UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("kB", 1_000),
    ("B", 1),
];

pub(crate) fn serialize<S: Serializer, N: Serialize>(size: &N, to: S) -> Result<S::Ok, S::Error> {
    size.serialize(to)
}

pub(crate) fn deserialize<'de, D, N>(from: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64>,
{
    from.deserialize_any(Bytes(1, PhantomData))
}

/// Sizes of heads, which may not be as small as others.
#[cfg(feature = "proxy")]
pub(crate) mod head {
    use std::marker::PhantomData;

    use serde::de::Deserializer;

    pub(crate) use super::serialize;
    use crate::proxy::config::bounds::LEAST_HEAD;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        from.deserialize_any(super::Bytes(LEAST_HEAD.into(), PhantomData))
    }
}

/// Sizes that may be absent, or null in a format that has it.
#[cfg(feature = "proxy")]
pub(crate) mod option {
    use serde::de::{Deserialize, Deserializer};

    pub(crate) use super::serialize;

    struct Size<N>(N);

    impl<'de, N: TryFrom<u64>> Deserialize<'de> for Size<N> {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            super::deserialize(from).map(Size)
        }
    }

    /// A size in a table of somebody else's, in the forms of this crate. For the gateway, and not part of the API.
    ///
    /// # Errors
    ///
    /// The value is not a size, or too large.
    #[doc(hidden)]
    pub fn deserialize<'de, D, N>(from: D) -> Result<Option<N>, D::Error>
    where
        D: Deserializer<'de>,
        N: TryFrom<u64>,
    {
        let size = Option::<Size<N>>::deserialize(from)?;
        Ok(size.map(|Size(size)| size))
    }
}

/// A reader of sizes that advises none below the least one.
struct Bytes<N>(u64, PhantomData<N>);

impl<N: TryFrom<u64>> Visitor<'_> for Bytes<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size, such as \"10MB\", \"10MiB\", or a number of bytes")
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<N, E> {
        match u64::try_from(bytes) {
            Ok(bytes) => self.visit_u64(bytes),
            Err(_) => Err(E::custom(format!(
                "{bytes} is not a size; write a number above 0, or text like \"10MiB\""
            ))),
        }
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<N, E> {
        let too_large = |_| E::custom(format!("{bytes} bytes is too large; write less"));
        N::try_from(bytes).map_err(too_large)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<N, E> {
        match parse(text) {
            Some(bytes) => self.visit_u64(bytes),
            None => Err(E::custom(format!(
                "{text:?} is not a size; {}",
                remedy(text, self.0)
            ))),
        }
    }
}

/// What is meant by the `64K` and the `10mb` of other programs, in both of the ways in which they mean it, as far as
/// it is not less than may be.
fn remedy(text: &str, least: u64) -> String {
    let text = text.trim();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &text[..text.len() - unit.len()];
    let unit = unit.trim_start().to_ascii_uppercase();
    let is_usual = matches!(
        unit.trim_end_matches('B').trim_end_matches('I'),
        "K" | "M" | "G" | "T"
    );
    // No more than a number of TOML.
    let is_number = number.parse::<i64>().is_ok();
    let by = |end: &str| {
        let text = format!("{number}{}{end}", unit.get(..1).unwrap_or_default());
        let fits = parse(&text).is_some_and(|bytes| bytes >= least);
        (fits && is_number && (is_usual || unit.is_empty())).then_some(text)
    };
    match (by("iB"), by("B")) {
        (Some(binary), Some(decimal)) => {
            format!("write {binary:?} (by 1024), or {decimal:?} (by 1000)")
        }
        (Some(only), None) | (None, Some(only)) => format!("write {only:?}"),
        (None, None) => {
            "write it like \"10MB\" (by 1000), \"10MiB\" (by 1024), or as a number of bytes"
                .to_owned()
        }
    }
}

fn parse(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        for (text, want) in [
            ("0B", Some(0)),
            ("512B", Some(512)),
            ("10MB", Some(10_000_000)),
            ("10MiB", Some(10_485_760)),
            ("10 MiB", Some(10_485_760)),
            ("64KiB", Some(65_536)),
            ("64kB", Some(64_000)),
            ("64KB", Some(64_000)),
            ("2TiB", Some(2 << 40)),
            ("", None),
            ("10", None),
            ("10M", None),
            ("10m", None),
            ("10mb", None),
            ("MB", None),
            ("1.5MB", None),
            ("-1MB", None),
            ("10  MB", None),
            ("99999999999TB", None),
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_advised_is_a_size() {
        for (text, words) in [
            ("64K", "write \"64KiB\" (by 1024), or \"64KB\" (by 1000)"),
            ("10 mb", "write \"10MiB\""),
            ("1GI", "write \"1GiB\""),
            ("0", "write it like"),
            ("9223372036854775808", "write it like"),
            (" 7 ", "write \"7B\""),
            ("1.5MB", "write it like \"10MB\""),
            ("64 apples", "write it like"),
            ("99999999T", "write it like"),
            ("5b", "write it like"),
            ("K", "write it like"),
            ("", "write it like"),
        ] {
            let told = remedy(text, 1);
            assert!(told.starts_with(words), "{text}: {told}");
            let quoted = told.split('"').skip(1).step_by(2);
            quoted.for_each(|text| assert!(parse(text).is_some(), "{text}"));
        }
        for (text, words) in [
            ("1K", "write \"1KiB\""),
            ("2k", "write \"2KiB\" (by 1024), or \"2KB\" (by 1000)"),
            ("1023", "write it like"),
            ("1024", "write \"1024B\""),
        ] {
            let told = remedy(text, 1024);
            assert!(told.starts_with(words), "{text}: {told}");
        }
        assert_eq!(remedy("1K", 1024), "write \"1KiB\"");
    }
}
