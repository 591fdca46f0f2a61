//! From text to a table. A number that is too long for TOML's readers ends their work: here it is a problem at its key,
//! and the rest is read.

use toml::Table;
use toml::de::Error;

use super::environment::Failed;
use super::place::Source;
use super::problems::Problems;

/// A file's table.
pub struct Parsed {
    pub table: Table,
    /// Numbers that do not fit. In the table they are 1.
    pub failed: Vec<Failed>,
    pub problems: Problems,
}

/// The most numbers that are looked past: each has the text read again.
const MOST: usize = 20;

/// # Errors
///
/// The first fault after which the rest cannot be read.
pub fn parse(text: &str, source: &Source<'_>) -> Result<Parsed, Error> {
    let mut text = text.to_owned();
    let (mut failed, mut problems) = (Vec::new(), Problems::default());
    loop {
        let error = match text.parse() {
            Ok(table) => {
                return Ok(Parsed {
                    table,
                    failed,
                    problems,
                });
            }
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        let number = text.get(span.clone()).filter(|text| is_number(text));
        let (Some(number), Some(key), ..MOST) = (number, source.key_at(span.start), failed.len())
        else {
            return Err(error);
        };
        let written = number.to_owned();
        problems.push(
            &*key,
            format!("{written} does not fit; write a smaller number"),
        );
        failed.push(Failed { key, written });
        // As long as before, so that what comes behind it keeps its place.
        text.replace_range(span.clone(), &format!("{:<1$}", 1, span.len()));
    }
}

/// Whether a text is a number as TOML writes it, so that nothing but its size can be wrong with it.
fn is_number(text: &str) -> bool {
    let is_beyond = |number: f64| number.is_infinite();
    if text.contains('.') || text.contains(['e', 'E']) && !text.starts_with("0x") {
        return text.replace('_', "").parse().is_ok_and(is_beyond);
    }
    let number = text.trim_start_matches(['+', '-']);
    let radix = match number.get(..2) {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    let digits = if radix == 10 { number } else { &number[2..] };
    let is_padded = radix == 10 && digits.starts_with('0');
    !digits.is_empty() && !is_padded && digits.chars().all(|c| c == '_' || c.is_digit(radix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_too_long_are_problems_at_their_keys() {
        let text = "workers = 0xffffffffffffffffffffffffffffffffffff\n[[routes]]\nlimits = { a = [1, -99999999999999999999], b = 2 }\n";
        let parsed = parse(text, &Source::new("gateway.toml", text)).unwrap();
        let lines: Vec<_> = parsed.problems.lines().collect();
        assert_eq!(
            lines,
            [
                "routes[0].limits.a[1]: -99999999999999999999 does not fit; write a smaller number",
                "workers: 0xffffffffffffffffffffffffffffffffffff does not fit; write a smaller number",
            ]
        );
        assert_eq!(parsed.failed.len(), 2);
        assert_eq!(parsed.table["workers"].as_integer(), Some(1));
        assert_eq!(
            parsed.table["routes"][0]["limits"]["b"].as_integer(),
            Some(2)
        );
    }

    #[test]
    fn so_are_floats() {
        let text = "[[routes]]\nlimits = { client_share = 1e999, b = 2 }\n";
        let parsed = parse(text, &Source::new("gateway.toml", text)).unwrap();
        let lines: Vec<_> = parsed.problems.lines().collect();
        assert_eq!(
            lines,
            ["routes[0].limits.client_share: 1e999 does not fit; write a smaller number"]
        );
    }

    #[test]
    fn what_is_not_toml_is_an_error() {
        for text in [
            "a = ",
            "a = 1\na = 2",
            "a = 0x",
            "a = 99999999999999999999z",
            "a = 00",
        ] {
            assert!(
                parse(text, &Source::new("gateway.toml", text)).is_err(),
                "{text}"
            );
        }
    }
}
