//! The value of a list-valued setting.

use std::borrow::Borrow;

use http::HeaderValue;

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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AllowList {
    /// `*`
    Any,
    /// These, as they were written; checked when the policy is built.
    Only(Vec<String>),
}

/// A value that the list-valued setters of [`CorsBuilder`](super::CorsBuilder) take: [`Any`], one text or
/// header value, or many of them.
///
/// `Form` only tells the implementations apart, and is always inferred. Methods and header names of the
/// `http` crate are texts.
///
/// ```
/// use http::{HeaderValue, Method, header};
/// use same_origin::cors::CorsPolicy;
///
/// let one = CorsPolicy::builder().allow_origins("https://app.example.com");
/// let value = HeaderValue::from_static("https://app.example.com");
/// assert_eq!(one, CorsPolicy::builder().allow_origins(value));
///
/// let policy = CorsPolicy::builder()
///     .allow_origins(["https://app.example.com", "https://admin.example.com"])
///     .allow_methods([Method::PUT, Method::DELETE])
///     .allow_headers(header::CONTENT_TYPE)
///     .expose_headers((1..=3).map(|i| format!("x-rate-limit-{i}")))
///     .build()?;
/// # Ok::<(), same_origin::cors::PolicyErrors>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of texts",
    note = "write `Any`, one text such as \"https://example.com\", or many such as [\"PUT\", \"DELETE\"]"
)]
pub trait IntoAllowList<Form: ?Sized>: sealed::IntoAllowList<Form> {}

impl<T: sealed::IntoAllowList<Form>, Form: ?Sized> IntoAllowList<Form> for T {}

mod sealed {
    use super::AllowList;

    #[expect(unnameable_types, reason = "sealed: nobody else implements it")]
    pub trait IntoAllowList<Form: ?Sized> {
        fn into_allow_list(self) -> AllowList;
    }
}

impl AllowList {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Only(entries) if entries.is_empty())
    }

    pub(super) fn only<T: AsRef<str>>(entries: impl IntoIterator<Item = T>) -> Self {
        let entries = entries.into_iter();
        Self::Only(entries.map(|entry| entry.as_ref().to_owned()).collect())
    }
}

impl Default for AllowList {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

impl sealed::IntoAllowList<Self> for Any {
    fn into_allow_list(self) -> AllowList {
        AllowList::Any
    }
}

impl sealed::IntoAllowList<Self> for AllowList {
    fn into_allow_list(self) -> AllowList {
        self
    }
}

impl<T: AsRef<str>> sealed::IntoAllowList<String> for T {
    fn into_allow_list(self) -> AllowList {
        AllowList::only([self])
    }
}

impl<I> sealed::IntoAllowList<[String]> for I
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    fn into_allow_list(self) -> AllowList {
        AllowList::only(self)
    }
}

impl<V: Borrow<HeaderValue>> sealed::IntoAllowList<HeaderValue> for V {
    fn into_allow_list(self) -> AllowList {
        AllowList::only([text(self.borrow())])
    }
}

impl<I> sealed::IntoAllowList<[HeaderValue]> for I
where
    I: IntoIterator,
    I::Item: Borrow<HeaderValue>,
{
    fn into_allow_list(self) -> AllowList {
        AllowList::only(self.into_iter().map(|value| text(value.borrow())))
    }
}

/// Bytes that are not text are refused with the policy, as any other entry that is wrong.
fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(feature = "serde")]
mod config {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};
    use serde::ser::{Serialize, Serializer};

    use super::AllowList;

    impl Serialize for AllowList {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Any => serializer.serialize_str("*"),
                Self::Only(entries) => entries.serialize(serializer),
            }
        }
    }

    impl<'de> Deserialize<'de> for AllowList {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(ListVisitor)
        }
    }

    struct ListVisitor;

    impl<'de> Visitor<'de> for ListVisitor {
        type Value = AllowList;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("\"*\" or a list of strings")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<AllowList, E> {
            match text {
                "*" => Ok(AllowList::Any),
                other => Err(E::invalid_value(Unexpected::Str(other), &self)),
            }
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<AllowList, A::Error> {
            let mut list = Vec::new();
            while let Some(entry) = entries.next_element()? {
                list.push(entry);
            }
            Ok(AllowList::Only(list))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderName, Method};

    use super::*;

    fn entries<F: ?Sized>(value: impl IntoAllowList<F>) -> Vec<String> {
        match value.into_allow_list() {
            AllowList::Any => vec![String::from("any")],
            AllowList::Only(entries) => entries,
        }
    }

    #[test]
    fn one_or_many_of_all_that_is_text() {
        let value = HeaderValue::from_static("a");
        let texts = vec![String::from("a"), String::from("b")];
        assert_eq!(entries(Any), ["any"]);
        assert_eq!(entries(AllowList::only(["a"])), ["a"]);
        assert_eq!(entries("a"), ["a"]);
        assert_eq!(entries(String::from("a")), ["a"]);
        assert_eq!(entries(&texts[0]), ["a"]);
        assert_eq!(entries(Arc::<str>::from("a")), ["a"]);
        assert_eq!(entries(Method::PUT), ["PUT"]);
        assert_eq!(entries(HeaderName::from_static("x-a")), ["x-a"]);
        assert_eq!(entries(&value), ["a"]);
        assert_eq!(entries(value.clone()), ["a"]);
        assert_eq!(entries(["a", "b"]), ["a", "b"]);
        assert_eq!(entries(&["a", "b"][..]), ["a", "b"]);
        assert_eq!(entries(&texts), ["a", "b"]);
        assert_eq!(entries(texts), ["a", "b"]);
        assert_eq!(entries((1..3).map(|i| i.to_string())), ["1", "2"]);
        assert_eq!(entries([Method::PUT, Method::DELETE]), ["PUT", "DELETE"]);
        assert_eq!(entries([&value, &value]), ["a", "a"]);
        assert_eq!(entries(vec![value]), ["a"]);
        assert_eq!(entries(HeaderValue::from_static("\"")), ["\""]);
    }
}
