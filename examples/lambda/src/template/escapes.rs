//! The one escape of JSON that YAML does not have: a character beyond U+FFFF as a pair of surrogates (RFC 8259 7), as
//! Python's `json.dumps` writes it. YAML writes `\U0001F600`.

use std::borrow::Cow;

/// The text with such pairs as the characters that they are. Lines stay where they are.
pub(super) fn without_pairs(text: &str) -> Cow<'_, str> {
    let is_json = text.trim_start().starts_with('{');
    if !is_json || !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut found = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        found.push_str(before);
        let pair = unit(escape).zip(escape.get(6..).and_then(unit));
        let decoded = pair.and_then(|(high, low)| String::from_utf16(&[high, low]).ok());
        // Two escapes of one unit each, which YAML reads by itself, are two characters.
        let character = decoded.filter(|text| text.chars().count() == 1);
        rest = match character {
            Some(character) => {
                found.push_str(&character);
                &escape[12..]
            }
            None => {
                // A backslash that is escaped begins no escape.
                let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
                found.push_str(&escape[..length]);
                &escape[length..]
            }
        };
    }
    found.push_str(rest);
    Cow::Owned(found)
}

/// The number in `\uXXXX` at the beginning of a text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::without_pairs;
    use crate::template::read;

    #[test]
    fn a_pair_is_one_character_and_all_else_stays() {
        for (text, wanted) in [
            (r#"{"a": "\ud83d\ude00!"}"#, "{\"a\": \"\u{1f600}!\"}"),
            (
                r#" {"\uD83D\uDE00\uD83D\uDE01"}"#,
                " {\"\u{1f600}\u{1f601}\"}",
            ),
            (r#"{"\\ud83d\ude00"}"#, r#"{"\\ud83d\ude00"}"#),
            (r#"{"\ud83d \ude00"}"#, r#"{"\ud83d \ude00"}"#),
            (r#"{"\u00e9\u0041\n"}"#, r#"{"\u00e9\u0041\n"}"#),
            (r#"{"\ud83"#, r#"{"\ud83"#),
            ("{\"\\u\u{e9}\u{e9}\\", "{\"\\u\u{e9}\u{e9}\\"),
            (r"a: '\ud83d\ude00'", r"a: '\ud83d\ude00'"),
        ] {
            assert_eq!(without_pairs(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_template_of_json_dumps_is_read() {
        let template = r#"{
            "Description": "\ud83d\ude00",
            "Resources": {"It": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {
                "CorsConfiguration": {"AllowOrigins": ["https://a.example"]}}}}}"#;
        let blocks = read(template).unwrap();
        assert_eq!(blocks[0].line(), 4);
    }
}
