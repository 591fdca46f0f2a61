//! The one shape of mistakes in settings: where, which value, what kind, and what to write instead.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::{slice, vec};

/// All mistakes in the settings of something, in the order of the settings; at least one.
///
/// `K` is the kind of a mistake: each half of the crate has kinds of its own, and a name for this type with
/// them, such as [`PolicyErrors`](crate::cors::PolicyErrors).
///
/// Displays one line for each: `key[index]: "value" reason: remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct ConfigErrors<K>(Vec<ConfigError<K>>);

/// One mistake in a setting: the key, the value, the kind, and what to write instead.
///
/// Displays value, reason and remedy in one line, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ConfigError<K> {
    key: Cow<'static, str>,
    index: Option<usize>,
    value: Option<String>,
    kind: K,
    remedy: Cow<'static, str>,
}

/// A setting that is legal but probably unintended.
///
/// Displays value, reason and remedy in one line, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ConfigWarning<K> {
    key: &'static str,
    value: String,
    kind: K,
    remedy: &'static str,
}

impl<K> ConfigErrors<K> {
    /// An error if there is anything in the list.
    ///
    /// Not a `From`, which would be public and take an empty list.
    pub(crate) fn into_result(errors: Vec<ConfigError<K>>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// With one more, of a setting that comes after the others.
    #[cfg(feature = "origin-source")]
    pub(crate) fn and(mut self, error: ConfigError<K>) -> Self {
        self.0.push(error);
        self
    }

    /// The errors, in the order of the settings.
    pub fn iter(&self) -> slice::Iter<'_, ConfigError<K>> {
        self.0.iter()
    }
}

/// A name in a key: in quotes where it is not a bare key of TOML, so that it is one step of the key and stays on its
/// line. A file may hold any, and messages go to logs.
///
/// For the gateway, too, and not part of the API.
#[cfg(feature = "proxy")]
#[doc(hidden)]
#[must_use]
pub fn _key_name(name: &str) -> Cow<'_, str> {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.bytes().all(is_bare) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("{name:?}"))
    }
}

/// An address as it can be shown: its user information and all that begins with a query or a fragment are masked,
/// as they may be secrets.
///
/// The text is wrong already, so that it is not taken for what it should be: a password that holds a slash is one,
/// too. An `@` in a path, as in `http://a.example/@scope`, does not end user information.
pub(crate) fn masked_address(text: &str) -> String {
    const MASK: &str = "***";
    // RFC 3986 3.1.
    let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let (scheme, rest) = match text.find("://") {
        Some(end) if text[..end].bytes().all(is_of_scheme) => text.split_at(end + 3),
        _ => ("", text),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    // A text before `://` in the rest is a scheme, and not a host with an empty port.
    let is_scheme = authority.ends_with(':') && rest[authority.len()..].starts_with("//");
    let is_host = !scheme.is_empty()
        && last_at(authority).is_none()
        && !is_scheme
        && (authority.ends_with(']') || port.bytes().all(|byte| byte.is_ascii_digit()));
    let user = last_at(rest).filter(|_| !is_host);
    let behind = &rest[user.unwrap_or_default()..];
    let shown = behind.find(['?', '#']).map(|end| &behind[..=end]);
    format!(
        "{scheme}{}{}{}",
        user.map_or("", |_| MASK),
        shown.unwrap_or(behind),
        shown.map_or("", |_| MASK)
    )
}

/// The last `@` of a text, also where it is encoded or full-width: no host has one, and what stands before it may be
/// a password.
fn last_at(text: &str) -> Option<usize> {
    let spellings = ["@", "%40", "\u{ff20}", "\u{fe6b}"];
    spellings.iter().filter_map(|at| text.rfind(at)).max()
}

/// The remedy for an entry of a list in which several stand, as [`parts`] reads them.
pub(crate) fn as_entries(
    entry: &str,
    separators: &[char],
    read: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    parts(entry, separators, read).map(|parts| each_alone(&parts))
}

/// The advice to write each part as an entry.
pub(crate) fn each_alone(parts: &[String]) -> String {
    let quoted: Vec<_> = parts.iter().map(|part| format!("{part:?}")).collect();
    format!("write {}, each as an entry of its own", quoted.join(", "))
}

/// The parts of an entry in which several stand. `read` gives a part as it is to be written; unless it does so for
/// each, this is not what was meant.
pub(crate) fn parts(
    entry: &str,
    separators: &[char],
    read: impl Fn(&str) -> Option<String>,
) -> Option<Vec<String>> {
    // A password may hold anything.
    if entry.contains('@') {
        return None;
    }
    let parts = entry.split(separators).map(|part| {
        let part = part.trim();
        part.trim_matches(['"', '\''])
    });
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    // `read` may ask for the parts of a part.
    if parts.len() < 2 {
        return None;
    }
    parts.into_iter().map(read).collect()
}

impl<K> From<ConfigError<K>> for ConfigErrors<K> {
    fn from(error: ConfigError<K>) -> Self {
        Self(vec![error])
    }
}

impl<K> ConfigError<K> {
    pub(crate) fn new(
        key: impl Into<Cow<'static, str>>,
        kind: K,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            key: key.into(),
            index: None,
            value: None,
            kind,
            remedy: remedy.into(),
        }
    }

    /// With the offending value.
    pub(crate) fn value_at(
        mut self,
        index: impl Into<Option<usize>>,
        value: impl Into<String>,
    ) -> Self {
        self.index = index.into();
        self.value = Some(value.into());
        self
    }

    /// With the offending value, which is an address of a server: what may be secret in it is masked.
    pub(crate) fn address_at(self, index: impl Into<Option<usize>>, value: &str) -> Self {
        self.value_at(index, masked_address(value))
    }

    /// The setting, by the name of its setter, which is also its key in a configuration file:
    /// `allow_origins`, `timeouts.connect`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The place in the list, from 0, where the setting is a list.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The offending value as it was written, but for the user information and the query of an address, which
    /// may be secrets: `***` stands for them. `None` where something is missing, a switch is on, two settings
    /// contradict each other, or the value is that of a request's field, which may be a key.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The text to write instead, or another way out.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl<K: Copy> ConfigError<K> {
    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> K {
        self.kind
    }
}

impl<K> ConfigWarning<K> {
    pub(crate) fn new(
        key: &'static str,
        value: impl Into<String>,
        kind: K,
        remedy: &'static str,
    ) -> Self {
        Self {
            key,
            value: value.into(),
            kind,
            remedy,
        }
    }

    /// The setting, by the name of its setter, which is also its key in a configuration file.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The value as it was written.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The change that mends it, if it is not intended.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.remedy
    }
}

impl<K: Copy> ConfigWarning<K> {
    /// The kind of the warning.
    #[must_use]
    pub fn kind(&self) -> K {
        self.kind
    }
}

impl<K: fmt::Display> fmt::Display for ConfigErrors<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.iter().enumerate() {
            let line_break = if i == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}", error.key)?;
            if let Some(index) = error.index {
                write!(f, "[{index}]")?;
            }
            write!(f, ": {error}")?;
        }
        Ok(())
    }
}

impl<K: fmt::Display> fmt::Display for ConfigError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = &self.value {
            // Quoted and escaped: the fault may be a line break or a blank.
            write!(f, "{value:?} ")?;
        }
        write!(f, "{}: {}", self.kind, self.remedy)
    }
}

impl<K: fmt::Display> fmt::Display for ConfigWarning<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.value, self.kind, self.remedy)
    }
}

impl<K: fmt::Debug + fmt::Display> Error for ConfigErrors<K> {}

impl<K: fmt::Debug + fmt::Display> Error for ConfigError<K> {}

impl<'a, K> IntoIterator for &'a ConfigErrors<K> {
    type Item = &'a ConfigError<K>;
    type IntoIter = slice::Iter<'a, ConfigError<K>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K> IntoIterator for ConfigErrors<K> {
    type Item = ConfigError<K>;
    type IntoIter = vec::IntoIter<ConfigError<K>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_addresses_are_masked() {
        for (text, masked) in [
            ("http://a.example/x", "http://a.example/x"),
            ("http://a.example/@scope/x", "http://a.example/@scope/x"),
            ("http://[::1]/@scope", "http://[::1]/@scope"),
            ("http://user:pw@a.example/x", "http://***@a.example/x"),
            ("http://pw@a.example", "http://***@a.example"),
            ("user:pw@a.example", "***@a.example"),
            ("http:/user:pw@a.example", "***@a.example"),
            ("user:pw@http://a.example", "***@http://a.example"),
            ("a.example?to=http://pw", "a.example?***"),
            ("http://https://user:pw@a.example", "http://***@a.example"),
            ("http://a.example//x", "http://a.example//x"),
            ("http://a.example//x@y", "http://a.example//x@y"),
            ("user:pw://x@a.example", "***@a.example"),
            ("http://user:p/w@a.example", "http://***@a.example"),
            ("http://user:p?w@a.example?x", "http://***@a.example?***"),
            ("http://user:p@w@a.example", "http://***@a.example"),
            ("http://user:pw%40a.example", "http://***%40a.example"),
            ("http://pw%40a.example:80/x", "http://***%40a.example:80/x"),
            (
                "http://user:pw\u{ff20}a.example",
                "http://***\u{ff20}a.example",
            ),
            ("http://user:pw@b%40a.example", "http://***%40a.example"),
            ("http://a.example/x%40y", "http://a.example/x%40y"),
            ("http://a.example?token=pw", "http://a.example?***"),
            ("http://a.example/x#pw", "http://a.example/x#***"),
            ("http://a.example?to=u@b", "http://a.example?***"),
            ("a.example?pw", "a.example?***"),
            ("", ""),
        ] {
            assert_eq!(masked_address(text), masked, "{text}");
        }
    }
}
