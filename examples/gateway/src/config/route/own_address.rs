//! Upstreams that are the gateway itself: each request would come back as another one, until its `Via` tells.

use std::net::{IpAddr, SocketAddr};

use http::Uri;

/// Whether a connection to this upstream would reach what listens here, as far as the two addresses tell. A name
/// other than `localhost`, or another interface of the machine, may lead here too; those loops end with 508.
pub fn is_own(upstream: &str, listen: SocketAddr) -> bool {
    let Ok(uri) = upstream.parse::<Uri>() else {
        return false;
    };
    let Some(authority) = uri.authority() else {
        return false;
    };
    let is_https = uri.scheme_str() == Some("https");
    let port = authority.port_u16();
    if listen.port() == 0 || port.unwrap_or(if is_https { 443 } else { 80 }) != listen.port() {
        return false;
    }
    let own = listen.ip().to_canonical();
    let is_local = own.is_loopback() || own.is_unspecified();
    let host = authority.host().trim_matches(['[', ']']);
    match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        // A connection to any address is one to loopback.
        Ok(ip) if ip.is_unspecified() => is_local,
        // `[::]` is for IPv4 as well.
        Ok(ip) if own.is_unspecified() => ip.is_loopback() && (ip.is_ipv4() || own.is_ipv6()),
        Ok(ip) => ip == own,
        Err(_) => is_local && host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}

/// Whether two listeners cannot both be there. A port of 0 is any that is free.
pub fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (first, second) = (one.ip().to_canonical(), other.ip().to_canonical());
    // `[::]` is for IPv4 as well.
    let holds = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    one.port() != 0
        && one.port() == other.port()
        && (first == second || holds(first, second) || holds(second, first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_listeners_need_two_addresses() {
        for (one, other, both) in [
            ("127.0.0.1:80", "127.0.0.1:80", false),
            ("127.0.0.1:80", "[::ffff:127.0.0.1]:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", false),
            ("127.0.0.1:80", "[::]:80", false),
            ("[::]:80", "[::1]:80", false),
            ("[::]:80", "0.0.0.0:80", false),
            ("127.0.0.1:80", "127.0.0.2:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", true),
            ("127.0.0.1:80", "[::1]:80", true),
            ("0.0.0.0:80", "[::1]:80", true),
            ("127.0.0.1:0", "127.0.0.1:0", true),
        ] {
            let found = overlap(one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(!found, both, "{one} {other}");
        }
    }

    #[test]
    fn an_upstream_is_known_as_the_gateway_itself() {
        for (listen, upstream, own) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080", true),
            ("127.0.0.1:8080", "https://127.0.0.1:8080/base", true),
            ("127.0.0.1:8080", "h2c://127.0.0.1:8080", true),
            ("127.0.0.1:8080", "http://LocalHost.:8080", true),
            ("127.0.0.1:8080", "http://[::ffff:127.0.0.1]:8080", true),
            ("127.0.0.1:8080", "http://0.0.0.0:8080", true),
            ("127.0.0.1:80", "http://127.0.0.1", true),
            ("127.0.0.1:443", "https://127.0.0.1", true),
            ("0.0.0.0:8080", "http://127.0.0.2:8080", true),
            ("[::]:8080", "http://[::1]:8080", true),
            ("[::]:8080", "http://127.0.0.1:8080", true),
            ("192.0.2.1:8080", "http://192.0.2.1:8080", true),
            ("127.0.0.1:8080", "http://127.0.0.1:8081", false),
            ("127.0.0.1:443", "http://127.0.0.1", false),
            ("127.0.0.1:8080", "http://127.0.0.2:8080", false),
            ("127.0.0.1:8080", "http://[::1]:8080", false),
            ("0.0.0.0:8080", "http://[::1]:8080", false),
            ("192.0.2.1:8080", "http://localhost:8080", false),
            ("127.0.0.1:8080", "http://app.example:8080", false),
            ("127.0.0.1:0", "http://127.0.0.1:80", false),
            ("127.0.0.1:8080", "127.0.0.1", false),
        ] {
            let found = is_own(upstream, listen.parse().unwrap());
            assert_eq!(found, own, "{listen} {upstream}");
        }
    }
}
