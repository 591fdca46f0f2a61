//! Origins that are known only at run time, such as customers' own domains in a database.
//!
//! A [`SourcedCorsLayer`] is a [`CorsLayer`](super::CorsLayer) with an [`OriginSource`] beside the list
//! of its policy. The source is asked about origins that the list does not hold:
//!
//! 1. Only about well-formed ones, of which no host has more than 253 bytes, and never about `null`; with
//!    credentials only about those that are `https` or on this machine, unless
//!    `dangerously_allow_insecure_origins` is set.
//! 2. Its answers are remembered, no as well as yes, for a while and up to a number of origins.
//! 3. While it is asked about an origin, other requests of that origin wait for the same answer, also when the
//!    request that began to ask is given up.
//! 4. When it takes too long, panics, or is asked too much at once, the answer for those requests is no. This
//!    is not remembered.
//! 5. An actual request goes to the application at once; only its response waits.
//!
//! A layer without a source pays nothing for all that: it is another type.
//!
//! ```
//! use same_origin::cors::{CorsPolicy, source::OriginSource};
//!
//! # async fn is_customer(host: String) -> bool { host == "shop.example" }
//! let source = OriginSource::new(|origin| {
//!     let host = origin.host().to_owned();
//!     async move { is_customer(host).await }
//! });
//! let cors = CorsPolicy::builder()
//!     .allow_origins(["https://app.example.com"])
//!     .allow_credentials(true)
//!     .layer_with_source(source)?;
//! # Ok::<(), same_origin::cors::PolicyErrors>(())
//! ```

mod future;
mod layer;
mod lookup;

pub use future::ResponseFuture;
pub use layer::{SourcedCors, SourcedCorsLayer};
pub use lookup::OriginSource;
