//! Let a browser page use an API without CORS trouble.
//!
//! Two halves serve that one purpose:
//!
//! - [`proxy`]: where page and API can share an origin, put them there. A prefix-rewriting reverse
//!   proxy makes `https://app/api/*` out of `https://api.elsewhere/base/*`; there are no preflights
//!   then, and no CORS at all.
//! - [`cors`]: where they cannot, answer CORS correctly. A policy is validated once, with every
//!   mistake reported, and a tower layer obeys it.
//!
//! Both are plain tower services over [`http`] types: they mount in axum, in bare hyper, in anything
//! that speaks `tower::Service<http::Request<B>>`.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

#[cfg(feature = "browser")]
pub mod browser;
pub mod cors;
pub mod origin;
#[cfg(feature = "proxy")]
pub mod proxy;

mod fields;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
