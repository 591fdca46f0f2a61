//! The real binaries as Lambda functions: a Runtime API on loopback gives them events and takes their answers.

#[path = "../../../../tests/cors/browser.rs"]
mod browser;
mod commands;
mod contents;
mod doors;
#[path = "../../../../tests/cors/expect.rs"]
mod expect;
#[path = "../../../gateway/tests/gateway/support/process.rs"]
mod process;
mod runtime_api;
mod shapes;
mod socket;
mod vectors;
