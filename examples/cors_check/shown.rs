//! Texts of servers, as they may stand on a terminal.

/// A text in which whatever a terminal would obey, or show as nothing or in another order, is written as `\u{9b}`.
pub fn shown(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match is_unseen(char) {
            true => plain.extend(char.escape_unicode()),
            false => plain.push(char),
        }
    }
    plain
}

/// The same for JSON, which stays what it was to programs. Its own line breaks are the only such characters outside
/// of strings.
pub fn shown_json(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for char in json.chars() {
        if char == '\n' || !is_unseen(char) {
            plain.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            plain += &format!("\\u{unit:04x}");
        }
    }
    plain
}

/// Unicode's control characters, and those of its format characters and separators that a terminal does not show.
fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_terminal_obeys_nothing() {
        for (text, plain) in [
            (
                "https://a.example, \u{e9} \u{65e5}",
                "https://a.example, \u{e9} \u{65e5}",
            ),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\x1b[2J\r\n\x07", "\\u{1b}[2J\\u{d}\\u{a}\\u{7}"),
            ("\u{202e}https://evil", "\\u{202e}https://evil"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
        ] {
            assert_eq!(shown(text), plain);
        }
    }

    #[test]
    fn json_stays_the_same_to_programs() {
        let value = json!({ "a": "\u{9b}31m \u{202e} \u{e0041} \x1b \u{e9}", "b": [1] });
        let plain = shown_json(&format!("{value:#}"));
        assert!(plain.chars().all(|char| char == '\n' || !is_unseen(char)));
        assert!(
            plain.contains("\\u009b31m \\u202e \\udb40\\udc41 \\u001b \u{e9}"),
            "{plain}"
        );
        assert_eq!(plain.parse::<Value>().unwrap(), value);
    }
}
