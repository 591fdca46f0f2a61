//! The gateway as its users meet it: a process with a configuration file.

mod process;

mod admin;
mod caches;
mod client;
mod config;
mod demo;
mod edge;
mod encodings;
mod environment;
mod files;
mod gateway;
mod headers;
mod http2;
mod lifecycle;
mod limits;
mod log;
mod paths;
mod proxy_protocol;
mod ranges;
mod refusals;
mod reload;
mod restart;
mod routes;
mod stop;
mod tls;
mod websocket;
