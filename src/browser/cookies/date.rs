//! Dates of `Expires`, as leniently as browsers read them (RFC 6265bis 5.1.1).

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Seconds since 1970 of a cookie date; nothing where the algorithm fails.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        // Each token is for the first of these that it fits and that is not found yet.
        if time.is_none() && hms(token).is_some() {
            time = hms(token);
        } else if day.is_none() && leading(token, 1, 2).is_some() {
            day = leading(token, 1, 2);
        } else if month.is_none() && month_of(token).is_some() {
            month = month_of(token);
        } else if year.is_none() && leading(token, 2, 4).is_some() {
            year = leading(token, 2, 4);
        }
    }
    let ((hour, minute, second), day, month, year) = (time?, day?, month?, year?);
    let year = match year {
        70..=99 => year + 1900,
        0..=69 => year + 2000,
        _ => year,
    };
    let valid = (1..=31).contains(&day) && year >= 1601 && hour < 24 && minute < 60 && second < 60;
    let days = days_since_1970(year, month, day).filter(|_| valid)?;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn is_delimiter(char: char) -> bool {
    matches!(char, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// So many digits, and then none: what follows them is ignored.
fn leading(token: &str, least: usize, most: usize) -> Option<i64> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    (least..=most)
        .contains(&digits)
        .then(|| token[..digits].parse().ok())?
}

fn hms(token: &str) -> Option<(i64, i64, i64)> {
    let mut parts = token.splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let whole =
        |part: &str| leading(part, 1, 2).filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
    Some((whole(hour)?, whole(minute)?, leading(second, 1, 2)?))
}

fn month_of(token: &str) -> Option<i64> {
    let name = token.get(..3)?;
    let index = MONTHS
        .iter()
        .position(|month| month.eq_ignore_ascii_case(name))?;
    i64::try_from(index + 1).ok()
}

/// By the civil calendar; nothing for a day that the month does not have.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    // Counted from March, so that the leap day is a year's last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    (day <= length).then_some(days - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(1_445_412_480)),
            ("Wednesday, 21-Oct-15 07:28:00 GMT", Some(1_445_412_480)),
            ("Wed Oct 21 07:28:00 2015", Some(1_445_412_480)),
            ("21 oct 2015 7:28:0", Some(1_445_412_480)),
            ("2015 Oct 21 07:28:00", Some(1_445_412_480)),
            ("29 Feb 2024 12:00:00", Some(1_709_208_000)),
            ("29 Feb 2023 12:00:00", None),
            ("31 Dec 1600 12:00:00", None),
            ("1 Jan 2030", None),
            ("1 Jan 2030 24:00:00", None),
            ("tomorrow", None),
            ("", None),
            ("é 1 Jan 2030 00:00:00", Some(1_893_456_000)),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
