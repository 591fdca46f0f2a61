//! The head of a response, on its way back.

pub(crate) mod cookie;
pub(crate) mod error_page;
pub(crate) mod location;

use crate::fields;
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::Mount;
use crate::proxy::mount::table::Mounts;
use crate::proxy::request::RequestContext;
use crate::proxy::wire::framing;
use crate::proxy::wire::scan::{Field, HeaderScan};
use crate::proxy::wire::via::Via;
use crate::proxy::wire::{MOST_LINES, hop_by_hop};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode, Version};
use location::LocationMapper;
use std::sync::Arc;

/// Rules for the head of a response, compiled by the builder.
pub(crate) struct ResponseRules {
    pub(crate) mount: Arc<Mount>,
    pub(crate) mounts: Mounts,
    pub(crate) rewrite_location: bool,
    pub(crate) rewrite_cookies: bool,
    pub(crate) via: Arc<Via>,
}

impl ResponseRules {
    /// Rewrites a response's head, and returns the protocol that a `101` switches to.
    pub(crate) fn apply<B>(
        &self,
        response: &mut Response<B>,
        to: &RequestContext,
    ) -> Result<Option<HeaderValue>, ProxyErrorKind> {
        // RFC 9112 2.3: an intermediary says its own version. Of an upstream of HTTP/1.0 the client would
        // take the end of a connection for the end of a body.
        let version = std::mem::replace(response.version_mut(), Version::HTTP_11);
        let status = response.status();
        let headers = response.headers_mut();
        if headers.len() > MOST_LINES {
            return Err(ProxyErrorKind::MalformedResponse);
        }
        let scan = HeaderScan::of(headers);
        // RFC 9112 6.1: to HEAD and in a 304 it tells what a GET would have got.
        if !to.is_head && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
            framing::check_coding(headers, scan).map_err(|_| ProxyErrorKind::MalformedResponse)?;
        }
        framing::settle_length(headers, scan).map_err(|_| ProxyErrorKind::MalformedResponse)?;
        // RFC 9110 8.6: not in a 1xx or 204.
        let has_no_length = matches!(
            status,
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT
        );
        if has_no_length && scan.has(Field::ContentLength) {
            headers.remove(header::CONTENT_LENGTH);
        }
        let upgrade = hop_by_hop::strip_response(headers, scan);
        if self.rewrite_location && scan.has(Field::Address) {
            let mapper = LocationMapper {
                own: &self.mount,
                others: &self.mounts,
                at_bare_root: to.at_bare_root,
            };
            mapper.map_back(headers);
        }
        if self.rewrite_cookies && scan.has(Field::SetCookie) {
            cookie::map_back(headers, &self.mount.map);
        }
        fields::append_line(headers, header::VIA, self.via.received(version));
        Ok(upgrade)
    }
}
