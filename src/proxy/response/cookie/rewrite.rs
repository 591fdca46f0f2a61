//! The setting that says how cookies are rewritten.

/// Rewriting of an upstream's cookies to those of the public origin.
///
/// With the feature `serde` it is written as `true`, `false` or `"confine"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Written", into = "Written"))]
#[non_exhaustive]
pub enum CookieRewrite {
    /// They stay as they are.
    Off,
    /// `Path` is mapped back, and a `Domain` that does not cover the public host is dropped.
    #[default]
    On,
    /// As `On`, and `Path=/` becomes the prefix, as any path above the upstream's base does: no page outside of it gets
    /// the cookie. Nor does one get a cookie without a `Path` that is set at the bare prefix, `/api`, for which a browser
    /// would take it to be for `/`.
    Confine,
}

impl From<bool> for CookieRewrite {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

/// A [`CookieRewrite`] in a configuration.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged, expecting = "true, false or \"confine\"")]
enum Written {
    Switch(bool),
    Word(Word),
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Confine,
}

#[cfg(feature = "serde")]
impl From<Written> for CookieRewrite {
    fn from(written: Written) -> Self {
        match written {
            Written::Switch(on) => on.into(),
            Written::Word(Word::Confine) => Self::Confine,
        }
    }
}

#[cfg(feature = "serde")]
impl From<CookieRewrite> for Written {
    fn from(rewrite: CookieRewrite) -> Self {
        match rewrite {
            CookieRewrite::Off => Self::Switch(false),
            CookieRewrite::On => Self::Switch(true),
            CookieRewrite::Confine => Self::Word(Word::Confine),
        }
    }
}
