//! Cross-origin resource sharing: a policy that is checked once, and a layer that obeys it.
//!
//! ```
//! use http::Method;
//! use http::header::{AUTHORIZATION, CONTENT_TYPE};
//! use same_origin::cors::{CorsLayer, CorsPolicy};
//! use std::time::Duration;
//!
//! let cors: CorsLayer = CorsPolicy::builder()
//!     .allow_origins(["https://app.example.com", "https://*.example.com", "http://localhost:*"])
//!     .allow_credentials(true)
//!     .allow_methods([Method::PUT, Method::DELETE])
//!     .allow_headers([AUTHORIZATION, CONTENT_TYPE])
//!     .expose_headers(["x-request-id"])
//!     .max_age(Duration::from_secs(600))
//!     .build()?
//!     .into();
//!
//! let app = axum::Router::<()>::new().route("/items", axum::routing::get(|| async { "items" })).layer(cors);
//! # Ok::<(), same_origin::cors::PolicyErrors>(())
//! ```
//!
//! [`build`](CorsBuilder::build) says all that is wrong at once, each with what to write instead. After
//! that nothing can fail: [`CorsPolicy::judge`] is the whole decision, a function of the request's head
//! that allocates nothing, and the layer only does what it says.
//!
//! # The rules
//!
//! The clauses are those of the [Fetch standard](https://fetch.spec.whatwg.org).
//!
//! 1. A request without `Origin` is no CORS request, and the application answers it. `OPTIONS` with
//!    `Origin` and `Access-Control-Request-Method` is a preflight, which is answered here
//!    (`#cors-preflight-request`). All else is an actual request, any other `OPTIONS` too.
//! 2. An actual request always reaches the application. CORS is no access control: the same `Origin`
//!    comes with same-origin requests (`#http-requests`), and a page that may not read the response could
//!    make many of these requests by a form.
//! 3. An origin is allowed if it is in the list byte for byte, or matches a
//!    [pattern](crate::origin::OriginPattern) and is what browsers serialize (`#origin-header`). `null` is
//!    allowed by [`allow_null_origin`](CorsBuilder::allow_null_origin) alone. Several `Origin` lines are
//!    no origin.
//! 4. What is allowed gets `Access-Control-Allow-Origin` with that origin, `Access-Control-Allow-Credentials`
//!    where credentials are allowed, and `Access-Control-Expose-Headers`, whatever the status: errors,
//!    redirects and `304` are read by pages, too (`#cors-check`). With [`Any`] origin, all responses get
//!    `*`, those to requests without `Origin` too, so that a cache needs one copy.
//! 5. What is not allowed gets no `Access-Control-*` header and learns nothing.
//! 6. A preflight is answered with `204` and the whole lists of methods and headers, as browsers remember
//!    each entry (`#cors-preflight-cache`); or with `403` and nothing (`#http-responses`). `GET`, `HEAD`
//!    and `POST` need no permission, methods are case-sensitive, and header names are not
//!    (`#cors-preflight-fetch` step 7).
//! 7. The list in `Access-Control-Request-Headers` is read as HTTP has it: in any order and case, with
//!    repetitions, empty elements and white space, over several lines (RFC 9110 5.6.1); up to 1024
//!    elements, which is more than a request can carry.
//! 8. The policy is the only author of `Access-Control-*`: what the application or an upstream set is
//!    removed. Two values of `Access-Control-Allow-Origin` would be as good as none.
//! 9. `Vary` gets `Origin` on all responses that can depend on it, allowed, refused or without `Origin`
//!    (`#cors-protocol-and-http-caches`), unless it has that or `*`. Answers to preflights name all three
//!    request headers: `OPTIONS` is not cacheable (RFC 9110 9.3.7), yet some caches keep it.
//!
//! # What is refused at build time
//!
//! - What no browser sends: a path or slash behind the origin, upper case, default ports, Unicode in place
//!   of punycode, IPv6 that is not compressed, `*` anywhere but in front of a name or as the port.
//! - What the standard forbids: the methods `CONNECT`, `TRACE` and `TRACK`, request headers that scripts
//!   cannot set, response headers that they cannot read, `*` in any list together with credentials.
//! - What is dangerous with credentials, unless its switch is set: origins that are neither `https` nor on
//!   this machine, patterns below a public suffix (`https://*.github.io`), the null origin.
//!
//! What is allowed and may yet disappoint is in [`CorsPolicy::warnings`].
//!
//! # The null origin
//!
//! Browsers send `Origin: null` from sandboxed frames and `data:` documents of any site, and after a
//! redirect from one foreign origin to another. So everybody can send it, and to allow it is to allow
//! everybody. It has one good use: an object that is the target of such a redirect, say from an API to a
//! bucket, and is guarded by a signature in its URL. If the page's request is made with credentials, the
//! target has to allow `null` with credentials, although it needs none
//! ([`dangerously_allow_credentialed_null_origin`](CorsBuilder::dangerously_allow_credentialed_null_origin));
//! to allow the page's own origin there does nothing. Where page and API share an origin, the redirect is
//! not the second foreign one and keeps the page's origin.
//!
//! # What browsers do
//!
//! Measured in Chromium 156:
//!
//! - `*` for request headers covers `authorization`, against the standard. Firefox and Safari are said to
//!   do the same, and may stop. This policy does as the standard has it: `["*", "authorization"]` is what
//!   covers all.
//! - A preflight is remembered for 5 seconds without `Access-Control-Max-Age`, otherwise for that long up
//!   to 7200 seconds, and per URL: each new URL asks again. The answer has to be a 2xx. A redirect, 401,
//!   403, 404, 405 or 500 fails it, even with all the headers.
//! - A preflight bears no cookie and no `Authorization`, so that authentication in front of this layer
//!   breaks it.
//! - An image loaded by `<img>` has no `Origin`. When a script then fetches the same URL, the browser's
//!   cache answers with that response: it is blocked without `Vary: Origin`, fetched again with it, and
//!   shared with `*` (rules 4 and 9).
//! - `fetch` with `method: "OPTIONS"` sends a preflight and then that `OPTIONS` (rule 1). A listener for
//!   the progress of an upload makes any request preflighted. `patch` is not `PATCH`.
//! - Private Network Access is gone, and with it `Access-Control-Request-Private-Network`. A public page
//!   asks the user for Local Network Access before it reaches a private address; no header of the server
//!   takes part.
//! - WebSocket handshakes are not under CORS. The server has to look at `Origin` by itself, for which
//!   there is [`OriginSet`](crate::origin::OriginSet).
//!
//! # Where it goes
//!
//! Outside of everything that may answer by itself: authentication, limits, timeouts, routing by method, a
//! cache. What a cache inside of it stores is the upstream's word, and each page gets its own permission.
//! Otherwise their 401 and 405 answer the preflights, and their errors cannot be read.
//!
//! In axum the layer that is added last is the outermost. A layer on a router covers also what its routes
//! do not match, 404 and 405, if it is added after the fallback. A policy for some routes is a layer on a
//! router of these routes, which is then nested or merged.
//!
//! ```
//! # use axum::{Router, routing::get};
//! # use same_origin::cors::{Any, CorsLayer, CorsPolicy};
//! # let authentication = tower::layer::util::Identity::new();
//! # let policy = CorsPolicy::builder().allow_origins(["https://app.example.com"]).build()?;
//! let public = CorsPolicy::builder().allow_origins(Any).build()?;
//! let fonts = Router::<()>::new().route("/a.woff2", get(|| async { "" })).layer(CorsLayer::from(public));
//! let api = Router::new()
//!     .route("/items", get(|| async { "items" }))
//!     .layer(authentication)
//!     .layer(CorsLayer::from(policy));
//! let app = Router::new().nest("/fonts", fonts).nest("/api", api);
//! # Ok::<(), same_origin::cors::PolicyErrors>(())
//! ```
//!
//! axum itself adds `Allow`, with the methods of the path, to what a layer on a router answers to a
//! preflight, `204` and `403` alike. It means nothing to CORS, and no page sees it. A layer around the
//! whole router, `cors.layer(router)`, sends none.
//!
//! # In production
//!
//! - [`CorsLayer::handle`] replaces the policy under a running server, and
//!   [judges by another one](CorsHandle::report_only) without obeying it, to report where they differ.
//! - [`CorsPolicy::explain`] says why a request is refused and what to change;
//!   [`debug`](CorsBuilder::debug) lets the browser's console say it. With the feature `tracing`, each
//!   refusal is an event of the target `same_origin::cors` at the level `DEBUG`.
//! - The module `cors::dynamic` takes origins from a database, say; it is there with the feature
//!   `origin-source`.
//!
//! # From `tower_http::cors`
//!
//! | `tower_http::cors::CorsLayer` | here |
//! |---|---|
//! | `new()` | [`CorsPolicy::builder`]; the layer is made of the policy |
//! | `permissive()` | `allow_origins(Any).allow_methods(Any).allow_headers(Any).expose_headers(Any)` |
//! | `very_permissive()` | not here: it gives every site the visitor's credentials |
//! | `allow_origin("https://a.example".parse()?)` | `allow_origins(["https://a.example"])` |
//! | `allow_origin(AllowOrigin::list(..))` | `allow_origins([..])` |
//! | `allow_origin(AllowOrigin::predicate(..))` | patterns such as `https://*.a.example`, or a source |
//! | `allow_origin(AllowOrigin::async_predicate(..))` | `build_dynamic(..)`, with the feature `origin-source` |
//! | `allow_origin(AllowOrigin::mirror_request())` | `allow_origins(Any)`; with credentials, name the origins |
//! | `allow_methods(..)` | `allow_methods(..)`, where `GET`, `HEAD` and `POST` can be left out |
//! | `allow_methods(AllowMethods::mirror_request())` | `allow_methods(Any)`; with credentials, name the methods |
//! | `allow_headers(..)` | `allow_headers(..)` |
//! | `allow_headers(AllowHeaders::mirror_request())` | `allow_headers(["*", "authorization"])`; with credentials, name the headers |
//! | `allow_credentials(true)` | `allow_credentials(true)` |
//! | `allow_credentials(AllowCredentials::predicate(..))` | a policy for each group of routes |
//! | `expose_headers(..)` | `expose_headers(..)` |
//! | `max_age(..)` | `max_age(..)` |
//! | `max_age(MaxAge::dynamic(..))` | a policy for each group of routes |
//! | `vary(..)` | follows from the policy |
//! | `allow_private_network(true)` | no browser asks any more |
//!
//! What changes for clients: `OPTIONS` that is no preflight reaches the application; a preflight that asks
//! for what is not allowed gets `403` in place of `200`; a refused origin gets no header; nothing panics
//! when a policy is wrong, since it cannot be built.

mod acrh;
mod builder;
#[cfg(feature = "origin-source")]
#[cfg_attr(docsrs, doc(cfg(feature = "origin-source")))]
pub mod dynamic;
mod error;
mod event;
pub(crate) mod excerpt;
mod explain;
mod future;
mod handle;
mod judge;
mod layer;
mod list;
mod names;
mod policy;
mod respond;
mod validate;
mod value;
mod warning;

pub use builder::CorsBuilder;
pub use error::{PolicyError, PolicyErrorKind, PolicyErrors};
pub use explain::{Explanation, Outcome, Step};
pub use future::ResponseFuture;
pub use handle::{CorsHandle, Differences};
pub use judge::{Grant, Refusal, Verdict};
pub use layer::{Cors, CorsLayer};
pub use list::{Any, List};
pub use policy::CorsPolicy;
pub use warning::{PolicyWarning, PolicyWarningKind};
