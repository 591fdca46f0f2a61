//! Lists of servers: `"1.1.1.1:53"`.

use std::net::{IpAddr, SocketAddr};

use serde::de::Deserializer;

use super::parsed::{self, Entry};

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SocketAddr>, D::Error> {
    parsed::deserialize(from)
}

impl Entry for SocketAddr {
    const FORM: &'static str = "an address with a port, such as \"1.1.1.1:53\"";

    fn remedy(text: &str) -> String {
        match text.parse::<IpAddr>() {
            Ok(ip) => format!("has no port; write \"{}\"", Self::new(ip, 53)),
            Err(_) => "is not an address with a port; write one like \"1.1.1.1:53\"".to_owned(),
        }
    }
}
