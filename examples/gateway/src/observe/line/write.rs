//! Parts of a line as bytes, put together by hand: see [`Line::text`](super::Line::text).

use std::cell::RefCell;
use std::io::Write;
use std::time::{Duration, SystemTime};

pub(super) fn time(time: SystemTime) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_millis(time)
}

thread_local! {
    /// The last second that was written, and how.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// RFC 3339 in milliseconds. A date is counted out once a second.
pub(super) fn write_time(line: &mut Vec<u8>, time: SystemTime) {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let _thread_ended = SECOND.try_with(|known| {
        let (second, text) = &mut *known.borrow_mut();
        if *second != since.as_secs() {
            let whole = SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs());
            *second = since.as_secs();
            *text = humantime::format_rfc3339_seconds(whole).to_string();
        }
        push(line, text.strip_suffix('Z').unwrap_or(text));
    });
    let [a, b, c] = three(since.subsec_millis().into());
    line.extend_from_slice(&[b'.', a, b, c, b'Z']);
}

pub(super) fn push(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(text.as_bytes());
}

pub(super) fn write_number(line: &mut Vec<u8>, number: u64) {
    push(line, itoa::Buffer::new().format(number));
}

/// The last three digits.
fn three(number: u64) -> [u8; 3] {
    [100, 10, 1].map(|place| b'0' + (number / place % 10) as u8)
}

pub(super) fn write_millis(line: &mut Vec<u8>, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    write_number(line, micros / 1000);
    let [a, b, c] = three(micros);
    line.extend_from_slice(&[b'.', a, b, c, b'm', b's']);
}

/// ` name="value"`.
pub(super) fn field(line: &mut Vec<u8>, name: &str, value: &str) {
    line.push(b' ');
    push(line, name);
    line.extend_from_slice(b"=\"");
    escape(line, value);
    line.push(b'"');
}

/// As in a string of Rust, but for what need not be escaped at once: each line is written while requests wait.
pub(super) fn escape(line: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        push(line, text);
    } else {
        let _ = write!(line, "{}", text.escape_debug());
    }
}

pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
