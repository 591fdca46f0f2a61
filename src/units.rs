//! Durations and sizes in configuration: `"5s"`, `"10MiB"`.

/// Durations, which need a unit: `"5s"`, `"1m 30s"`.
pub(crate) mod duration {
    use serde::de::{self, Deserializer, Visitor};
    use serde::ser::Serializer;
    use std::fmt;
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        from.deserialize_any(Text)
    }

    struct Text;

    impl Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration with its unit, such as \"5s\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            humantime::parse_duration(text).map_err(|error| {
                E::custom(format!(
                    "{text:?} is not a duration ({error}); write it like \"5s\" or \"1m 30s\""
                ))
            })
        }
    }
}

/// Sizes in bytes: `"10MB"` is 10^7 of them, `"10MiB"` 10 × 2^20, a bare number counts them.
pub(crate) mod size {
    use serde::de::{self, Deserializer, Visitor};
    use serde::ser::{Serialize, Serializer};
    use std::fmt;
    use std::marker::PhantomData;

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

    pub(crate) fn serialize<S: Serializer, N: Serialize>(
        size: &N,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        size.serialize(to)
    }

    pub(crate) fn deserialize<'de, D, N>(from: D) -> Result<N, D::Error>
    where
        D: Deserializer<'de>,
        N: TryFrom<u64>,
    {
        from.deserialize_any(Bytes(PhantomData))
    }

    /// Sizes that may be absent, or null in a format that has it.
    pub(crate) mod option {
        pub(crate) use super::serialize;
        use serde::de::{Deserialize, Deserializer};

        struct Size<N>(N);

        impl<'de, N: TryFrom<u64>> Deserialize<'de> for Size<N> {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                super::deserialize(from).map(Size)
            }
        }

        pub(crate) fn deserialize<'de, D, N>(from: D) -> Result<Option<N>, D::Error>
        where
            D: Deserializer<'de>,
            N: TryFrom<u64>,
        {
            let size = Option::<Size<N>>::deserialize(from)?;
            Ok(size.map(|Size(size)| size))
        }
    }

    struct Bytes<N>(PhantomData<N>);

    impl<N: TryFrom<u64>> Visitor<'_> for Bytes<N> {
        type Value = N;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a size, such as \"10MB\", \"10MiB\", or a number of bytes")
        }

        fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<N, E> {
            match u64::try_from(bytes) {
                Ok(bytes) => self.visit_u64(bytes),
                Err(_) => Err(E::custom(format!(
                    "{bytes} is less than nothing; write at least 0"
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
                    "{text:?} is not a size; write it like \"10MB\" (10^6 bytes each), \"10MiB\" (2^20), or \
                     as a number of bytes"
                ))),
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
    }
}
