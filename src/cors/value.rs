//! Field values that are made once and sent often.

use http::HeaderValue;

/// The value of a list of tokens, or of a number.
pub(super) fn ready(text: String) -> HeaderValue {
    let value =
        HeaderValue::try_from(text).expect("tokens, commas and digits can stand in a field");
    // The first clone of a value allocates its counter: let it be this one.
    let _counted = value.clone();
    value
}
