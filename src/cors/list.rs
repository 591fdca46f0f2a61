//! What a list-valued setting takes.

/// Everything: `*` in the standard, `"*"` in a configuration file.
///
/// ```
/// use same_origin::cors::{Any, CorsPolicy};
///
/// let public = CorsPolicy::builder().allow_origins(Any).build()?;
/// # Ok::<(), same_origin::cors::PolicyErrors>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a name for one value")]
pub struct Any;

/// The value of a setting that is [`Any`], or entries that are named one by one.
///
/// Setters take it as `impl Into<List>`, which [`Any`] and every collection of texts are; methods and
/// header names of the `http` crate are texts, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum List {
    /// `*`
    Any,
    /// These, as they were written; checked when the policy is built.
    Only(Vec<String>),
}

impl List {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Only(entries) if entries.is_empty())
    }
}

impl Default for List {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

impl From<Any> for List {
    fn from(_: Any) -> Self {
        Self::Any
    }
}

impl<I> From<I> for List
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    fn from(entries: I) -> Self {
        Self::Only(
            entries
                .into_iter()
                .map(|entry| entry.as_ref().to_owned())
                .collect(),
        )
    }
}

#[cfg(feature = "serde")]
mod config {
    use super::List;
    use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};
    use serde::ser::{Serialize, Serializer};
    use std::fmt;

    impl Serialize for List {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Any => serializer.serialize_str("*"),
                Self::Only(entries) => entries.serialize(serializer),
            }
        }
    }

    impl<'de> Deserialize<'de> for List {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(ListVisitor)
        }
    }

    struct ListVisitor;

    impl<'de> Visitor<'de> for ListVisitor {
        type Value = List;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("\"*\" or a list of strings")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<List, E> {
            match text {
                "*" => Ok(List::Any),
                other => Err(E::invalid_value(Unexpected::Str(other), &self)),
            }
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<List, A::Error> {
            let mut list = Vec::new();
            while let Some(entry) = entries.next_element()? {
                list.push(entry);
            }
            Ok(List::Only(list))
        }
    }
}
