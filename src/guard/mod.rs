//! Cross-site requests, WebSocket hijacking and DNS rebinding: one set of origins, one judgement.
//!
//! Browsers send cookies with every request to a site, whichever page makes it. CORS decides who may *read* a
//! response; it stops neither a form on another site's page that posts to the application (CSRF), nor that page's
//! WebSocket. A guard does, by the fields that browsers send and pages cannot set:
//!
//! ```
//! use same_origin::guard::Guard;
//!
//! let guard = Guard::builder().trust(["https://partner.example"]).layer()?;
//! let app = axum::Router::<()>::new()
//!     .route("/transfer", axum::routing::post(async || "done"))
//!     .layer(guard);
//! # Ok::<(), same_origin::guard::GuardErrors>(())
//! ```
//!
//! [`build`](GuardBuilder::build) reports all errors at once, each with what to write instead. After that
//! nothing can fail: [`Guard::judge`] is the whole decision, a function of the request's head that allocates
//! nothing, and the layer only does what it says.
//!
//! # The rules
//!
//! The first that decides ends it.
//!
//! 1. **Host.** Where [`hosts`](GuardBuilder::hosts) are given, the authority of the request has to be one of
//!    them (RFC 9110 7.4), else the response is 421; a request that names no single valid host gets 400 (RFC 9112 3.2).
//!    The target's absolute form counts before `Host` (RFC 9112 3.2.2). If `:authority` and `Host` differ, neither
//!    counts (RFC 9113 8.3.1); one of them may leave out the default port of `:scheme`. Names have no case; a dot at the
//!    end makes another name; IPv6 addresses are compared as addresses, however they are written; the port counts if
//!    the entry has one. This stops DNS rebinding.
//! 2. **Safe methods** pass: `GET`, `HEAD`, `OPTIONS`, `TRACE` (RFC 9110 9.2.1) and `QUERY` (RFC 10008), unless
//!    the request asks for a WebSocket, by `Upgrade` (RFC 6455 4.1) or by an extended CONNECT (RFC 8441 4).
//!    Such a handshake is judged as an unsafe request is: CORS does not cover it (RFC 6455 10.2).
//! 3. **Exempt paths** pass: [`dangerously_exempt`](GuardBuilder::dangerously_exempt).
//! 4. In the mode [`Credentials`](Mode::Credentials), requests other than handshakes pass that carry nothing
//!    which a browser attaches by itself: neither `Cookie` nor an `Authorization` of Basic, Digest, Negotiate
//!    or NTLM.
//! 5. **`Sec-Fetch-Site: same-origin`** and **`none`** pass ([Fetch Metadata] 2.4), whatever `Origin` says.
//! 6. **A trusted `Origin`** passes: [`trust`](GuardBuilder::trust), [`trust_cors`](GuardBuilder::trust_cors).
//! 7. **Any other `Sec-Fetch-Site`** is refused: `cross-site`, `same-site` (a sibling subdomain is another
//!    origin), and all that no browser sends: another word, a list, several lines, an empty value. Fetch
//!    Metadata has servers ignore invalid values; that would open the rules below to whoever can add a line.
//! 8. Without `Sec-Fetch-Site`, **the own `Origin`** passes, and any other is refused: `null`, several lines,
//!    another scheme, what is not an origin. Old browsers send no `Sec-Fetch-Site`, nor does any over plain
//!    http but to this machine, nor Chromium with a WebSocket.
//! 9. **Neither field**: the client is not a browser, and the request passes, unless
//!    [`require_browser_fields`](GuardBuilder::require_browser_fields) is set.
//!
//! `Referer`, `X-Requested-With` and `Sec-Fetch-Mode` decide nothing.
//!
//! [Fetch Metadata]: https://w3c.github.io/webappsec-fetch-metadata/
//!
//! # Modes
//!
//! [`Strict`](Mode::Strict), the default, judges every unsafe request. It is for applications whose pages are their
//! own, and the only safe mode wherever everybody who can reach the server may use it: a tool on loopback, a
//! device in a private network, behind client certificates. [`Credentials`](Mode::Credentials) leaves alone
//! what carries nothing of the visitor's, so that a public API whose CORS is `*` goes on to work.
//!
//! # The own origin
//!
//! It is the scheme, host and port under which the *browser* made the request. Rule 8 needs to know it. The guard takes it
//! from the first of these:
//!
//! - [`public_origins`](GuardBuilder::public_origins), where given, and nothing else;
//! - else the [`OwnOrigin`] in the request's extensions, which a server computes from the forwarding fields of
//!   peers that it trusts;
//! - else the authority that the request names, with the scheme of the `proxy::Peer` in the extensions, or
//!   `http` without one. axum's `ConnectInfo` knows of no TLS, so that it says no more.
//!
//! **Behind a TLS terminator set one of them.** Modern browsers get by without, thanks to rule 5, but Chromium's
//! WebSockets and old browsers are refused: their `Origin` is `https`, and the connection is not. The event
//! of the refusal says so. A client's own `X-Forwarded-*` is never read.
//!
//! # Limitations
//!
//! - A `GET` that changes something is not protected, nor is a `GET` that a method override turns into something else.
//! - `Origin: null` without `Sec-Fetch-Site` is refused although it can be the own page's: with
//!   `Referrer-Policy: no-referrer`, over plain http or in an old browser. Send `same-origin` instead.
//! - A form of a trusted page that its own server redirects here, by 307 or 308, says `Origin: null` in Chromium and is
//!   refused. Let the page post here directly.
//! - The mode `Credentials` does not see NTLM and client certificates, which authenticate a connection.
//! - Sibling subdomains can read and set cookies with a `Domain`; a guard does not change that.
//!
//! # The response to a refused request
//!
//! The status is 403, or 421 for a host that is not in `hosts`, or 400 where no single valid host is named. The body is
//! empty, as `text/plain`, unless there is a [page](GuardLayer::page) of one's own. Nothing of the settings is disclosed
//! but by [`debug`](GuardLayer::debug). The [`GuardError`] is in the extensions. `Vary` names the fields that decided:
//! `Origin` and `Sec-Fetch-Site`, in the mode `Credentials` also `Cookie` and `Authorization`. Responses to requests that
//! were let through need no `Vary`: for safe methods the host alone decides, which is a part of a cache's key, and the
//! responses to other methods are not reused (RFC 9111 4).
//!
//! Inside of the [`CorsLayer`](crate::cors::CorsLayer), where it belongs, a refusal is readable by the pages
//! that CORS allows, and preflights never get to the guard.
//!
//! With the feature `tracing`, each refusal is an event of the target `same_origin::guard` at the level `INFO`, as
//! the faults of clients are: the rule, method, path (without query), origin, the reason, and what to write. Of one
//! rule a layer writes at most ten a second, and then their count. [`Guard::explain`] says the same of any request.
//! [`report_only`](GuardBuilder::report_only) refuses nothing and logs in the same way; [`GuardHandle::report_only`] tries
//! another guard beside the one in place, and [`GuardHandle::replace`] changes it.
//!
//! # Recipes
//!
//! *Behind nginx, a load balancer or a CDN*: `public_origins(["https://app.example.com"])`.
//!
//! *Single-page application on another origin*: one set for both.
//!
//! ```
//! # use same_origin::{cors::CorsPolicy, guard::Guard};
//! let cors = CorsPolicy::builder().allow_origins(["https://spa.example.com"]).allow_credentials(true).build()?;
//! let guard = Guard::builder().trust_cors(&cors).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! *Login by another site that answers with a POST* (SAML, OpenID Connect's `form_post`): its page's form is
//! cross-site, and carries a signed response. Where the site sends an `Origin`, trust it; many send `null` or none.
//!
//! ```
//! # use same_origin::guard::{Exemption, Guard};
//! let guard = Guard::builder().dangerously_exempt([Exemption::new("/saml/acs").methods(["POST"])]).build()?;
//! # Ok::<(), same_origin::guard::GuardErrors>(())
//! ```
//!
//! *Webhooks* come from programs, and pass by rule 9. Only with `require_browser_fields` do they need an
//! exemption; either way check their signature.
//!
//! *Mobile applications* and command lines send neither field, and pass by rule 9. A web view sends what a
//! browser does: trust its origin, such as `capacitor://localhost`.
//!
//! *A tool server on loopback* (MCP, a debugger, a notebook): strict, with the names of this machine as `hosts`.
//! See `examples/mcp_loopback.rs`.
//!
//! ```
//! # use same_origin::guard::Guard;
//! let guard = Guard::builder().hosts(["127.0.0.1", "[::1]", "localhost"]).build()?;
//! # Ok::<(), same_origin::guard::GuardErrors>(())
//! ```
//!
//! # From `tower_http::csrf`, Go and .NET
//!
//! | | here | `tower_http::csrf` | Go 1.25 `http.CrossOriginProtection` | .NET 11, automatic |
//! |---|---|---|---|---|
//! | trusted origins | [`trust`](GuardBuilder::trust), patterns too | `add_trusted_origin` | `AddTrustedOrigin` | the endpoint's CORS policy |
//! | trust of CORS | [`trust_cors`](GuardBuilder::trust_cors), with credentials only | – | – | with `AllowCredentials` only |
//! | not judged | [`dangerously_exempt`](GuardBuilder::dangerously_exempt), by path and method | `with_insecure_bypass`, a closure | `AddInsecureBypassPattern` | by endpoint |
//! | own response | [`GuardLayer::page`] | `with_rejection_response` | `SetDenyHandler` | the form consumer's 400 |
//! | reason | [`GuardError`] in the extensions | `ProtectionError` in the extensions | an error of `Check` | a verdict in the request's features |
//! | WebSockets | judged, by HTTP/1.1 and HTTP/2 | a GET, passes | a GET, passes | a GET, passes |
//! | `Host` | [`hosts`](GuardBuilder::hosts) | – | – | another middleware |
//! | own origin | scheme, host and port, by what the server trusts | host and port of the request | host and port of the request | scheme, host and port |
//! | `QUERY` | safe | judged | judged | safe |
//! | `Sec-Fetch-Site` on several lines, or empty | refused | the first counts, or absent | the first counts, or absent | – |
//! | settings that are wrong | all at once, with remedies | the first | the first | – |
//! | to try it | [`report_only`](GuardBuilder::report_only), [`GuardHandle`] | – | – | – |
//!
//! Clients see two differences: the WebSocket of another site's page is refused, and so is a request whose `Origin` has
//! the right host and the wrong scheme, unless the browser says `same-origin`.

mod advice;
mod config;
mod exempt;
mod explain;
mod judge;
mod layer;
mod policy;
mod request;
mod verdict;

pub use config::builder::{Exemption, GuardBuilder, Mode};
pub use config::error::{GuardConfigError, GuardConfigErrorKind, GuardErrors};
pub use config::warning::{GuardWarning, GuardWarningKind};
pub use explain::{Explanation, Outcome, Step};
pub use layer::admitted::Admitted;
pub use layer::future::ResponseFuture;
pub use layer::handle::{Differences, GuardHandle};
pub use layer::page::{DebugPage, EmptyPage, RefusalPage};
pub use layer::refused::GuardError;
pub use layer::service::{GuardLayer, GuardService};
pub use policy::Guard;
pub use request::own_origin::OwnOrigin;
pub use verdict::{Admission, Refusal, Verdict};
