//! The simulated browser.

#[path = "../support/browser/mod.rs"]
mod support;

mod api;
mod attacks;
mod bodies;
mod conformance;
mod embedding;
mod engines;
mod jars;
mod mutants;
mod navigation;
mod one_origin;
mod readable;
mod requests;
mod scenarios;
mod services;
mod sockets;
mod stored;
mod tables;
mod vectors;
mod wpt;
