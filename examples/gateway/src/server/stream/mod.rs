//! Streams around a client's: what is read of it and written to it, by turns, counted, held back or kept.

mod frames;
pub mod half_closed;
pub mod linger;
pub mod paced;
pub mod rest;
