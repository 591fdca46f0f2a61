//! Limits of a request's head that are checked here, so that the refusal can be read by an allowed page.
//!
//! hyper checks heads of HTTP/1.1 itself, against limits that are larger by [`MARGIN`], and answers what is
//! above those without asking anybody: such an answer has no `Access-Control-*` and no `Vary`.

use http::header::COOKIE;
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Version};

use super::limits::Limits;

/// The factor by which the limits that hyper is given are larger than ours.
pub const MARGIN: usize = 2;

/// Most lines that a `Cookie` field of HTTP/2 may be split into (RFC 9113 8.2.3). Browsers send each cookie in
/// a line of its own, and keep at most 180 cookies for a site.
const COOKIE_CRUMBS: usize = 256;

/// The status that refuses a head, if it is above a limit.
pub fn refusal<B>(request: &Request<B>, limits: &Limits) -> Option<StatusCode> {
    let headers = request.headers();
    let mut lines = headers.len();
    // RFC 9113 8.2.3: crumbs are one field, which is put together again before it goes on.
    if request.version() == Version::HTTP_2 {
        let crumbs = headers.get_all(COOKIE).iter().count();
        if crumbs > COOKIE_CRUMBS {
            return Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        lines -= crumbs.saturating_sub(1);
    }
    let most = limits.head_size as usize;
    let target = request
        .uri()
        .path_and_query()
        .map_or("", PathAndQuery::as_str);
    if target.len() > most {
        return Some(StatusCode::URI_TOO_LONG);
    }
    // `: ` and the end of the line count, too. The method and the version of the request line do not.
    let size = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + 4
    };
    let too_large =
        lines > limits.head_fields || target.len() + headers.iter().map(size).sum::<usize>() > most;
    too_large.then_some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_counted_with_their_cookies_joined() {
        struct Case {
            name: &'static str,
            version: Version,
            fields: usize,
            crumbs: usize,
            /// Length of the first field's value.
            length: usize,
            target: usize,
            refused: Option<u16>,
        }
        const SMALL: Case = Case {
            name: "a small head",
            version: Version::HTTP_2,
            fields: 3,
            crumbs: 1,
            length: 1,
            target: 2,
            refused: None,
        };
        let cases = [
            SMALL,
            Case {
                name: "as many fields as may be",
                fields: 99,
                ..SMALL
            },
            Case {
                name: "one more",
                fields: 100,
                refused: Some(431),
                ..SMALL
            },
            Case {
                name: "cookies of Chromium",
                fields: 20,
                crumbs: 180,
                ..SMALL
            },
            Case {
                name: "crumbs without end",
                crumbs: 257,
                refused: Some(431),
                ..SMALL
            },
            Case {
                name: "lines of HTTP/1.1 are lines",
                version: Version::HTTP_11,
                crumbs: 98,
                refused: Some(431),
                ..SMALL
            },
            Case {
                name: "a value that is too long",
                length: 70_000,
                refused: Some(431),
                ..SMALL
            },
            Case {
                name: "a target that is too long",
                target: 65_530,
                refused: Some(431),
                ..SMALL
            },
        ];
        for case in cases {
            let mut request = Request::get("/".to_owned() + &"x".repeat(case.target - 1));
            request = request.version(case.version);
            for index in 0..case.fields {
                let length = if index == 0 { case.length } else { 1 };
                request = request.header(format!("x-{index}"), "x".repeat(length));
            }
            for index in 0..case.crumbs {
                request = request.header(COOKIE, format!("c{index}=1"));
            }
            let found = refusal(&request.body(()).unwrap(), &Limits::default());
            assert_eq!(
                found.map(|status| status.as_u16()),
                case.refused,
                "{}",
                case.name
            );
        }
        let limits = Limits {
            head_size: 1024,
            ..Limits::default()
        };
        let long = Request::get("/".repeat(1025)).body(()).unwrap();
        assert_eq!(refusal(&long, &limits), Some(StatusCode::URI_TOO_LONG));
    }
}
