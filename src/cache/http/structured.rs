//! Dictionaries of structured fields (RFC 9651 3.2), as far as a targeted cache field needs them.
//!
//! A field that breaks the syntax anywhere is ignored as a whole (RFC 9213 2.1), so all of it is parsed,
//! although only booleans and integers mean anything here.

use crate::fields::is_token;

/// The value of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Boolean(bool),
    Integer(i64),
    /// A value of another type.
    Other,
}

/// The members in their order; `None` if the text is not a dictionary. Of a key that is there twice the
/// last one counts (RFC 9651 3.2), and is the last in the list.
pub(crate) fn dictionary(text: &[u8]) -> Option<Vec<(&[u8], Item)>> {
    let mut from = Parser { rest: text };
    let mut members = Vec::new();
    from.skip(b" ");
    while !from.rest.is_empty() {
        let key = from.key()?;
        let item = if from.take(b'=') {
            from.item_or_inner_list()?
        } else {
            Item::Boolean(true)
        };
        from.parameters()?;
        members.push((key, item));
        from.skip(b" \t");
        if from.rest.is_empty() {
            break;
        }
        if !from.take(b',') {
            return None;
        }
        from.skip(b" \t");
        if from.rest.is_empty() {
            return None;
        }
    }
    Some(members)
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn skip(&mut self, bytes: &[u8]) {
        while let [first, rest @ ..] = self.rest {
            if !bytes.contains(first) {
                break;
            }
            self.rest = rest;
        }
    }

    fn take(&mut self, wanted: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == wanted => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.rest.iter().take_while(|byte| wanted(**byte)).count();
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        if !matches!(self.rest, [b'a'..=b'z' | b'*', ..]) {
            return None;
        }
        Some(self.take_while(
            |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'),
        ))
    }

    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.skip(b" ");
            self.key()?;
            if self.take(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    fn item_or_inner_list(&mut self) -> Option<Item> {
        if !self.take(b'(') {
            return self.item();
        }
        loop {
            self.skip(b" ");
            if self.take(b')') {
                return Some(Item::Other);
            }
            self.item()?;
            self.parameters()?;
            if !matches!(self.rest, [b' ' | b')', ..]) {
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        match *self.rest.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'?' => self.boolean(),
            b':' => self.bytes(),
            b'@' => {
                self.rest = &self.rest[1..];
                match self.number()? {
                    Item::Integer(_) => Some(Item::Other),
                    Item::Boolean(_) | Item::Other => None,
                }
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'*' => {
                self.take_while(|byte| is_token(&[byte]) || matches!(byte, b':' | b'/'));
                Some(Item::Other)
            }
            _ => None,
        }
    }

    /// RFC 9651 4.2.4: an integer of 15 digits at most, or a decimal of 12 and 3.
    fn number(&mut self) -> Option<Item> {
        let negative = self.take(b'-');
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return None;
        }
        if self.take(b'.') {
            let fraction = self.take_while(|byte| byte.is_ascii_digit());
            let sound = digits.len() <= 12 && (1..=3).contains(&fraction.len());
            return sound.then_some(Item::Other);
        }
        if digits.len() > 15 {
            return None;
        }
        let value = digits
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        Some(Item::Integer(if negative { -value } else { value }))
    }

    fn string(&mut self) -> Option<Item> {
        let mut rest = self.rest.get(1..)?;
        loop {
            rest = match rest {
                [b'"', after @ ..] => {
                    self.rest = after;
                    return Some(Item::Other);
                }
                [b'\\', b'"' | b'\\', after @ ..] => after,
                [b' '..=b'[' | b']'..=b'~', after @ ..] => after,
                _ => return None,
            };
        }
    }

    fn boolean(&mut self) -> Option<Item> {
        let (value, rest) = match self.rest {
            [b'?', b'0', rest @ ..] => (false, rest),
            [b'?', b'1', rest @ ..] => (true, rest),
            _ => return None,
        };
        self.rest = rest;
        Some(Item::Boolean(value))
    }

    fn bytes(&mut self) -> Option<Item> {
        self.rest = &self.rest[1..];
        self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.take(b':').then_some(Item::Other)
    }
}

#[cfg(test)]
mod tests {
    use Item::{Boolean, Integer, Other};

    use super::*;

    #[test]
    fn a_dictionary_is_read_as_a_whole_or_not_at_all() {
        let members = |text: &'static str| dictionary(text.as_bytes());
        for (text, expected) in [
            ("", &[][..]),
            ("max-age=3600", &[("max-age", Integer(3600))]),
            (
                "  a, b=?0 ,\tc=?1",
                &[
                    ("a", Boolean(true)),
                    ("b", Boolean(false)),
                    ("c", Boolean(true)),
                ],
            ),
            (
                "a=1;x;y=\"z\", a=-2",
                &[("a", Integer(1)), ("a", Integer(-2))],
            ),
            (
                "a=1.5, b=\"q\\\"\", c=:YWI=:, d=tok/en, e=(1 \"x\";p  2), f=@17, g=()",
                &[
                    ("a", Other),
                    ("b", Other),
                    ("c", Other),
                    ("d", Other),
                    ("e", Other),
                    ("f", Other),
                    ("g", Other),
                ],
            ),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(key, item)| (key.as_bytes(), *item))
                .collect();
            assert_eq!(members(text).unwrap(), expected, "{text}");
        }
        for text in [
            "&&&&&",
            "max-age=10000, &&&&&",
            "MaX-aGe=1",
            "a =1",
            "a= 1",
            "a=",
            "a,",
            "a,,b",
            "a b",
            "a=\"open",
            "a=\"\u{7f}\"",
            "a=?2",
            "a=:x",
            "a=(1",
            "a=(1\t2)",
            "a=(1\"x\")",
            "a=1.",
            "a=1.2345",
            "a=1234567890123456",
            "a=-",
            "a;=1",
            "a=@1.5",
            "a='1'",
        ] {
            assert_eq!(members(text), None, "{text}");
        }
    }
}
