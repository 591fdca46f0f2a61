//! The `gateway` example as its users meet it: a process with a configuration file.

#[path = "../support/gateway.rs"]
mod gateway;

mod client;
mod config;
mod demo;
mod files;
mod lifecycle;
mod routes;
mod tls;
