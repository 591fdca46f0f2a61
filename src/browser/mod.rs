//! A browser for tests: Fetch's CORS algorithm as a client that runs in-process.
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

mod check;
mod classify;
mod conformance;
mod console;
mod cookies;
mod error;
mod fetch;
mod http_cache;
mod options;
mod outgoing;
mod page;
mod preflight;
mod preflight_cache;
mod request;
mod response;
mod service;
mod site;
mod state;
mod trace;
mod values;
mod web;

pub use conformance::{Expectation, Report, Row, cors_conformance, must, must_not};
pub use error::{ErrorKind, FetchError};
pub use options::{Credentials, Mode, Redirect, ReferrerPolicy};
pub use page::{Fetch, Page};
pub use request::{BodyInit, Request};
pub use response::{Outcome, Response, ResponseType};
pub use service::Body;
pub use trace::{Check, Event, Exchange, Trace};
pub use web::{Engine, Web};
