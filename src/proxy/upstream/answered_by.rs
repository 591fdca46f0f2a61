//! The upstream of a response, for who looks at it from outside.

use http::uri::Authority;

/// The upstream that gave a response, or that was tried last for one that failed.
///
/// It is in the extensions of responses where [`tell_upstream`](crate::proxy::ProxyBuilder::tell_upstream) asks for
/// it. It is for logs: clients are not to learn addresses of upstreams.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::{AnsweredBy, Body};
///
/// fn upstream(response: &http::Response<Body>) -> &str {
///     let answered_by = response.extensions().get::<AnsweredBy>();
///     answered_by.map_or("-", |answered_by| answered_by.authority().as_str())
/// }
/// # assert_eq!(upstream(&http::Response::new(Body::empty())), "-");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredBy(Authority);

impl AnsweredBy {
    pub(crate) fn new(authority: &Authority) -> Self {
        Self(authority.clone())
    }

    /// Host and port, as the configuration has them; of a list that follows DNS or discovery those of the
    /// member that was chosen.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0
    }
}
