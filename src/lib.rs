//! Let a browser page use an API without CORS trouble.
//!
//! | module | for |
//! |---|---|
//! | [`proxy`] | Page and API can share an origin: a reverse proxy makes `https://app/api/*` out of `https://api.elsewhere/base/*`. Then browsers send no preflights, and CORS does not apply. |
//! | [`cors`] | They cannot: a policy is validated once, with every mistake reported, and a tower layer obeys it. |
//! | [`guard`] | Browsers send the visitor's cookies with every request: what other sites' pages send is refused (CSRF, WebSocket hijacking, DNS rebinding), by the same set of origins. |
//! | [`cache`] | Upstreams allow their responses to be stored: a shared HTTP cache (RFC 9111) does it, before any service or behind the proxy. |
//! | [`browser`] | Tests: Fetch's CORS algorithm as a client that runs in-process. |
//! | [`origin`] | Origins, patterns of them, and the set that an allowlist compiles to. |
//!
//! The first four are plain tower services over [`http`] types: they mount in axum, in bare hyper, in anything
//! that speaks `tower::Service<http::Request<B>>`.
//!
//! ```
//! use axum::Router;
//! use same_origin::cors::CorsPolicy;
//! # #[cfg(feature = "proxy")]
//! use same_origin::proxy::ReverseProxy;
//!
//! # #[cfg(feature = "proxy")]
//! fn app() -> Result<Router, Box<dyn std::error::Error>> {
//!     // One origin: GET /api/items?x=1  →  GET https://api.example.com/prod/items?x=1
//!     let api = ReverseProxy::new("/api", "https://api.example.com/prod")?;
//!     // Two origins: pages of this one may read the answers.
//!     let cors = CorsPolicy::builder().allow_origins("https://app.example.com").layer()?;
//!     Ok(Router::new().nest_service("/api", api).layer(cors))
//! }
//! ```
//!
//! # Features
//!
//! All are additive.
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `proxy` | yes | the module [`proxy`]: the reverse proxy and its client, over http and h2c; needs a tokio runtime |
//! | `tls` | yes | https upstreams, by rustls with the system's roots |
//! | `ring`, `aws-lc-rs` | `ring` | the cryptography of `tls`; a default provider of the process goes before either |
//! | `axum` | yes | the public path and the client's address from axum's extensions |
//! | `public-suffix` | yes | refuses wildcard origins right below a public suffix |
//! | `idna` | no | checks punycode in configured origins and suggests it; without it a policy warns of what it could not check |
//! | `tracing` | yes | events for what CORS and the guard refuse and for failed requests, a span for each exchange |
//! | `dns` | no | upstreams that follow DNS; needs Rust 1.88 (all features but `cache` and this one: 1.85) |
//! | `balance` | no | several upstreams behind one prefix, chosen by their load; those that fail are set aside |
//! | `serde` | no | the builders as configuration |
//! | `origin-source` | no | origins that are known only at run time; needs a tokio runtime |
//! | `cache` | no | the module [`cache`]: a shared HTTP cache as a layer; needs a tokio runtime and Rust 1.88 |
//! | `browser` | no | the module [`browser`]: Fetch's CORS algorithm as a client for tests |
//!
//! # Limitations
//!
//! - CORS is not access control: a refused origin learns nothing, but its request reaches the application. What
//!   refuses requests is the [`guard`].
//! - The proxy leads to the upstreams that it is given, and is not a forward proxy. It does not rewrite bodies and does
//!   not speak HTTP/3.
//! - The modules [`proxy`], [`guard`], [`cache`] and [`browser`] list their own.
//!
#![cfg_attr(feature = "browser", doc = "[`browser`]: crate::browser")]
#![cfg_attr(
    not(feature = "browser"),
    doc = "[`browser`]: https://docs.rs/same-origin/latest/same_origin/browser/"
)]
#![cfg_attr(feature = "cache", doc = "[`cache`]: crate::cache")]
#![cfg_attr(
    not(feature = "cache"),
    doc = "[`cache`]: https://docs.rs/same-origin/latest/same_origin/cache/"
)]
#![cfg_attr(feature = "proxy", doc = "[`proxy`]: crate::proxy")]
#![cfg_attr(
    not(feature = "proxy"),
    doc = "[`proxy`]: https://docs.rs/same-origin/latest/same_origin/proxy/"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

#[cfg(feature = "browser")]
pub mod browser;
#[cfg(feature = "cache")]
pub mod cache;
pub mod cors;
pub mod guard;
pub mod origin;
#[cfg(feature = "proxy")]
pub mod proxy;

mod config_error;
mod excerpt;
mod fields;
mod forwarded;
mod host_and_port;
mod log;
#[cfg(any(feature = "cache", feature = "proxy"))]
mod own;
mod path;
#[cfg(feature = "serde")]
#[cfg_attr(
    not(feature = "proxy"),
    allow(
        dead_code,
        unused_imports,
        reason = "most of it is read by the proxy's settings"
    )
)]
mod units;

pub use config_error::{ConfigError, ConfigErrors, ConfigWarning};

#[cfg(all(doctest, feature = "proxy"))]
#[doc = include_str!("../README.md")]
struct Readme;
