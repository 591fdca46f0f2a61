//! Security fields of answers: set where the upstream has not set them itself, since it knows its pages best.

use http::header::{Entry, HeaderMap, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY};

/// The fields of a route.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SecurityHeaders {
    /// RFC 6797 7.2: an answer that came without TLS must not have it.
    pub transport: Option<HeaderValue>,
    pub others: Vec<(HeaderName, HeaderValue)>,
}

impl SecurityHeaders {
    /// Sets those that are missing. A map that is full stays as it is.
    pub fn set_missing(&self, headers: &mut HeaderMap, is_secure: bool) {
        let mut set = |name, value: &HeaderValue| {
            if let Ok(Entry::Vacant(missing)) = headers.try_entry(name) {
                let _full = missing.try_insert(value.clone());
            }
        };
        if let Some(value) = self.transport.as_ref().filter(|_| is_secure) {
            set(&STRICT_TRANSPORT_SECURITY, value);
        }
        for (name, value) in &self.others {
            set(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

    use super::*;

    #[test]
    fn what_is_there_stays_and_transport_is_for_https_alone() {
        let security = SecurityHeaders {
            transport: Some(HeaderValue::from_static("max-age=1")),
            others: vec![
                (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
                (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            ],
        };
        for is_secure in [true, false] {
            let mut headers = HeaderMap::new();
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            security.set_missing(&mut headers, is_secure);
            assert_eq!(headers[REFERRER_POLICY], "no-referrer");
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers.contains_key(STRICT_TRANSPORT_SECURITY), is_secure);
        }
    }
}
