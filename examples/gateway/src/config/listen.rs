//! The address to listen on: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for all interfaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Checker;

/// The port where the file names none.
pub const PORT: u16 = 8080;

/// The address where the file names none.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);

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
    address_as(text, PORT)
}

/// The same, where texts to write instead have this port.
///
/// # Errors
///
/// As those of [`address`].
pub fn address_as(text: &str, example: u16) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    // Without brackets it may be an address as a whole.
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    if let (Ok(ip), Ok(port)) = (host.parse::<Ipv6Addr>(), port.parse()) {
        let remedy = SocketAddr::new(ip.into(), port);
        return Err(format!(
            "{text:?} is not an address with a port; write \"{remedy}\""
        ));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        let remedy = SocketAddr::new(ip, example);
        return Err(format!(
            "{text:?} does not end with a port; write \"{remedy}\""
        ));
    }
    if let Ok(port @ 1..) = text.parse::<u16>() {
        return Err(format!(
            "{text:?} is not an address with a port; write \"127.0.0.1:{port}\" or \":{port}\""
        ));
    }
    let ip = match host {
        "" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        name if name.eq_ignore_ascii_case("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => {
            return Err(format!(
                "{text:?} is not an address with a port; \
                 write \"127.0.0.1:{example}\", \"localhost:{example}\" or \":{example}\""
            ));
        }
    };
    match port.parse() {
        Ok(port) => Ok(SocketAddr::new(ip, port)),
        Err(_) => Err(format!(
            "{text:?} does not end with a port; \
             write a number from 0 to 65535 after a colon, as in \"{host}:{example}\""
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
            ("LocalHost:8080", Ok("127.0.0.1:8080")),
            (":8080", Ok("[::]:8080")),
            ("8080", Err("write \"127.0.0.1:8080\"")),
            ("9000", Err("write \"127.0.0.1:9000\"")),
            ("0", Err("write \"127.0.0.1:8080\"")),
            ("127.0.0.1", Err("write \"127.0.0.1:8080\"")),
            ("::1", Err("write \"[::1]:8080\"")),
            ("localhost", Err("does not end with a port")),
            (":", Err("does not end with a port")),
            (":99999", Err("does not end with a port")),
            ("::1:8080", Err("write \"[::1]:8080\"")),
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
