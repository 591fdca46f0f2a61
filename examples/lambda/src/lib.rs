//! An axum router as a Lambda function, behind each of its four front doors: API Gateway's REST and HTTP APIs,
//! an ALB, a function URL.
//!
//! `lambda_http` makes a request of an event and an event's answer of a response. [`serve`] stands on both
//! sides of it, so that the router sees and says what it would over a socket, as far as the event tells it: the README
//! lists what a REST API and an ALB do not tell of a query.

mod answer;
mod door;
mod event;
mod public;
mod query;
mod serve;
pub mod template;

pub use serve::serve;
