//! Hosts in their canonical form (URL #host-serializing), and what is special about some of them.

use super::error::OriginErrorKind as Kind;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a browser serializes a host like that; `subdomains`: `*.` stands before it.
pub(super) fn check(host: &str, subdomains: bool) -> Result<(), Kind> {
    if host.is_empty() {
        return Err(Kind::NoHost);
    }
    if host.starts_with('[') {
        return match () {
            () if subdomains => Err(Kind::Wildcard),
            () if ipv6(host).is_some_and(|address| serialize_ipv6(address) == host) => Ok(()),
            () => Err(Kind::Ipv6),
        };
    }
    check_characters(host)?;
    // RFC 1035 2.3.4, less the bytes of the last length and the root; `*` stands for one byte at least.
    if host.len() + if subdomains { 2 } else { 0 } > 253 {
        return Err(Kind::LongHost);
    }
    for label in host.split('.') {
        check_label(label)?;
    }
    if ends_in_number(host) {
        return match () {
            () if subdomains => Err(Kind::Wildcard),
            // Ipv4Addr reads exactly the canonical form: four decimals without leading zeros.
            () if host.parse::<Ipv4Addr>().is_ok() => Ok(()),
            () => Err(Kind::Ipv4),
        };
    }
    Ok(())
}

fn check_characters(host: &str) -> Result<(), Kind> {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if host.bytes().all(known) {
        return if host == "." {
            Err(Kind::NoHost)
        } else if host.ends_with('.') {
            Err(Kind::TrailingDot)
        } else {
            Ok(())
        };
    }
    Err(if host.contains('*') {
        Kind::Wildcard
    } else if host.chars().any(|c| !c.is_ascii() && !c.is_whitespace()) {
        Kind::Unicode
    } else if host.bytes().all(|b| known(b.to_ascii_lowercase())) {
        Kind::UpperCase
    } else {
        Kind::HostCharacter
    })
}

fn check_label(label: &str) -> Result<(), Kind> {
    if label.is_empty() {
        Err(Kind::EmptyLabel)
    } else if label.len() > 63 {
        Err(Kind::LongLabel)
    } else if label.starts_with('-') || label.ends_with('-') {
        // `xn--` alone is punycode of nothing; that is the better thing to say.
        Err(if label == "xn--" {
            Kind::Punycode
        } else {
            Kind::Hyphen
        })
    } else {
        Ok(())
    }
}

/// Whether each label in `xn--` is the punycode of something. Allocates, so that it is for
/// configuration only; without the feature `idna` it is believed.
pub(super) fn check_punycode(host: &str) -> Result<(), Kind> {
    #[cfg(feature = "idna")]
    if host.split('.').any(|label| label.starts_with("xn--"))
        && !idna::domain_to_ascii(host).is_ok_and(|ascii| ascii == host)
    {
        return Err(Kind::Punycode);
    }
    #[cfg(not(feature = "idna"))]
    let _believed = host;
    Ok(())
}

/// URL #ends-in-a-number-checker: such a host is an IPv4 address or none at all.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x");
    last.bytes().all(|b| b.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The address in a host with brackets.
pub(super) fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// URL #concept-ipv6-serializer, in brackets. [`Ipv6Addr`] prints some addresses with an IPv4 tail,
/// which browsers do not.
pub(super) fn serialize_ipv6(address: Ipv6Addr) -> String {
    let pieces = address.segments();
    let zeros = longest_zeros(&pieces);
    let mut text = String::from("[");
    for (i, piece) in pieces.iter().enumerate() {
        match &zeros {
            Some(run) if i == run.start => text.push_str(if i == 0 { "::" } else { ":" }),
            Some(run) if run.contains(&i) => {}
            _ => {
                let colon = if i < 7 { ":" } else { "" };
                write!(text, "{piece:x}{colon}").expect("a String takes all text");
            }
        }
    }
    text.push(']');
    text
}

/// The first of the longest runs of two or more zeros.
fn longest_zeros(pieces: &[u16; 8]) -> Option<std::ops::Range<usize>> {
    let run_at = |start: usize| {
        let len = pieces[start..]
            .iter()
            .take_while(|&&piece| piece == 0)
            .count();
        start..start + len
    };
    (0..8)
        .map(run_at)
        .rev()
        .max_by_key(ExactSizeIterator::len)
        .filter(|run| run.len() > 1)
}

/// Whether the host is this machine, whatever the network says: RFC 6761 6.3 names, 127/8 and ::1.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
        || host == "[::1]"
}

/// Whether anybody can have a name right below this one, as under `com`, `co.uk` or `github.io`.
///
/// Names right below `localhost` are this machine's own. A name of one label that is in no list is
/// a public suffix too (the list's own rule: the prevailing rule is `*`). Without the feature
/// `public-suffix` these are the only ones that are known.
pub(super) fn is_public_suffix(host: &str) -> bool {
    if is_loopback(host) {
        return false;
    }
    #[cfg(feature = "public-suffix")]
    {
        let suffix_of = |name: &str| psl::suffix_str(name).is_some_and(|suffix| suffix == name);
        // A rule such as `*.ck` makes each name below `ck` a suffix, so that `*.ck` is no better.
        suffix_of(host) || suffix_of(&format!("a.{host}"))
    }
    #[cfg(not(feature = "public-suffix"))]
    !host.contains('.')
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
        ] {
            assert_eq!(check(host, false), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_hosts() {
        for (host, kind) in [
            ("", Kind::NoHost),
            (".", Kind::NoHost),
            ("Example.com", Kind::UpperCase),
            ("bücher.example", Kind::Unicode),
            ("exa mple.com", Kind::HostCharacter),
            ("ex%61mple.com", Kind::HostCharacter),
            ("a,b", Kind::HostCharacter),
            ("example.com.", Kind::TrailingDot),
            (".example.com", Kind::EmptyLabel),
            ("a..example.com", Kind::EmptyLabel),
            ("-a.example.com", Kind::Hyphen),
            ("a-.example.com", Kind::Hyphen),
            ("xn--.example.com", Kind::Punycode),
            ("a*.example.com", Kind::Wildcard),
            ("*", Kind::Wildcard),
            ("127.1", Kind::Ipv4),
            ("0x7f.0.0.1", Kind::Ipv4),
            ("0177.0.0.1", Kind::Ipv4),
            ("2130706433", Kind::Ipv4),
            ("256.0.0.1", Kind::Ipv4),
            ("1.2.3.4.5", Kind::Ipv4),
            ("example.0x", Kind::Ipv4),
            ("example.0x1f", Kind::Ipv4),
            ("[0:0:0:0:0:0:0:1]", Kind::Ipv6),
            ("[::0001]", Kind::Ipv6),
            ("[2001:DB8::1]", Kind::Ipv6),
            ("[::ffff:192.0.2.1]", Kind::Ipv6),
            ("[fe80::1%eth0]", Kind::Ipv6),
            ("[1:2:3:4:5:6:7::]", Kind::Ipv6),
            ("[2001::1:0:0:0:1]", Kind::Ipv6),
            ("[1:0:0:4::7:8]", Kind::Ipv6),
            ("[example]", Kind::Ipv6),
        ] {
            assert_eq!(check(host, false), Err(kind), "{host}");
        }
        assert_eq!(check(&"a".repeat(64), false), Err(Kind::LongLabel));
        assert_eq!(
            check(&["abcdefg"; 32].join("."), false),
            Err(Kind::LongHost)
        );
    }

    #[test]
    fn no_wildcard_before_an_address() {
        for host in ["127.0.0.1", "[::1]"] {
            assert_eq!(check(host, true), Err(Kind::Wildcard));
        }
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        for host in [
            "localhost",
            "app.localhost",
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
    #[cfg(feature = "public-suffix")]
    fn public_suffixes() {
        for host in [
            "com",
            "co.uk",
            "github.io",
            "pages.dev",
            "xn--p1ai",
            "ck",
            "unlisted",
        ] {
            assert!(is_public_suffix(host), "{host}");
        }
        for host in [
            "example.com",
            "example.co.uk",
            "me.github.io",
            "localhost",
            "app.localhost",
        ] {
            assert!(!is_public_suffix(host), "{host}");
        }
    }

    #[test]
    #[cfg(feature = "idna")]
    fn punycode_decodes() {
        assert_eq!(check_punycode("xn--bcher-kva.example"), Ok(()));
        assert_eq!(check_punycode("example.com"), Ok(()));
        for host in ["xn--a.example", "xn--bcher-kv.example", "a.xn--ls8h-.com"] {
            assert_eq!(check_punycode(host), Err(Kind::Punycode), "{host}");
        }
    }
}
