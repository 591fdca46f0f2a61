//! A peer's bytes as they can be shown to people: escaped, and cut where they are long.

use std::fmt;

/// The beginning of a value, in quotes.
pub(crate) struct Excerpt<'a>(pub(crate) &'a [u8]);

const SHOWN: usize = 128;

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        let cut = if shown.len() < self.0.len() {
            "…"
        } else {
            ""
        };
        write!(f, "\"{}\"{cut}", shown.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_the_quotes() {
        assert_eq!(Excerpt(b"a\"b\r\n\xff").to_string(), r#""a\"b\r\n\xff""#);
        assert_eq!(
            Excerpt(&[b'a'; 200]).to_string(),
            format!("\"{}\"…", "a".repeat(SHOWN))
        );
    }
}
