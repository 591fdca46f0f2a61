//! Durations, sizes and addresses in configuration: `"5s"`, `"10MiB"`, `"10.0.0.0/8"`.

pub(crate) mod duration;
#[cfg(feature = "proxy")]
pub(crate) mod networks;
#[cfg(feature = "proxy")]
mod parsed;
#[cfg(feature = "dns")]
pub(crate) mod servers;
pub(crate) mod size;
