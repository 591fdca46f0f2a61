//! URL references, resolved as browsers do where the URL library does not.

use url::{ParseError, Url};

/// URL #concept-basic-url-parser with a base.
///
/// Of `///host` the library says that the host is empty; the standard's "special authority ignore slashes
/// state" passes over any further slash. The library does so too behind a scheme, so one is put there.
pub(crate) fn resolve(base: &Url, reference: &str) -> Result<Url, ParseError> {
    let ignored = |letter: char| letter <= ' ';
    let reference = reference.trim_start_matches(ignored);
    // URL #concept-basic-url-parser steps 2 and 3: tabs and newlines are not there.
    let mut letters = reference
        .chars()
        .filter(|letter| !matches!(letter, '\t' | '\n' | '\r'));
    let has_host = letters.next() == Some('/') && letters.next() == Some('/');
    match base.scheme() {
        scheme @ ("http" | "https") if has_host => Url::parse(&format!("{scheme}:{reference}")),
        _ => base.join(reference),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        const CASES: &[(&str, Option<&str>)] = &[
            ("x", Some("https://app.test:8443/a/x")),
            ("/x", Some("https://app.test:8443/x")),
            ("//api.test/x", Some("https://api.test/x")),
            ("///api.test/x", Some("https://api.test/x")),
            ("////api.test/x", Some("https://api.test/x")),
            (" /\t//api.test/x", Some("https://api.test/x")),
            ("//\\api.test/x", Some("https://api.test/x")),
            ("/\\/api.test/x", Some("https://api.test/x")),
            ("\\\\\\api.test/x", Some("https://api.test/x")),
            ("https:///api.test/x", Some("https://api.test/x")),
            ("///", None),
            ("", Some("https://app.test:8443/a/b?c")),
        ];
        let base = Url::parse("https://app.test:8443/a/b?c").unwrap();
        for (reference, expected) in CASES {
            let resolved = resolve(&base, reference).ok();
            assert_eq!(
                resolved.as_ref().map(Url::as_str),
                *expected,
                "{reference:?}"
            );
        }
        let app = Url::parse("tauri://localhost/a").unwrap();
        assert_eq!(resolve(&app, "x").unwrap().as_str(), "tauri://localhost/x");
    }
}
