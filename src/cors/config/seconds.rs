//! A duration as a number of whole seconds, or a text with a unit, such as `"10m"`.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize as _, Serializer};

pub(super) fn serialize<S: Serializer>(
    age: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match age {
        // A policy refuses it, and must not get another age by a way through a file.
        Some(age) if age.subsec_nanos() != 0 => crate::units::duration::serialize(age, serializer),
        age => age.map(|age| age.as_secs()).serialize(serializer),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    deserializer.deserialize_any(SecondsVisitor)
}

struct SecondsVisitor;

impl<'de> Visitor<'de> for SecondsVisitor {
    type Value = Option<Duration>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds, such as 600, or a text with a unit, such as \"600s\" or \"10m\"")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Self::Value, E> {
        Ok(Some(Duration::from_secs(seconds)))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Self::Value, E> {
        let unsigned = u64::try_from(seconds);
        unsigned
            .map(|seconds| Some(Duration::from_secs(seconds)))
            .map_err(|_| E::invalid_value(Unexpected::Signed(seconds), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        crate::units::duration::parse(text)
            .map(Some)
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<Self::Value, D::Error> {
        some.deserialize_any(self)
    }
}
