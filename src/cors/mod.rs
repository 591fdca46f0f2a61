//! Cross-origin resource sharing: a policy that is checked once, and a layer that obeys it.
//!
//! ```
//! use http::Method;
//! use http::header::{AUTHORIZATION, CONTENT_TYPE};
//! use same_origin::cors::CorsPolicy;
//! use std::time::Duration;
//!
//! let cors = CorsPolicy::builder()
//!     .allow_origins(["https://app.example.com", "https://*.example.com", "http://localhost:*"])
//!     .allow_credentials(true)
//!     .allow_methods([Method::PUT, Method::DELETE])
//!     .allow_headers([AUTHORIZATION, CONTENT_TYPE])
//!     .expose_headers(["x-request-id"])
//!     .max_age(Duration::from_secs(600))
//!     .layer()?;
//!
//! let app = axum::Router::<()>::new().route("/items", axum::routing::get(|| async { "items" })).layer(cors);
//! # Ok::<(), same_origin::cors::PolicyErrors>(())
//! ```
//!
//! [`build`](CorsBuilder::build) and [`layer`](CorsBuilder::layer) report all errors at once, each with what
//! to write instead. After that nothing can fail: [`CorsPolicy::judge`] is the whole decision, a function of
//! the request's head that allocates nothing, and the layer only does what it says.
//!
//! # Rules
//!
//! The clauses are those of the [Fetch standard](https://fetch.spec.whatwg.org).
//!
//! 1. A request without `Origin` is not a CORS request, and the application answers it. `OPTIONS` with
//!    `Origin` and `Access-Control-Request-Method` is a preflight, which is answered here
//!    (`#cors-preflight-request`). All else is an actual request, and so is any other `OPTIONS`.
//! 2. An actual request always reaches the application. CORS is not access control: the same `Origin`
//!    comes with same-origin requests (`#http-requests`), and a page that may not read the response can
//!    make many of these requests by a form.
//! 3. An origin is allowed if it is in the list byte for byte, or matches a
//!    [pattern](crate::origin::OriginPattern) and is serialized as browsers do (`#origin-header`). `null` is
//!    allowed by [`allow_null_origin`](CorsBuilder::allow_null_origin) alone. Several `Origin` lines are
//!    refused.
//! 4. The response to an allowed origin has `Access-Control-Allow-Origin` with that origin,
//!    `Access-Control-Allow-Credentials` where credentials are allowed, and `Access-Control-Expose-Headers`,
//!    whatever the status: pages read errors, redirects and `304`, too (`#cors-check`). With [`Any`] origin,
//!    all responses have `*`, those to requests without `Origin` too, so that a cache needs one copy.
//! 5. The response to any other origin has no `Access-Control-*` header, so that its page learns nothing.
//! 6. A preflight is answered with `204` and the whole lists of methods and headers, as browsers remember
//!    each entry (`#cors-preflight-cache`); or with `403` and nothing (`#http-responses`). `GET`, `HEAD`
//!    and `POST` need no permission, methods are case-sensitive, and header names are not
//!    (`#cors-preflight-fetch` step 7).
//! 7. The list in `Access-Control-Request-Headers` is read as HTTP defines lists: in any order and case, with
//!    repetitions, empty elements and white space, over several lines (RFC 9110 5.6.1); up to 1024
//!    elements, which is more than a request can carry.
//! 8. The policy is the only author of `Access-Control-*`: headers that the application or an upstream set
//!    are removed. Two values of `Access-Control-Allow-Origin` would be as good as none.
//! 9. `Vary` gets `Origin` on all responses that can depend on it, allowed, refused or without `Origin`
//!    (`#cors-protocol-and-http-caches`), unless it has that or `*`. Answers to preflights name all three
//!    request headers: `OPTIONS` is not cacheable (RFC 9110 9.3.7), yet some caches keep it.
//!
//! # Origins
//!
//! | kind of page | origin that its browser sends | entry |
//! |---|---|---|
//! | a site | `https://app.example.com` | the same; `https://*.example.com` for subdomains, `:*` for any port |
//! | a site whose address has a dot at its end | `https://app.example.com.` | the same: it is another origin |
//! | Tauri, Capacitor, Ionic | `tauri://localhost`, `capacitor://localhost`, `http://tauri.localhost` | the same |
//! | Electron and other applications | `app://.`, `app://-`, `app://obsidian.md` | the same |
//! | an extension of Chromium | `chrome-extension://` and its name in the store | the same |
//! | an extension of Firefox or Safari | `moz-extension://` and a host of each installation | `moz-extension://*`, `safari-web-extension://*` |
//! | a file, a sandboxed frame, a redirected request | `null` | [`allow_null_origin`](CorsBuilder::allow_null_origin) |
//! | a file in Chromium that may read files, or in a WebView | `file://` | the same |
//!
//! # Errors: settings that are refused
//!
//! - Origins that no browser sends: a path or slash at the end, upper case in the host of a site, default
//!   ports, Unicode instead of punycode, IPv6 that is not compressed, `*` anywhere but before a name, as the
//!   port or as the host of an extension.
//! - Settings that the standard forbids: the methods `CONNECT`, `TRACE` and `TRACK`, request headers that
//!   scripts cannot set, response headers that they cannot read, `*` in any list together with credentials.
//! - Settings that are dangerous with credentials, unless their switch is set:
//!
//! | with `allow_credentials` | switch |
//! |---|---|
//! | origins that are neither `https` nor on this machine | [`dangerously_allow_insecure_origins`](CorsBuilder::dangerously_allow_insecure_origins) |
//! | patterns that cover a public suffix, such as `https://*.github.io` and `https://*.amazonaws.com` | [`dangerously_allow_public_suffixes`](CorsBuilder::dangerously_allow_public_suffixes) |
//! | every extension, such as `moz-extension://*` | [`dangerously_allow_any_extension`](CorsBuilder::dangerously_allow_any_extension) |
//! | `null` | [`dangerously_allow_credentialed_null_origin`](CorsBuilder::dangerously_allow_credentialed_null_origin) |
//!
//! # Warnings: settings that are legal but probably unintended
//!
//! [`CorsPolicy::warnings`] lists them: a pattern that covers a public suffix, without credentials; `file://`;
//! `patch` in lower case; a method with `*` or `|` in it, `ALL` or `ANY`, each of which is one method; `*` for headers
//! without `authorization`; a `max_age` beyond the limits of browsers.
//!
//! # Layer order: tracing, compression, authentication
//!
//! The layer belongs outside of everything that may answer by itself: authentication, limits, timeouts,
//! routing by method. Otherwise their 401 and 405 answer the preflights, and pages cannot read their errors.
//!
//! | layer | place | otherwise |
//! |---|---|---|
//! | tracing, metrics, request ids | outside of CORS | preflights are not seen |
//! | **CORS** | | |
//! | panics, timeouts, limits, load shedding | inside | pages cannot read the 429 and 503 |
//! | authentication, sessions | inside | preflights, which carry no credentials, are answered 401 |
//! | compression | inside or outside | |
//! | a cache | inside, and inside of authentication | one copy for each origin instead of one for all |
//! | a reverse proxy, routes | inside | |
//!
//! In axum the layer that is added last is the outermost; in a `tower::ServiceBuilder` it is the one that is
//! added first. A layer on a router also covers what its routes do not match, 404 and 405, if it is added
//! after the fallback. It belongs after axum's `method_not_allowed_fallback`, too: added later, that answers in the
//! layer's place, and preflights get its 405.
//!
//! A policy for some routes is a layer on a router of these routes, which is then nested. Such a router needs a
//! fallback of its own, before the layer. Without one, axum has the outer router's fallback answer what the routes do
//! not match, outside of the layer: pages cannot read that 404, and a preflight to such a path fails. So it is where
//! a router is merged into one that has a fallback: the layer is around its routes alone.
//!
//! A route has one policy, the outermost: one around an outer router answers the preflights to the routes inside, and
//! takes away the headers of a policy there (rule 8).
//!
//! ```
//! # use axum::{Router, http::StatusCode, routing::get};
//! # use same_origin::cors::{Any, CorsPolicy};
//! # let authentication = tower::layer::util::Identity::new();
//! let fonts = Router::<()>::new()
//!     .route("/a.woff2", get(|| async { "" }))
//!     .fallback(|| async { StatusCode::NOT_FOUND })
//!     .layer(CorsPolicy::builder().allow_origins(Any).layer()?);
//! let api = Router::new()
//!     .route("/items", get(|| async { "items" }))
//!     .fallback(|| async { StatusCode::NOT_FOUND })
//!     .layer(authentication)
//!     .layer(CorsPolicy::builder().allow_origins("https://app.example.com").layer()?);
//! let app = Router::new().nest("/fonts", fonts).nest("/api", api);
//! # Ok::<(), same_origin::cors::PolicyErrors>(())
//! ```
//!
//! The empty body of an answer to a preflight is `Default::default()`. Bodies of `TraceLayer` and some other
//! layers have no default, so that CORS directly outside of them does not compile in one `ServiceBuilder`.
//! Put tracing outside, where it also sees preflights; or two calls of axum's `Router::layer`, which makes one
//! type of all bodies; or a line in between that does the same:
//!
//! ```
//! # use axum::{Router, body::Body, response::Response};
//! # use same_origin::cors::CorsPolicy;
//! use tower::ServiceBuilder;
//! use tower_http::trace::TraceLayer;
//!
//! # let app = Router::<()>::new();
//! # let cors = CorsPolicy::builder().allow_origins("https://app.example.com").layer()?;
//! let usual = ServiceBuilder::new().layer(TraceLayer::new_for_http()).layer(cors.clone());
//! let reverse = ServiceBuilder::new()
//!     .layer(cors)
//!     .map_response(|response: Response<_>| response.map(Body::new))
//!     .layer(TraceLayer::new_for_http());
//! # let app = app.layer(usual).layer(reverse);
//! # Ok::<(), same_origin::cors::PolicyErrors>(())
//! ```
//!
//! axum itself adds `Allow`, with the methods of the path, to what a layer on a router answers to a
//! preflight, `204` and `403` alike. It means nothing to CORS, and pages do not see it. A layer around the
//! whole router, `cors.layer(router)`, sends none.
//!
//! # The null origin
//!
//! Browsers send `Origin: null` from sandboxed frames and `data:` documents of any site, and after a
//! redirect from one cross-origin URL to a URL of a third origin. So everybody can send it, and to allow it is to
//! allow everybody. It has one good use: an object that is the target of such a redirect, say from an API to a
//! bucket, and is guarded by a signature in its URL. If the page's request is made with credentials, the
//! target has to allow `null` with credentials, although it needs none
//! ([`dangerously_allow_credentialed_null_origin`](CorsBuilder::dangerously_allow_credentialed_null_origin));
//! to allow the page's own origin there does nothing. Where page and API share an origin, the redirect goes to a
//! second origin and not to a third one, and the request keeps the page's origin.
//!
//! # Browser behaviour
//!
//! Measured in Chromium 156:
//!
//! - `*` for request headers covers `authorization`, against the standard. Firefox and Safari are said to
//!   do the same, and may stop. This policy follows the standard: `["*", "authorization"]` covers all.
//! - A preflight is remembered for 5 seconds without `Access-Control-Max-Age`, otherwise for that long up
//!   to 7200 seconds, and per URL: each new URL asks again. The answer has to be a 2xx. A redirect, 401,
//!   403, 404, 405 or 500 fails it, even with all the headers.
//! - A preflight carries no cookie and no `Authorization`, so authentication in front of this layer breaks it.
//! - An image loaded by `<img>` has no `Origin`. When a script then fetches the same URL, the browser's
//!   cache answers with that response: it is blocked without `Vary: Origin`, fetched again with it, and
//!   shared with `*` (rules 4 and 9).
//! - `fetch` with `method: "OPTIONS"` sends a preflight and then that `OPTIONS` (rule 1). A listener for
//!   the progress of an upload makes any request preflighted. `patch` is not `PATCH`.
//! - Private Network Access is gone, and with it `Access-Control-Request-Private-Network`. A public page
//!   asks the user for Local Network Access before it reaches a private address; headers of the server take
//!   no part in it.
//! - WebSocket handshakes are not under CORS: the server has to check `Origin` itself. A [guard](crate::guard) does, or
//!   an [`OriginSet`](crate::origin::OriginSet) in the handler.
//!
//! # Operation: replacing a policy, logs, debugging
//!
//! - [`CorsLayer::handle`] replaces the policy under a running server, and
//!   [judges by another one](CorsHandle::report_only) without obeying it, to report where they differ.
//! - [`CorsPolicy::explain`] says why a request is refused and what to change;
//!   [`debug`](CorsBuilder::debug) lets the browser's console say it. With the feature `tracing`, each
//!   refusal is an event of the target `same_origin::cors` at the level `INFO`, with the request's method,
//!   path (without query) and origin, and the `asked_method` or `asked_header` that was refused. Of one kind a
//!   layer writes at most ten a second, and then their count.
//! - The module `cors::source` (feature `origin-source`) asks for origins at run time, a database for instance.
//!
//! # Migration from `tower_http::cors`
//!
//! | `tower_http::cors::CorsLayer` | here |
//! |---|---|
//! | `CorsLayer::new()` … | `CorsPolicy::builder()` … [`.layer()?`](CorsBuilder::layer) |
//! | `permissive()` | `allow_origins(Any).allow_methods(Any).allow_headers(["*", "authorization"]).expose_headers(Any)` |
//! | `very_permissive()` | not here: it gives every site the visitor's credentials |
//! | `allow_origin("https://a.example".parse()?)` | `allow_origins("https://a.example")`, or a `HeaderValue` |
//! | `allow_origin(AllowOrigin::list(..))` | `allow_origins(..)` with the same list |
//! | `allow_origin(AllowOrigin::predicate(..))` | patterns such as `https://*.a.example`, or a source |
//! | `allow_origin(AllowOrigin::async_predicate(..))` | `layer_with_source(..)`, with the feature `origin-source` |
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
//! | `allow_private_network(true)` | browsers do not ask any more |
//!
//! Clients see these differences: `OPTIONS` that is not a preflight reaches the application; a preflight for
//! a method or header that is not allowed gets `403` instead of `200`; the response to a refused origin has
//! no CORS header; `allow_headers(Any)` does not cover `Authorization`, which Fetch wants by name. A wrong policy is an
//! error of `build`, and never a panic.

mod acrh;
mod config;
mod event;
mod explain;
mod explanation;
mod future;
mod handle;
mod judge;
mod layer;
mod names;
mod policy;
mod respond;
#[cfg(feature = "origin-source")]
#[cfg_attr(docsrs, doc(cfg(feature = "origin-source")))]
pub mod source;

pub use config::{
    AllowList, Any, CorsBuilder, IntoAllowList, PolicyError, PolicyErrorKind, PolicyErrors,
    PolicyWarning, PolicyWarningKind,
};
pub use explanation::{Explanation, Outcome, Step};
pub use future::ResponseFuture;
pub use handle::{CorsHandle, Differences};
pub use judge::{Grant, Refusal, Verdict};
pub use layer::{Cors, CorsLayer};
pub use policy::CorsPolicy;
