//! Assertions for tests, whose messages show what differs and how the fetch went.

use http::HeaderName;

use super::diff::diff;
use super::response::{Outcome, Response};

impl Outcome {
    /// Asserts that script can read the response and that its status is this one.
    ///
    /// # Panics
    /// When it cannot, or the status is another.
    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        let seen = self.readable().status();
        self.check(seen == status, || {
            format!("the status is {seen}, not {status}")
        })
    }

    /// Asserts that script can read the response and that its body is this text.
    ///
    /// # Panics
    /// When it cannot, or the body is another; the message has the lines that differ.
    #[track_caller]
    pub fn assert_text(&self, text: &str) -> &Self {
        let seen = self.readable().text();
        self.check(seen == text, || {
            format!(
                "the body differs (- expected, + seen):\n{}",
                diff(text, &seen)
            )
        })
    }

    /// Asserts that script sees this header with this value.
    ///
    /// # Panics
    /// When script does not see it, although the server may have sent it, or sees another value.
    #[track_caller]
    pub fn assert_header(&self, name: &str, value: &str) -> &Self {
        let seen = self.readable().header(name);
        self.check(seen.as_deref() == Some(value), || match seen {
            Some(seen) => format!("`{name}` is `{seen}`, not `{value}`"),
            None if self.was_sent(name) => {
                format!("script does not see `{name}`: list it in Access-Control-Expose-Headers")
            }
            None => format!("the response has no `{name}`"),
        })
    }

    /// Asserts that the fetch fails, and that this header is why.
    ///
    /// # Panics
    /// When it does not fail, or fails for another reason.
    #[track_caller]
    pub fn assert_blocked_by(&self, name: &str) -> &Self {
        let wanted = HeaderName::from_bytes(name.as_bytes()).ok();
        let header = self.error().and_then(|error| error.header());
        self.check(header.is_some() && header == wanted, || {
            match self.error() {
                Some(error) => format!("`{name}` is not what blocks it: {error}"),
                None => format!("it is not blocked, by `{name}` or otherwise"),
            }
        })
    }

    /// Asserts how many CORS-preflights were sent.
    ///
    /// # Panics
    /// When it was another number.
    #[track_caller]
    pub fn assert_preflights(&self, count: usize) -> &Self {
        let seen = self.trace().preflights();
        self.check(seen == count, || {
            format!("{seen} preflights were sent, not {count}")
        })
    }

    /// Asserts which requests were sent, as lines of method and URL: `OPTIONS https://api.example.com/x`.
    ///
    /// # Panics
    /// When others were sent; the message has the lines that differ.
    #[track_caller]
    pub fn assert_requests(&self, expected: &[&str]) -> &Self {
        let line =
            |exchange: &super::trace::Exchange| format!("{} {}", exchange.method(), exchange.url());
        let seen: Vec<_> = self.trace().requests().map(line).collect();
        self.check(seen == expected, || {
            let (expected, seen) = (expected.join("\n"), seen.join("\n"));
            format!(
                "the requests differ (- expected, + sent):\n{}",
                diff(&expected, &seen)
            )
        })
    }

    #[track_caller]
    fn readable(&self) -> &Response {
        match &self.result {
            Ok(response) if response.is_readable() => response,
            Ok(response) => panic!(
                "the response is {}: script reads nothing of it\n\n{}",
                response.kind().as_str(),
                self.trace
            ),
            Err(error) => panic!("{error}\n\n{}", self.trace),
        }
    }

    #[track_caller]
    fn check(&self, holds: bool, message: impl FnOnce() -> String) -> &Self {
        assert!(holds, "{}\n\n{}", message(), self.trace);
        self
    }

    fn was_sent(&self, name: &str) -> bool {
        let last = self.trace().requests().last();
        last.and_then(|exchange| exchange.response_headers())
            .is_some_and(|headers| headers.contains_key(name))
    }
}
