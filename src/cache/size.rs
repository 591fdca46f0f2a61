//! Sizes in configuration: `"64MB"`, `"10MiB"`, `1024`.

use serde::{Deserializer, Serializer, de};
use std::fmt;

const UNITS: [(&str, u64); 7] = [
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

/// A number of bytes, with a unit or without.
fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let (number, unit) = text.split_at(text.len() - digits.len());
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        return Some(number);
    }
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*bytes)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
pub(super) fn serialize<S: Serializer>(size: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(*size)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    from.deserialize_any(Size)
}

struct Size;

impl de::Visitor<'_> for Size {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size like \"64MB\" or \"10MiB\", or a number of bytes")
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<u64, E> {
        Ok(bytes)
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<u64, E> {
        u64::try_from(bytes).map_err(|_| {
            E::custom(format!(
                "{bytes} is not a size; write a number of bytes that is not negative"
            ))
        })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        parse(text).ok_or_else(|| {
            E::custom(format!(
                "{text:?} is not a size; write it like \"64MB\" or \"10MiB\" (B, KB, MB, GB by 1000, KiB, MiB, GiB by 1024)"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn units_are_of_1000_or_1024_as_they_say() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1024", Some(1024)),
            ("7B", Some(7)),
            ("64MB", Some(64_000_000)),
            ("64 MB", Some(64_000_000)),
            ("10MiB", Some(10_485_760)),
            ("1GiB", Some(1_073_741_824)),
            ("2KB", Some(2000)),
            ("2KiB", Some(2048)),
            ("", None),
            ("MB", None),
            ("64M", None),
            ("64mb", None),
            ("-1", None),
            ("1.5MB", None),
            ("99999999999GB", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
