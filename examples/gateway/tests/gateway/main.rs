//! The gateway as its users meet it: a process with a configuration file.

mod support;

mod caches;
mod clients;
mod config;
mod demo;
mod files;
mod headers;
mod operation;
mod paths;
mod refusals;
mod routes;
mod websocket;

use support::{client, gateway, http2, process};
