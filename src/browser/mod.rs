//! A browser for tests: Fetch's CORS algorithm as a client that runs in-process.
//!
//! Whether an API can be used by a page is decided in the browser, long after the API's own tests have
//! passed. [`Web`] puts any tower services behind origins; a [`Page`] of another origin fetches from
//! them; the [`Outcome`] is what its script would get, and why.
//!
//! ```
//! # use std::convert::Infallible;
//! use same_origin::browser::{Credentials::Include, Request, Web};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! # let api = tower::service_fn(|_| async { Ok::<_, Infallible>(http::Response::new(String::new())) });
//! let web = Web::new().origin("https://api.example.com", api);
//! let page = web.page("https://app.example.com");
//! let outcome = page.fetch(Request::put("https://api.example.com/x")).credentials(Include).send().await;
//!
//! println!("{}", outcome.trace());            // every request on the wire, each check and its clause
//! let error = outcome.response().unwrap_err(); // or what a script can read
//! assert_eq!(
//!     error.console(),
//!     "Access to fetch at 'https://api.example.com/x' from origin 'https://app.example.com' has been \
//!      blocked by CORS policy: Response to preflight request doesn't pass access control check: No \
//!      'Access-Control-Allow-Origin' header is present on the requested resource."
//! );
//! # });
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! # Tests in a line
//!
//! | question | answer |
//! |---|---|
//! | Can these pages use my API, and no others? | [`cors_conformance`] |
//! | Can a page read every refusal, or does a layer answer outside of CORS? | [`readable()`] |
//! | Can another site's page act in my user's name? | [`attacks()`] |
//! | What does script get of this one request? | [`Page::fetch`], and the `assert_…` of [`Outcome`] |
//!
//! Of servers that run, and that somebody else configured, the example `cors_check` asks the same: it is a tool
//! for the command line and for pipelines, on `Web::network`.
//!
//! An application whose `ReverseProxy` makes CORS unnecessary is tested in the same way, without a
//! network: its `build_with_client` takes the upstream's own service.
//!
//! # Guarantees
//!
//! 1. It takes a request as script gives it: methods in any case, headers that are the browser's to set
//!    ignored, URLs relative to the page.
//! 2. It finds out whether a preflight is needed, sends it, judges it, and remembers it by Fetch's
//!    CORS-preflight cache. Time passes only by [`Web::advance`].
//! 3. It sends the request with the headers a browser adds: `Origin`, `Referer` by the referrer policy,
//!    `Sec-Fetch-*`, cookies by RFC 6265bis with `SameSite`, prefixes and partitions.
//! 4. It runs the CORS check or the cross-origin resource policy check, follows redirects as the
//!    standard wants (methods, dropped headers, `Origin: null`, the referrer), and starts again at 2.
//! 5. It hands script what it may see: status, body and exposed headers, or nothing of it.
//!
//! Beside `fetch()`, a page has [images](Page::image), [scripts](Page::script), [styles](Page::stylesheet),
//! [fonts](Page::font), [beacons](Page::beacon), [WebSockets](Page::socket), [links](Page::navigate),
//! [frames](Page::iframe) and [forms](Page::submit). A page can be [sandboxed](Page::sandboxed), in a
//! [frame](Page::frame) of another, or of a scheme of its own such as `tauri://localhost`.
//!
//! The browser sends nothing over a network and needs no runtime; services are called in-process. (With the
//! feature `proxy`, `Web::network` makes an exception: its origins are real servers.) Where
//! a browser is known to differ from the standard, [`Engine`] chooses. [`_what_browsers_do`] has the
//! measurements, [`_web_platform_tests`] the assertions that the standard's own tests make.
//!
//! # Limitations
//!
//! - Documents are not rendered: what a page links to, it does not load; a script or a style sheet arrives whatever
//!   its status and its type are, and no image is remembered beside the HTTP cache; `X-Frame-Options`, Content
//!   Security Policy, Subresource Integrity and opaque response blocking do not act.
//! - Service workers, `data:` and `blob:` URLs, HSTS, blocked ports, authentication prompts and compression
//!   (`Accept-Encoding` is not sent, but for ranges) are left out.
//! - The HTTP cache has fresh answers to GET only: it neither validates nor puts parts together.
//! - A WebSocket ends with its handshake. A service that needs a connection below it to switch protocols
//!   answers as if there were none, in axum with 426.
//! - Bodies are read to their end: a response that never ends never arrives.

mod attacks;
mod cache;
mod conformance;
mod cookies;
mod engine;
mod fetch;
mod origin;
mod outcome;
mod page;
mod readable;
mod reference;
mod site;
mod values;
mod web;
#[doc = include_str!("what_browsers_do.md")]
pub mod _what_browsers_do {}
#[doc = include_str!("web_platform_tests.md")]
pub mod _web_platform_tests {}

/// `Url` stands in signatures of this module.
pub use url;

pub use self::attacks::{AttackReport, AttackVerdict, Attacks, Attempt, attacks};
pub use self::conformance::{Expectation, Report, Row, cors_conformance, must, must_not};
pub use self::engine::Engine;
pub use self::fetch::client::{EmbedderPolicy, StorageAccess};
pub use self::fetch::options::{Credentials, Mode, Redirect};
pub use self::fetch::referrer::ReferrerPolicy;
pub use self::outcome::error::{FetchError, FetchErrorKind};
pub use self::outcome::response::{Outcome, Response, ResponseType};
pub use self::outcome::trace::{Check, Event, Exchange, Trace};
pub use self::page::Page;
pub use self::page::fetch::Fetch;
pub use self::page::form::{Encoding, Form};
pub use self::page::request::{BodyInit, Request};
pub use self::readable::{Readability, Readable, ReadableReport, Reading, readable};
pub use self::web::Web;
pub use self::web::address::AddressSpace;
pub use self::web::server::Body;

const _: () = {
    const fn shared<T: Send + Sync + Clone>() {}
    shared::<Web>();
    shared::<Page>();
    shared::<Fetch>();
    shared::<Outcome>();
    shared::<FetchError>();
    shared::<Report>();
};
