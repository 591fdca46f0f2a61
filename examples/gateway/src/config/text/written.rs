//! Values of environment variables in messages: the text of the file stands in their place, as they may be secrets.

use same_origin::proxy::_masked_address;

use super::environment::Filled;
use super::problems::{is_below, one_line};

/// Shorter values and parts are not looked for in messages: they are words by chance, and no secrets.
const LEAST: usize = 4;
/// The same, for messages of keys that the value was not put in at.
const LEAST_ELSEWHERE: usize = 8;
/// Words of remedies ("write true or false, without quotes"), and no secrets.
const WORDS: [&str; 2] = ["true", "false"];
/// Two texts that share so many characters are taken to be made of each other.
const RUN: usize = 6;

/// The message of a problem at a key, in terms of what is written in the file.
pub fn as_written(mut message: String, key: &str, texts: &[Filled]) -> String {
    for filled in texts {
        let is_near = is_below(key, &filled.key) || is_below(&filled.key, key);
        let least = if is_near { LEAST } else { LEAST_ELSEWHERE };
        if is_near || filled.text.len() >= least {
            // Addresses are masked before they come here.
            for text in [filled.text.clone(), _masked_address(&filled.text)] {
                let quoted = one_line(&format!("{text:?}"));
                message = message.replace(&quoted, &format!("{:?}", filled.written));
            }
        }
        for (name, value) in &filled.variables {
            // Hosts come back in lower case.
            let lower = value.trim().to_lowercase();
            let stand_in = format!("${{{name}}}");
            // In another case it is not what is written: to advise it would be to advise what is there.
            for (value, stand_in) in [
                (value.as_str(), stand_in.as_str()),
                (value.trim(), &stand_in),
                (&lower, "…"),
            ] {
                let escaped = format!("{value:?}");
                for shown in [one_line(value), one_line(escaped.trim_matches('"'))] {
                    if shown.len() >= least && !WORDS.contains(&shown.as_str()) {
                        message = message.replace(&shown, stand_in);
                    }
                }
            }
            if is_near {
                message = without_parts(&message, &filled.written, value);
            }
        }
    }
    message
}

/// The message without quoted texts that are made of parts of a value, such as a proposal to write the half of it.
fn without_parts(message: &str, written: &str, value: &str) -> String {
    let mut found = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, behind)) = rest.split_once('"') {
        found.push_str(before);
        found.push('"');
        rest = behind;
        let Some(end) = end_of_quoted(behind) else {
            break;
        };
        let (quoted, behind) = behind.split_at(end);
        let is_part = !written.contains(quoted) && share_a_run(quoted, value);
        found.push_str(if is_part { "…" } else { quoted });
        found.push('"');
        rest = &behind[1..];
    }
    found.push_str(rest);
    found
}

/// The end of a quoted text, in which quotes are escaped.
pub(super) fn end_of_quoted(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

/// Whether one text holds a part of the other that is not there by chance. Hosts come back in lower case.
fn share_a_run(quoted: &str, value: &str) -> bool {
    let (quoted, value) = (quoted.to_lowercase(), value.to_lowercase());
    let length = RUN.min(value.len());
    let mut runs = value.as_bytes().windows(length.max(1));
    let holds = |run: &[u8]| quoted.as_bytes().windows(run.len()).any(|part| part == run);
    (length >= LEAST && runs.any(holds)) || (quoted.len() >= LEAST && value.contains(&quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_they_are_written() {
        struct Case {
            name: &'static str,
            key: &'static str,
            value: &'static str,
            message: &'static str,
            shown: &'static str,
        }
        let case = |name, key, value, message, shown| Case {
            name,
            key,
            value,
            message,
            shown,
        };
        for case in [
            case(
                "the whole text",
                "a.b",
                "hunter2",
                "\"Bearer hunter2\" is bad",
                "\"Bearer ${U}\" is bad",
            ),
            case(
                "one of its list",
                "a",
                "hunter2",
                "\"Bearer hunter2\" is bad",
                "\"Bearer ${U}\" is bad",
            ),
            case(
                "a line break",
                "a.b",
                "hunter2\n",
                "\"Bearer hunter2\\n\" is bad",
                "\"Bearer ${U}\" is bad",
            ),
            case(
                "what is proposed",
                "a.b",
                "hunter2\n",
                "write \"hunter2\"",
                "write \"${U}\"",
            ),
            case(
                "in lower case",
                "a.b",
                "Hunter2",
                "(malformed: comhunter2)",
                "(malformed: com…)",
            ),
            case(
                "a part of it",
                "a.b",
                "swordfish*",
                "write \"/swordfish\", or \"x\"",
                "write \"…\", or \"x\"",
            ),
            case(
                "a short part",
                "a.b",
                "pass$word",
                "no \"pass\"",
                "no \"…\"",
            ),
            case(
                "in lower case",
                "a.b",
                "Swordfish*",
                "\"swordfish\"",
                "\"…\"",
            ),
            case(
                "a path",
                "a.b",
                "hunter2",
                "cannot read /x/hunter2/y: gone",
                "cannot read /x/${U}/y: gone",
            ),
            case(
                "an address",
                "a.b",
                "u:hunter2@a/b",
                "\"***@a/b\" is bad",
                "\"Bearer ${U}\" is bad",
            ),
            case(
                "elsewhere, short",
                "c",
                "api",
                "write \"api\"",
                "write \"api\"",
            ),
            case(
                "elsewhere",
                "c",
                "swordfish",
                "write \"/swordfish\"",
                "write \"/${U}\"",
            ),
            case(
                "a quote",
                "a.b",
                "x\"hunter2",
                "\"Bearer x\\\"hunter2\" is \"bad\"",
                "\"Bearer ${U}\" is \"bad\"",
            ),
            case(
                "nothing of it",
                "a.b",
                "hunter2",
                "write \"30s\"",
                "write \"30s\"",
            ),
            case(
                "the word that is to be written",
                "a.b",
                "true",
                "\"Bearer true\" does not fit; write true or false",
                "\"Bearer ${U}\" does not fit; write true or false",
            ),
            case("empty", "a.b", "", "write \"30s\"", "write \"30s\""),
            case(
                "no end of a quotation",
                "a.b",
                "hunter2",
                "the \" sign",
                "the \" sign",
            ),
        ] {
            let filled = Filled {
                key: "a.b".to_owned(),
                written: "Bearer ${U}".to_owned(),
                text: format!("Bearer {}", case.value),
                marked: String::new(),
                variables: vec![("U".to_owned(), case.value.to_owned())],
            };
            let shown = as_written(case.message.to_owned(), case.key, &[filled]);
            assert_eq!(shown, case.shown, "{}", case.name);
        }
    }
}
