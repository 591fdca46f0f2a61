//! The setting that says how cookies are rewritten.

/// Rewriting of an upstream's cookies to those of the public origin.
///
/// With the feature `serde` it is written as `true`, `false` or `"confine"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieRewrite {
    /// They stay as they are.
    Off,
    /// `Path` is mapped back, and a `Domain` that does not cover the public host is dropped.
    #[default]
    On,
    /// As `On`, and a `Path` that is then not below the prefix becomes the prefix, be it `/` or that of another route: no
    /// page outside of it gets the cookie. Nor does one get a cookie without a `Path` that is set at the bare prefix,
    /// `/api`, for which a browser would take it to be for `/`. `__Host-` cookies keep `Path=/`, without which they are
    /// void.
    Confine,
}

impl From<bool> for CookieRewrite {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

#[cfg(feature = "serde")]
mod written {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
    use serde::ser::{Serialize, Serializer};

    use super::CookieRewrite;

    const CONFINE: &str = "confine";

    impl Serialize for CookieRewrite {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Off => to.serialize_bool(false),
                Self::On => to.serialize_bool(true),
                Self::Confine => to.serialize_str(CONFINE),
            }
        }
    }

    impl<'de> Deserialize<'de> for CookieRewrite {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            from.deserialize_any(SwitchOrWord)
        }
    }

    struct SwitchOrWord;

    impl Visitor<'_> for SwitchOrWord {
        type Value = CookieRewrite;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "true, false or {CONFINE:?}")
        }

        fn visit_bool<E>(self, on: bool) -> Result<CookieRewrite, E> {
            Ok(on.into())
        }

        fn visit_str<E: Error>(self, word: &str) -> Result<CookieRewrite, E> {
            match word {
                CONFINE => Ok(CookieRewrite::Confine),
                other => Err(E::invalid_value(Unexpected::Str(other), &self)),
            }
        }
    }
}
