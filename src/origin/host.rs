//! Hosts in their canonical form (URL #host-serializing), and what is special about some of them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Whether a browser serializes a host like that; `subdomains`: `*.` stands before it.
pub(super) fn is_canonical(host: &[u8], subdomains: bool) -> bool {
    if host.starts_with(b"[") {
        return !subdomains && is_ipv6(host);
    }
    // RFC 1035 2.3.4, less the bytes of the last length and of the root; `*.` stands for two at least.
    let longest = if subdomains { 251 } else { 253 };
    let mut labels = host.split(|&byte| byte == b'.');
    let last = host.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    // URL #ends-in-a-number-checker: such a host is an IPv4 address or none at all.
    host.len() <= longest
        && labels.all(is_label)
        && (!is_number(last) || (!subdomains && is_ipv4(host)))
}

fn is_label(label: &[u8]) -> bool {
    let known = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    matches!(label.len(), 1..=63)
        && label.iter().all(known)
        && !matches!(label, [b'-', ..] | [.., b'-'])
}

/// URL #ipv4-number-parser, as far as it tells numbers from names.
pub(super) fn is_number(label: &[u8]) -> bool {
    match label {
        [b'0', b'x', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

fn is_ipv4(host: &[u8]) -> bool {
    // Ipv4Addr reads exactly the canonical form: four decimals without leading zeros.
    text(host).parse::<Ipv4Addr>().is_ok()
}

/// Compares without writing the canonical form, for that would allocate.
fn is_ipv6(host: &[u8]) -> bool {
    struct Rest<'a>(&'a str);
    impl std::fmt::Write for Rest<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0 = self.0.strip_prefix(text).ok_or(std::fmt::Error)?;
            Ok(())
        }
    }
    let mut rest = Rest(text(host));
    ipv6(rest.0).is_some_and(|address| write_ipv6(address, &mut rest).is_ok() && rest.0.is_empty())
}

/// No host where it is no text.
fn text(host: &[u8]) -> &str {
    std::str::from_utf8(host).unwrap_or_default()
}

/// The address in a host with brackets.
pub(super) fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// URL #concept-ipv6-serializer, in brackets. [`Ipv6Addr`] prints some addresses with an IPv4 tail,
/// which browsers do not.
pub(super) fn write_ipv6(address: Ipv6Addr, text: &mut impl std::fmt::Write) -> std::fmt::Result {
    let pieces = address.segments();
    let zeros = longest_zeros(&pieces);
    text.write_char('[')?;
    for (i, piece) in pieces.iter().enumerate() {
        match &zeros {
            Some(run) if i == run.start => text.write_str(if i == 0 { "::" } else { ":" })?,
            Some(run) if run.contains(&i) => {}
            _ if i < 7 => write!(text, "{piece:x}:")?,
            _ => write!(text, "{piece:x}")?,
        }
    }
    text.write_char(']')
}

/// The first of the longest runs of two or more zeros.
fn longest_zeros(pieces: &[u16; 8]) -> Option<Range<usize>> {
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

/// Whether each label in `xn--` is the punycode of something. Allocates, so that it is for
/// configuration only; without the feature `idna` it is believed.
pub(super) fn is_punycode_valid(host: &str) -> bool {
    #[cfg(feature = "idna")]
    let canonical = |host: &str| idna::domain_to_ascii(host).is_ok_and(|ascii| ascii == host);
    #[cfg(not(feature = "idna"))]
    let canonical = |_: &str| true;
    !host.split('.').any(|label| label.starts_with("xn--")) || canonical(host)
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
/// Names below `localhost` are this machine's own. A name of one label that is in no list is a public
/// suffix too (the list's own rule: the prevailing rule is `*`). Without the feature `public-suffix`
/// these are the only ones that are known.
pub(super) fn is_public_suffix(host: &str) -> bool {
    if is_loopback(host) {
        return false;
    }
    #[cfg(feature = "public-suffix")]
    {
        let is_suffix = |name: &str| psl::suffix_str(name).is_some_and(|suffix| suffix == name);
        // A rule such as `*.ck` makes each name below `ck` a suffix, so that `*.ck` is no better.
        is_suffix(host) || is_suffix(&format!("a.{host}"))
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
            "[1:2:3:4:5:6::]",
        ] {
            assert!(is_canonical(host.as_bytes(), false), "{host}");
        }
        assert!(is_canonical("a".repeat(63).as_bytes(), false));
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
            "example.com.",
            ".example.com",
            "a..example.com",
            "-a.example.com",
            "a-.example.com",
            "xn--.example.com",
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
            assert!(!is_canonical(host.as_bytes(), false), "{host}");
        }
        assert!(!is_canonical("a".repeat(64).as_bytes(), false));
        assert!(!is_canonical(["abcdefg"; 32].join(".").as_bytes(), false));
        assert!(!is_canonical(b"\xff.example", false));
    }

    #[test]
    fn no_wildcard_before_an_address() {
        assert!(!is_canonical(b"127.0.0.1", true));
        assert!(!is_canonical(b"[::1]", true));
        assert!(is_canonical(b"example.com", true));
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
