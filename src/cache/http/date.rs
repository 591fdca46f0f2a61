//! Dates in fields (RFC 9110 5.6.7).

use std::cell::Cell;
use std::time::SystemTime;

use http::HeaderValue;
use http::header::{HeaderMap, HeaderName};

use crate::fields::{self, Sole};

/// The content of a field that holds a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dated {
    /// It is not there.
    Absent,
    At(SystemTime),
    /// It is there, and is not one date.
    Unclear,
}

impl Dated {
    /// The date, if it is one.
    pub(crate) fn at(self) -> Option<SystemTime> {
        match self {
            Self::At(time) => Some(time),
            Self::Absent | Self::Unclear => None,
        }
    }
}

/// The date of a field that stands on one line.
pub(crate) fn field(headers: &HeaderMap, name: &HeaderName) -> Dated {
    match fields::sole(headers, name) {
        Sole::Absent => Dated::Absent,
        Sole::One(value) => parse(value).map_or(Dated::Unclear, Dated::At),
        Sole::Several => Dated::Unclear,
    }
}

/// The dates of a field that should stand on one line and may stand on several (RFC 9110 5.3).
pub(crate) fn all(headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = SystemTime> {
    headers.get_all(name).into_iter().filter_map(parse)
}

/// One of the three forms of a date, and nothing else: a recipient has to take all three (RFC 9110
/// 5.6.7), and one that guesses at other forms takes a stale response for a fresh one.
///
/// Names of days, months and the zone are read in any case, and the day of the week may be another one. That
/// is wrong, but a date that is wrong in nothing else has one meaning only.
pub(crate) fn parse(value: &HeaderValue) -> Option<SystemTime> {
    let Ok(text) = <&Text>::try_from(value.as_bytes()) else {
        return read(value);
    };
    if let Some((latest, time)) = LATEST.get() {
        if latest == *text {
            return Some(time);
        }
    }
    let time = read(value)?;
    LATEST.set(Some((*text, time)));
    Some(time)
}

/// A date in the form in which dates are sent.
type Text = [u8; 29];

thread_local! {
    /// The latest date of this thread: what comes within a second has the same `Date`, which is asked for more than
    /// once.
    static LATEST: Cell<Option<(Text, SystemTime)>> = const { Cell::new(None) };
}

fn read(value: &HeaderValue) -> Option<SystemTime> {
    let text = value.to_str().ok()?;
    if let Ok(time) = httpdate::parse_http_date(text) {
        return Some(time);
    }
    let text = usual_case(text);
    let length = text.find(|c: char| !c.is_ascii_alphabetic())?;
    let (day, rest) = text.split_at(length);
    let days = DAYS
        .iter()
        .map(|name| if length == 3 { &name[..3] } else { name });
    if !days.clone().any(|name| name == day) {
        return None;
    }
    days.filter_map(|name| httpdate::parse_http_date(&format!("{name}{rest}")).ok())
        .next()
}

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// `thu, 18 AUG 2050 02:01:18 gmt` as it should be written.
fn usual_case(text: &str) -> String {
    let mut usual = String::with_capacity(text.len());
    let mut in_word = false;
    for letter in text.chars() {
        usual.push(if in_word {
            letter.to_ascii_lowercase()
        } else {
            letter.to_ascii_uppercase()
        });
        in_word = letter.is_ascii_alphabetic();
    }
    match usual.strip_suffix("Gmt") {
        Some(rest) => format!("{rest}GMT"),
        None => usual,
    }
}

/// The form in which dates are sent; `None` outside of the years that it can name.
pub(crate) fn format(time: SystemTime) -> Option<HeaderValue> {
    const YEAR_9999: u64 = 253_402_300_799;
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    if seconds > YEAR_9999 {
        return None;
    }
    HeaderValue::try_from(httpdate::fmt_http_date(time)).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::header::EXPIRES;

    use super::*;

    #[test]
    fn three_forms_are_dates_and_nothing_else_is() {
        let seconds = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            parse(&value).map(|time| {
                time.duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap()
                    .as_secs()
            })
        };
        for text in [
            "Thu, 18 Aug 2050 02:01:18 GMT",
            "Thursday, 18-Aug-50 02:01:18 GMT",
            "Thu Aug 18 02:01:18 2050",
            "THU, 18 Aug 2050 02:01:18 GMT",
            "Thu, 18 AUG 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02:01:18 gMT",
            "Fri, 18 Aug 2050 02:01:18 GMT",
            "SUNDAY, 18-aug-50 02:01:18 GMT",
        ] {
            assert_eq!(seconds(text), Some(2_544_400_878), "{text}");
            assert_eq!(seconds(text), Some(2_544_400_878), "{text} again");
        }
        for text in [
            "",
            "0",
            "-1",
            "now",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Foo, 18 Aug 2050 02:01:18 GMT",
            "Thu, 31 Feb 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 25:01:18 GMT",
            "Thu, 18 Aug 10000 02:01:18 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(parse(&HeaderValue::from_bytes(b"\xff").unwrap()), None);
    }

    #[test]
    fn two_lines_are_not_a_date() {
        let mut headers = HeaderMap::new();
        assert_eq!(field(&headers, &EXPIRES), Dated::Absent);
        let date = format(SystemTime::UNIX_EPOCH + Duration::from_secs(60)).unwrap();
        assert_eq!(date, "Thu, 01 Jan 1970 00:01:00 GMT");
        headers.append(EXPIRES, date.clone());
        let minute = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
        assert_eq!(field(&headers, &EXPIRES), Dated::At(minute));
        headers.append(EXPIRES, date);
        assert_eq!(field(&headers, &EXPIRES), Dated::Unclear);
    }

    #[test]
    fn a_time_that_has_no_form_is_not_written() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        assert_eq!(format(far), None);
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(format(before), None);
    }
}
