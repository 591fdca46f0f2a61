//! JSON for people who look at it in a terminal: of the characters that steer one, or turn a line round, none is raw.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes a value at the end of a line.
pub fn write(value: &impl Serialize, line: &mut Vec<u8>) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(line, Printable))
}

/// Compact, with the escapes of RFC 8259 7 for what cannot be seen, too; not only for what must have them.
struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        line: &mut W,
        text: &str,
    ) -> io::Result<()> {
        if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return line.write_all(text.as_bytes());
        }
        for character in text.chars() {
            if (' '..='~').contains(&character) || character.escape_debug().len() == 1 {
                write!(line, "{character}")?;
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(line, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_cannot_be_seen_is_escaped() {
        for (text, json) in [
            ("plain \"\\\n", r#""plain \"\\\n""#),
            ("é", "\"é\""),
            ("\u{7f}\u{9b}31m\u{85}", r#""\u007f\u009b31m\u0085""#),
            ("a\u{202e}b", r#""a\u202eb""#),
            ("\u{e0001}", r#""\udb40\udc01""#),
        ] {
            let mut line = Vec::new();
            super::write(&text, &mut line).unwrap();
            assert_eq!(String::from_utf8(line).unwrap(), json);
            let back: String = serde_json::from_str(json).unwrap();
            assert_eq!(back, text);
        }
    }
}
