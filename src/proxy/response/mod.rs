//! The head of a response, on its way back.

pub(crate) mod cookie;
mod domain;
pub(crate) mod error_page;
pub(crate) mod location;

use std::sync::Arc;

use cookie::attributes::CookieAttributes;
use cookie::mapper::CookieMapper;
use cookie::rewrite::CookieRewrite;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode, Version};
use location::LocationMapper;

use crate::fields;
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::Mount;
use crate::proxy::mount::prefix::PublicPrefix;
use crate::proxy::mount::table::Mounts;
use crate::proxy::request::RequestContext;
use crate::proxy::wire::edits::FieldEdits;
use crate::proxy::wire::framing;
use crate::proxy::wire::scan::{Field, HeaderScan};
use crate::proxy::wire::via::Via;
use crate::proxy::wire::{MOST_LINES, hop_by_hop};

/// Rules for the head of a response, compiled by the builder.
pub(crate) struct ResponseRules {
    pub(crate) mount: Arc<Mount>,
    pub(crate) mounts: Mounts,
    pub(crate) rewrite_location: bool,
    pub(crate) rewrite_cookies: CookieRewrite,
    pub(crate) cookies: CookieAttributes,
    /// The mount's part of the prefix that the upstream is told of, see [`PublicPrefix::new`].
    pub(crate) told_prefix: Option<Box<str>>,
    pub(crate) edits: FieldEdits,
    pub(crate) via: Arc<Via>,
}

impl ResponseRules {
    /// Rewrites a response's head, and returns the protocol that a `101` switches to, or those that a 426 requires.
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
        if !to.is_head() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
            framing::check_coding(headers, scan).map_err(|_| ProxyErrorKind::MalformedResponse)?;
        }
        framing::settle_length(headers, scan).map_err(|_| ProxyErrorKind::MalformedResponse)?;
        if scan.has(Field::OddLength) {
            framing::length(headers).map_err(|_| ProxyErrorKind::MalformedResponse)?;
        }
        // RFC 9110 8.6: not in a 1xx or 204.
        let has_no_length = matches!(
            status,
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT
        );
        if has_no_length && scan.has(Field::ContentLength) {
            headers.remove(header::CONTENT_LENGTH);
        }
        let upgrade = hop_by_hop::strip_response(headers, scan);
        // RFC 7838 2.1: it says where else the upstream's origin is, which is not the public one.
        if scan.has(Field::AltSvc) {
            headers.remove(header::ALT_SVC);
        }
        if scan.has(Field::Address) || scan.has(Field::SetCookie) {
            self.map_back(headers, scan, to);
        }
        self.edits.apply_to_response(response);
        let received = self.via.received(version);
        fields::append_line(response.headers_mut(), header::VIA, received);
        Ok(upgrade)
    }

    /// Makes public addresses and cookies of those of the upstream.
    fn map_back(&self, headers: &mut HeaderMap, scan: HeaderScan, to: &RequestContext) {
        let prefix = &PublicPrefix::new(to.outer_prefix(), self.told_prefix.as_deref());
        if self.rewrite_location && scan.has(Field::Address) {
            let mapper = LocationMapper {
                own: &self.mount,
                others: &self.mounts,
                prefix,
                public: &to.public,
            };
            mapper.map_fields(headers);
        }
        if self.rewrite_cookies != CookieRewrite::Off && scan.has(Field::SetCookie) {
            let mapper = CookieMapper {
                own: &self.mount,
                others: &self.mounts,
                prefix,
                confine: self.rewrite_cookies == CookieRewrite::Confine,
                at_bare_prefix: self.mount.map.is_bare(to.public.path()),
                public_host: to.public_host(),
            };
            mapper.map_fields(headers);
        }
        if !self.cookies.is_empty() && scan.has(Field::SetCookie) {
            self.cookies.add_to_fields(headers);
        }
    }
}
