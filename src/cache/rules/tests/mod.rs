//! Tables of what is stored, and for how long.

mod freshness;
mod storing;

use http::{Response, Version};

use super::*;
use crate::fields::headers;

/// Sun, 06 Nov 1994 08:49:37 GMT, and half a second.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500)
}

const LIMITS: Limits = Limits {
    object: 1000,
    stale: Duration::ZERO,
    store_set_cookie: false,
};

const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const IN_A_MINUTE: &str = "Sun, 06 Nov 1994 08:50:37 GMT";
const A_MINUTE_AGO: &str = "Sun, 06 Nov 1994 08:48:37 GMT";

struct Question {
    method: Method,
    request: HeaderMap,
    status: u16,
    response: HeaderMap,
    version: Version,
    exact: Option<u64>,
}

fn get(response: &[(&str, &str)]) -> Question {
    Question {
        method: Method::GET,
        request: HeaderMap::new(),
        status: 200,
        response: headers(response),
        version: Version::HTTP_11,
        exact: Some(3),
    }
}

impl Question {
    fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn with(self, request: &[(&str, &str)]) -> Self {
        Self {
            request: headers(request),
            ..self
        }
    }

    fn judge(&self) -> Result<Storable, Refusal> {
        self.judge_by(LIMITS)
    }

    fn judge_by(&self, limits: Limits) -> Result<Storable, Refusal> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        *response.headers_mut() = self.response.clone();
        *response.version_mut() = self.version;
        let asked = Asked {
            method: &self.method,
            headers: &self.request,
            is_at_content_location: true,
        };
        let times = Times {
            received: now(),
            delay: Duration::ZERO,
        };
        judge(asked, &response.into_parts().0, self.exact, times, limits)
    }
}
