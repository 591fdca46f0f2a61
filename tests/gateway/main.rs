//! The `gateway` example as its users meet it: a process with a configuration file.

#[path = "../support/example.rs"]
mod example;

mod client;
mod config;
mod demo;
mod files;
mod gateway;
mod lifecycle;
mod routes;
mod tls;
