//! From the text of the file to values, and what is wrong with it: each problem with its place, in the words of the
//! file.

pub mod environment;
pub mod parse;
pub mod place;
pub mod problems;
pub mod read;
mod strict;
pub mod syntax;
mod unknown;
mod wording;
pub mod written;

pub use wording::{given, no_network, reword};
