//! Addresses as hosts, in the form in which a URL has them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

pub(super) fn is_ipv4(host: &[u8]) -> bool {
    // Ipv4Addr reads exactly the canonical form: four decimals without leading zeros.
    text(host).parse::<Ipv4Addr>().is_ok()
}

/// Compares without writing the canonical form, which would allocate.
pub(super) fn is_ipv6(host: &[u8]) -> bool {
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

/// The host as text, or an empty host where it is not.
fn text(host: &[u8]) -> &str {
    std::str::from_utf8(host).unwrap_or_default()
}

/// The address in a host with brackets.
pub(in crate::origin) fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// URL #concept-ipv6-serializer, in brackets. [`Ipv6Addr`] prints some addresses with an IPv4 tail,
/// which browsers do not.
pub(in crate::origin) fn write_ipv6(
    address: Ipv6Addr,
    text: &mut impl std::fmt::Write,
) -> std::fmt::Result {
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
