//! Hosts in their canonical form (URL #host-serializing).

mod ip;
mod public_suffix;

use std::net::Ipv4Addr;

pub(super) use ip::{ipv6, write_ipv6};
use ip::{is_ipv4, is_ipv6};
pub(super) use public_suffix::covers_public_suffix;
#[cfg(all(feature = "proxy", feature = "public-suffix"))]
pub(crate) use public_suffix::public_suffix_of;

/// Whether the URL parser leaves the host as it is (URL #host-parsing).
///
/// `special` is what its scheme is. A host of another scheme is opaque; it may be empty, and is not
/// looked at further than its characters and its length.
pub(super) fn is_canonical(host: &[u8], special: bool) -> bool {
    if host.starts_with(b"[") {
        is_ipv6(host)
    } else if special {
        // URL #ends-in-a-number-checker: such a host is an IPv4 address or refused. It looks before a
        // dot at the end, which an address in its canonical form does not have.
        is_domain(host, LONGEST) && (!ends_in_number(host) || is_ipv4(host))
    } else {
        host.len() <= LONGEST && host.iter().all(|&byte| is_opaque(byte))
    }
}

/// Whether a pattern can stand for the names below the host.
pub(super) fn is_base(host: &[u8], special: bool) -> bool {
    // `*.` stands for two bytes at least.
    let longest = LONGEST - 2;
    let is_name = if special {
        is_domain(host, longest)
    } else {
        let is_label = |label: &[u8]| !label.is_empty() && label.iter().all(|&b| is_opaque(b));
        host.len() <= longest && labels(host).all(is_label)
    };
    is_name && !ends_in_number(host)
}

/// The most bytes of a host. RFC 1035 2.3.4: 255, less the lengths of the first label and of the root.
///
/// Nothing bounds an opaque host but the head of a request, which any client can fill, and an origin is remembered
/// and handed to the functions of users. Those that there are (names of applications, ids of extensions) are names of
/// DNS or shorter.
pub(super) const LONGEST: usize = 253;

/// Whether it is a name of DNS that the URL parser leaves as it is, with a dot at its end or without:
/// the two are different origins.
///
/// The parser lets more through, since it neither bounds lengths nor refuses empty labels and most
/// punctuation (URL #concept-domain-to-ascii, with its `beStrict` false). DNS has no such names, and
/// to accept them would hide mistakes; underscores are in use.
fn is_domain(host: &[u8], longest: usize) -> bool {
    host.strip_suffix(b".").unwrap_or(host).len() <= longest && labels(host).all(is_label)
}

/// The labels of a name, without the empty one that a dot at the end stands for.
fn labels(name: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    name.split(|&byte| byte == b'.')
}

fn is_label(label: &[u8]) -> bool {
    let known = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    // Nothing encodes to punycode that ends with its delimiter (UTS #46 4, step 4).
    let is_nothing = label.starts_with(b"xn--") && label.ends_with(b"-");
    matches!(label.len(), 1..=63) && label.iter().all(known) && !is_nothing
}

/// RFC 3986 3.2.2, reg-name, which is the host of Fetch #origin-header; without `*`, which means
/// something else in a pattern.
pub(super) fn is_opaque(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;=".contains(&byte)
}

/// URL #ends-in-a-number-checker
pub(super) fn ends_in_number(host: &[u8]) -> bool {
    labels(host).next_back().is_some_and(is_number)
}

/// URL #ipv4-number-parser, as far as it tells numbers from names.
fn is_number(label: &[u8]) -> bool {
    match label {
        [b'0', b'x', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

/// Whether each label in `xn--` is the punycode of something. Allocates, so that it is for
/// configuration only; without the feature `idna` it is believed.
pub(super) fn is_punycode_valid(host: &str) -> bool {
    #[cfg(feature = "idna")]
    let canonical = |host: &str| idna::domain_to_ascii(host).is_ok_and(|ascii| ascii == host);
    #[cfg(not(feature = "idna"))]
    let canonical = |_: &str| true;
    !host.split('.').any(|label| label.starts_with("xn--")) || canonical(host)
}

/// Whether the host is this machine, whatever the network says: RFC 6761 6.3 names, 127/8 and ::1. A dot
/// at the end of a name changes nothing (Secure Contexts #is-origin-trustworthy).
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
        || host == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_hosts() {
        for host in [
            "example.com",
            "intranet",
            "a--b.example",
            "4chan.example",
            "1.example.com",
            "my_app.example",
            "xn--bcher-kva.example",
            "192.0.2.1",
            "127.0.0.1",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[2001:db8::1]",
            "[1:2:3:4:5:6:7:8]",
            "[1:0:3:4:5:6:7:8]",
            "[::ffff:c000:201]",
            "[1::4:0:0:7:8]",
            "[2001:0:0:1::1]",
            "[1:2:3:4:5:6::]",
            "example.com.",
            "localhost.",
            "-a.example.com",
            "a-.example.com",
            "-",
            "sub.-.example",
        ] {
            assert!(is_canonical(host.as_bytes(), true), "{host}");
        }
        assert!(is_canonical("a".repeat(63).as_bytes(), true));
        let longest = format!("{}.", ["abcdefg"; 31].join("."));
        assert!(is_canonical(longest.as_bytes(), true));
    }

    #[test]
    fn other_hosts() {
        for host in [
            "",
            ".",
            "Example.com",
            "bücher.example",
            "exa mple.com",
            "ex%61mple.com",
            "a,b",
            "a[b",
            "..",
            "example.com..",
            ".example.com",
            "a..example.com",
            "xn--.example.com",
            "xn--a-.example.com",
            "127.0.0.1.",
            "example.1.",
            "a*.example.com",
            "*",
            "127.1",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "2130706433",
            "256.0.0.1",
            "1.2.3.4.5",
            "example.0x",
            "example.0x1f",
            "example.1",
            "[0:0:0:0:0:0:0:1]",
            "[::0001]",
            "[2001:DB8::1]",
            "[::ffff:192.0.2.1]",
            "[fe80::1%eth0]",
            "[1:2:3:4:5:6:7::]",
            "[2001::1:0:0:0:1]",
            "[1:0:0:4::7:8]",
            "[example]",
            "[::1",
            "[::1]x",
        ] {
            assert!(!is_canonical(host.as_bytes(), true), "{host}");
        }
        assert!(!is_canonical("a".repeat(64).as_bytes(), true));
        assert!(!is_canonical(["abcdefg"; 32].join(".").as_bytes(), true));
        assert!(!is_canonical(b"\xff.example", true));
    }

    #[test]
    fn opaque_hosts_are_as_long_as_names_of_dns() {
        assert!(is_canonical("a".repeat(253).as_bytes(), false));
        assert!(!is_canonical("a".repeat(254).as_bytes(), false));
        assert!(is_base("a".repeat(251).as_bytes(), false));
        assert!(!is_base("a".repeat(252).as_bytes(), false));
    }

    #[test]
    fn no_wildcard_before_an_address_or_nothing() {
        for special in [true, false] {
            for host in [
                "127.0.0.1",
                "127.0.0.1.",
                "[::1]",
                "",
                ".",
                "..",
                "a..b",
                ".a",
            ] {
                assert!(!is_base(host.as_bytes(), special), "{host}");
            }
            assert!(is_base(b"example.com", special));
            assert!(is_base(b"example.com.", special));
        }
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        for host in [
            "localhost",
            "localhost.",
            "app.localhost",
            "app.localhost.",
            "127.0.0.1",
            "127.255.0.3",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "notlocalhost",
            "128.0.0.1",
            "[::2]",
            "[::ffff:7f00:1]",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    #[cfg(feature = "idna")]
    fn punycode_decodes() {
        for host in [
            "xn--bcher-kva.example",
            "example.com",
            "my_app.xn--bcher-kva.example",
        ] {
            assert!(is_punycode_valid(host), "{host}");
        }
        for host in ["xn--a.example", "xn--bcher-kv.example", "a.xn--ls8h-.com"] {
            assert!(!is_punycode_valid(host), "{host}");
        }
    }
}
