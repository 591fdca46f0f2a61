//! Durations in configuration: `"5s"`, `"1m 30s"`.

use serde::{Deserialize, Deserializer, Serializer, de};
use std::borrow::Cow;
use std::time::Duration;

pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&humantime::format_duration(*duration))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    humantime::parse_duration(&text).map_err(|error| {
        de::Error::custom(format!(
            "{text:?} is not a duration ({error}); write it like \"5s\" or \"1m 30s\""
        ))
    })
}
