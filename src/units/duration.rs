//! Durations, which need a unit: `"5s"`, `"1m 30s"`.

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
