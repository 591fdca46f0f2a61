//! Rules of HTTP's wire format that hold for both heads, the request's and the response's.

pub(crate) mod framing;
pub(crate) mod hop_by_hop;
pub(crate) mod scan;
pub(crate) mod trailers;
pub(crate) mod via;
