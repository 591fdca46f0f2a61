//! The address to listen on: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for all interfaces.

use super::Checker;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address where the file names none.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Checker<'_> {
    /// The address of the key `listen`.
    pub(super) fn listen_at(&mut self, text: Option<&str>) -> Option<SocketAddr> {
        match text {
            None => Some(DEFAULT),
            Some(text) => self.value("listen", address(text), |message| message),
        }
    }
}

/// Reads an address.
///
/// `localhost` is not looked up: it is the loopback address always (RFC 6761 6.3), and whether that of IPv4 or
/// of IPv6 came first would hang on the machine. `:8080` is every address of the machine, of both.
///
/// # Errors
///
/// The fault of the text, and the text to write instead.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let ip = match host {
        "" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => {
            return Err(format!(
                "{text:?} is not an address with a port; write \"127.0.0.1:8080\", \"localhost:8080\" or \":8080\""
            ));
        }
    };
    match port.parse() {
        Ok(port) => Ok(SocketAddr::new(ip, port)),
        Err(_) => Err(format!(
            "{text:?} does not end with a port; write a number from 0 to 65535 after a colon, as in \"{host}:8080\""
        )),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_are_written_as_people_write_them() {
        for (text, address) in [
            ("127.0.0.1:8080", Ok("127.0.0.1:8080")),
            ("[::1]:0", Ok("[::1]:0")),
            ("localhost:8080", Ok("127.0.0.1:8080")),
            (":8080", Ok("[::]:8080")),
            ("8080", Err("not an address with a port")),
            ("localhost", Err("does not end with a port")),
            (":", Err("does not end with a port")),
            (":99999", Err("does not end with a port")),
            ("::1:8080", Err("not an address with a port")),
            ("example.com:8080", Err("not an address with a port")),
            ("", Err("does not end with a port")),
        ] {
            match (super::address(text), address) {
                (Ok(found), Ok(wanted)) => assert_eq!(found.to_string(), wanted, "{text}"),
                (Err(found), Err(words)) => assert!(found.contains(words), "{text}: {found}"),
                (found, wanted) => panic!("{text}: {found:?}, not {wanted:?}"),
            }
        }
    }
}
