//! Answers from memory: what they are, to whom and in which form.

mod heads;
mod hits;
mod same;
mod streams;
