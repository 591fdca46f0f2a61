//! Lists of networks: `"10.0.0.0/8"`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::Deserializer;

use super::parsed::{self, Entry};

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    parsed::deserialize(from)
}

impl Entry for IpNet {
    const FORM: &'static str = "a network, such as \"10.0.0.0/8\"";

    fn remedy(text: &str) -> String {
        match text.parse::<IpAddr>() {
            Ok(ip) => format!("is not a network; write \"{}\"", Self::from(ip)),
            Err(_) => "is not a network; write one like \"10.0.0.0/8\" or \"fd00::/8\"".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_its_own() {
        for (text, remedy) in [
            ("10.0.0.1", "is not a network; write \"10.0.0.1/32\""),
            ("::1", "is not a network; write \"::1/128\""),
            ("10.0.0.0/33", "is not a network; write one like"),
            ("a.example", "is not a network; write one like"),
            ("", "is not a network; write one like"),
        ] {
            let found = IpNet::remedy(text);
            assert!(found.starts_with(remedy), "{text}: {found}");
        }
    }
}
