//! Durations, sizes and addresses in configuration: `"5s"`, `"10MiB"`, `"10.0.0.0/8"`.

/// Durations, which need a unit: `"5s"`, `"1m 30s"`.
pub(crate) mod duration {
    use std::fmt;
    use std::time::Duration;

    use serde::de::{self, Deserializer, Visitor};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        from.deserialize_any(Text)
    }

    /// A duration, or the reason why a text is none. The `M` of humantime is a month, and whoever writes it may mean
    /// minutes: a timeout would never be seen.
    ///
    /// For the gateway, too, and not part of the API.
    #[doc(hidden)]
    #[cfg_attr(
        not(feature = "proxy"),
        allow(unreachable_pub, reason = "public by way of the proxy")
    )]
    pub fn parse(text: &str) -> Result<Duration, String> {
        let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
        let mut units = text.split(|c: char| !c.is_ascii_alphabetic());
        if units.any(|unit| unit == "M") {
            return Err(
                "\"M\" may be read as minutes or months, which are \"m\" and \"months\"".to_owned(),
            );
        }
        Ok(duration)
    }

    struct Text;

    impl Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration with its unit, such as \"5s\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            parse(text).map_err(|error| {
                E::custom(format!(
                    "{text:?} is not a duration ({error}); write it like \"5s\" or \"1m 30s\""
                ))
            })
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_month_is_not_written_like_a_minute() {
            for (text, seconds) in [
                ("10m", Some(600)),
                ("1m 30s", Some(90)),
                ("1month", Some(2_630_016)),
                ("2months", Some(5_260_032)),
                ("10M", None),
                ("1M 5s", None),
                ("1h2M", None),
                ("10", None),
                ("", None),
            ] {
                let duration = parse(text).map(|duration| duration.as_secs());
                assert_eq!(duration.ok(), seconds, "{text}");
            }
        }
    }
}

/// Sizes in bytes: `"10MB"` is 10^7 of them, `"10MiB"` 10 × 2^20, a bare number counts them.
pub(crate) mod size {
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
}

/// Lists of texts that are parsed each by itself, so that a mistake has an index.
#[cfg(feature = "proxy")]
mod parsed {
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
}

/// Lists of networks: `"10.0.0.0/8"`.
#[cfg(feature = "proxy")]
pub(crate) mod networks {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use serde::de::Deserializer;

    use super::parsed::{self, Entry};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
        parsed::deserialize(from)
    }

    impl Entry for IpNet {
        const FORM: &'static str = "a network, such as \"10.0.0.0/8\"";

        fn remedy(text: &str) -> String {
            match text.parse::<IpAddr>() {
                Ok(ip) => format!("is not a network; write \"{}\"", Self::from(ip)),
                Err(_) => {
                    "is not a network; write one like \"10.0.0.0/8\" or \"fd00::/8\"".to_owned()
                }
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_address_is_a_network_of_its_own() {
            for (text, remedy) in [
                ("10.0.0.1", "is not a network; write \"10.0.0.1/32\""),
                ("::1", "is not a network; write \"::1/128\""),
                ("10.0.0.0/33", "is not a network; write one like"),
                ("a.example", "is not a network; write one like"),
                ("", "is not a network; write one like"),
            ] {
                let found = IpNet::remedy(text);
                assert!(found.starts_with(remedy), "{text}: {found}");
            }
        }
    }
}

/// Lists of servers: `"1.1.1.1:53"`.
#[cfg(feature = "dns")]
pub(crate) mod servers {
    use std::net::{IpAddr, SocketAddr};

    use serde::de::Deserializer;

    use super::parsed::{self, Entry};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<SocketAddr>, D::Error> {
        parsed::deserialize(from)
    }

    impl Entry for SocketAddr {
        const FORM: &'static str = "an address with a port, such as \"1.1.1.1:53\"";

        fn remedy(text: &str) -> String {
            match text.parse::<IpAddr>() {
                Ok(ip) => format!("has no port; write \"{}\"", Self::new(ip, 53)),
                Err(_) => "is not an address with a port; write one like \"1.1.1.1:53\"".to_owned(),
            }
        }
    }
}
