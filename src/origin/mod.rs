//! What an origin is.
