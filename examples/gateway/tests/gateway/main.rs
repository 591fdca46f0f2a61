//! The gateway as its users meet it: a process with a configuration file.

mod process;

mod admin;
mod caches;
mod client;
mod config;
mod demo;
mod encodings;
mod files;
mod gateway;
mod headers;
mod http2;
mod lifecycle;
mod limits;
mod log;
mod paths;
mod ranges;
mod refusals;
mod routes;
mod tls;
