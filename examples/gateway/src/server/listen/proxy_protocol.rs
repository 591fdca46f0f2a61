//! The PROXY protocol, versions 1 and 2: a balancer of connections says whose connection it hands on, in a header
//! before the first byte of TLS or HTTP.
//!
//! It is read of listed peers alone, and of those always. To guess by the first bytes would let everybody say
//! who he is; the specification (section 2) forbids it. Addresses of fields in version 2 (TLV) are not looked at,
//! and its checksum is not verified, which a receiver may leave out (2.2.4): TCP has one.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};

use http::StatusCode;
use ipnet::IpNet;
use proxy_header::{ParseConfig, ProxiedAddress, ProxyHeader};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::observe::{RefusalLog, no_proxy_header};

/// Section 2.1: the longest line of version 1, with its end.
const LINE: usize = 107;
/// The most bytes of a header of version 2. A balancer sends some 500 at most: they have to be in one segment.
const MOST: usize = 4096;
const SIGNATURE_1: &[u8] = b"PROXY ";
const SIGNATURE_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Section 2.2: version 2, and a connection that the balancer made for itself.
const LOCAL: u8 = 0x20;
/// As long as the signature of version 2, and shorter than any header of version 1.
const START: usize = SIGNATURE_2.len();

/// Peers that begin each connection with a header.
#[derive(Clone, Debug, Default)]
pub struct ProxyProtocol(Arc<[IpNet]>);

impl ProxyProtocol {
    pub fn new(peers: &[IpNet]) -> Self {
        Self(peers.into())
    }

    pub fn is_from(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}

/// Reads the header of a connection, and nothing behind it; gives the client, which is `peer` itself where the
/// header says that it speaks for itself, as for a health check.
///
/// # Errors
///
/// There is no header, or none that can be read. The connection is to be closed: nobody knows whose it is.
pub async fn client(stream: &mut TcpStream, peer: SocketAddr) -> io::Result<SocketAddr> {
    let mut header = Vec::with_capacity(LINE);
    loop {
        let more = match next(&header) {
            Next::Bytes(more) => more,
            Next::Line => line_in(stream).await?,
            Next::Whole => break,
            Next::Never(why) => return Err(refused(peer, why)),
        };
        let read = stream.take(more as u64).read_buf(&mut header).await?;
        if read == 0 && header.is_empty() {
            // Balancers look whether the port is open in this way, every few seconds.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if read == 0 {
            return Err(refused(peer, "the connection ended within it"));
        }
    }
    said(&header, peer).map_err(|why| refused(peer, why))
}

/// The number of the bytes at hand that belong to a line.
async fn line_in(stream: &TcpStream) -> io::Result<usize> {
    let mut seen = [0; LINE];
    let count = stream.peek(&mut seen).await?;
    let seen = &seen[..count];
    let end = seen.iter().position(|byte| *byte == b'\n');
    Ok(end.map_or(count.max(1), |end| end + 1))
}

/// The next step for a header of which this much is read.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// These many bytes belong to it at least.
    Bytes(usize),
    /// Everything up to the end of the line.
    Line,
    Whole,
    /// It is not a header, or too long.
    Never(&'static str),
}

fn next(read: &[u8]) -> Next {
    let begins = |signature: &[u8]| {
        let length = read.len().min(signature.len());
        read[..length] == signature[..length]
    };
    if begins(SIGNATURE_2) {
        let Some(head) = read.get(..START + 4) else {
            // Its signature alone first: of version 1 so much may be all.
            let whole = if read.len() < START { START } else { START + 4 };
            return Next::Bytes(whole - read.len());
        };
        let whole = head.len() + usize::from(u16::from_be_bytes([head[14], head[15]]));
        return match whole.checked_sub(read.len()) {
            _ if whole > MOST => Next::Never("it is longer than 4096 bytes"),
            None | Some(0) => Next::Whole,
            Some(more) => Next::Bytes(more),
        };
    }
    if !begins(SIGNATURE_1) {
        return Next::Never("the connection does not begin with one");
    }
    if read.ends_with(b"\n") {
        Next::Whole
    } else if read.len() >= LINE {
        Next::Never("its line is longer than 107 bytes")
    } else if read.len() < START {
        Next::Bytes(START - read.len())
    } else {
        Next::Line
    }
}

/// The client that a whole header names.
fn said(header: &[u8], peer: SocketAddr) -> Result<SocketAddr, &'static str> {
    // Section 2.2: whatever else is in it, its family too, is to be discarded. The parser wants to understand it.
    if header.starts_with(SIGNATURE_2) && header.get(START) == Some(&LOCAL) {
        return Ok(peer);
    }
    if !header.starts_with(SIGNATURE_2) && !is_strict_line(header) {
        return Err("it is malformed");
    }
    let config = ParseConfig {
        include_tlvs: false,
        allow_v1: true,
        allow_v2: true,
    };
    let Ok((parsed, length)) = ProxyHeader::parse(header, config) else {
        return Err("it is malformed");
    };
    if length != header.len() {
        return Err("it is malformed");
    }
    match parsed.proxied_address() {
        // UNKNOWN, and families that have no address of IP.
        None => Ok(peer),
        // Section 2.2: of datagrams, too, which is how the client of a balancer that speaks HTTP/3 comes.
        Some(ProxiedAddress { source, .. }) => {
            Ok(SocketAddr::new(source.ip().to_canonical(), source.port()))
        }
    }
}

/// Whether the words of a line are what section 2.1 wants them to be, where the parser is more lenient: `UNKNOWN` is
/// a whole word, and ports are written in one way, without a sign or zeros in front.
fn is_strict_line(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r\n").unwrap_or(line);
    let mut words = line.split(|byte| *byte == b' ').skip(1);
    if words
        .next()
        .is_some_and(|protocol| protocol.starts_with(b"UNKNOWN"))
    {
        // All behind it is to be ignored.
        return line[SIGNATURE_1.len()..]
            .strip_prefix(b"UNKNOWN")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "));
    }
    words.skip(2).all(|port| {
        let port = std::str::from_utf8(port).unwrap_or_default();
        let number = port.parse::<u16>();
        number.is_ok_and(|number| number.to_string() == port)
    })
}

/// The header of a connection did not come before that had to end.
pub fn late(peer: SocketAddr) {
    let _told = refused(peer, "it did not come in time");
}

fn refused(peer: SocketAddr, why: &str) -> io::Error {
    static LOG: LazyLock<RefusalLog> = LazyLock::new(|| RefusalLog::new("none"));
    no_proxy_header();
    let peer = peer.ip().to_canonical();
    let message = format!(
        "the peer is in proxy_protocol and sent no PROXY header that can be read: {why}; switch it on there, or take the peer out"
    );
    LOG.unreadable(StatusCode::BAD_REQUEST, peer, &message);
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of version 2: command, family and the rest.
    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE_2, &[command, family], &length, rest].concat()
    }

    fn v4(tlvs: &[u8]) -> Vec<u8> {
        [&[203, 0, 113, 7, 10, 0, 0, 1, 0x10, 0x68, 0, 80][..], tlvs].concat()
    }

    #[test]
    fn headers_say_whose_a_connection_is() {
        struct Case {
            name: &'static str,
            header: Vec<u8>,
            client: Option<&'static str>,
        }
        let case = |name, header: &[u8], client| Case {
            name,
            header: header.to_vec(),
            client,
        };
        let peer = "10.0.0.9:4000";
        let mapped: Vec<u8> = {
            let source = "::ffff:203.0.113.7".parse::<std::net::Ipv6Addr>().unwrap();
            [&source.octets()[..], &[0; 16], &[0x10, 0x68, 0, 80]].concat()
        };
        let cases = [
            case(
                "1",
                b"PROXY TCP4 203.0.113.7 10.0.0.1 4200 80\r\n",
                Some("203.0.113.7:4200"),
            ),
            case(
                "1, IPv6",
                b"PROXY TCP6 2001:db8::7 ::1 4200 80\r\n",
                Some("[2001:db8::7]:4200"),
            ),
            case(
                "1, mapped",
                b"PROXY TCP6 ::ffff:203.0.113.7 ::1 4200 80\r\n",
                Some("203.0.113.7:4200"),
            ),
            case("1, of itself", b"PROXY UNKNOWN\r\n", Some(peer)),
            case(
                "1, of itself, with more",
                b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
                Some(peer),
            ),
            case("2", &v2(0x21, 0x11, &v4(&[])), Some("203.0.113.7:4200")),
            case(
                "2, fields",
                &v2(0x21, 0x11, &v4(&[3, 0, 4, 1, 2, 3, 4, 0xee, 0, 1, 9])),
                Some("203.0.113.7:4200"),
            ),
            case(
                "2, fields that end early",
                &v2(0x21, 0x11, &v4(&[3, 0, 9, 1])),
                Some("203.0.113.7:4200"),
            ),
            case(
                "2, mapped",
                &v2(0x21, 0x21, &mapped),
                Some("203.0.113.7:4200"),
            ),
            case("2, LOCAL", &v2(0x20, 0x00, &[]), Some(peer)),
            case(
                "2, LOCAL with an address",
                &v2(0x20, 0x11, &v4(&[])),
                Some(peer),
            ),
            case(
                "2, LOCAL of an unknown family",
                &v2(0x20, 0xff, &[1, 2, 3]),
                Some(peer),
            ),
            case(
                "2, LOCAL without its address",
                &v2(0x20, 0x11, &[]),
                Some(peer),
            ),
            case(
                "2, LOCAL too short for its family",
                &v2(0x20, 0x21, &v4(&[])),
                Some(peer),
            ),
            case(
                "2, LOCAL of a family to come",
                &v2(0x20, 0x41, &[]),
                Some(peer),
            ),
            case("2, LOCAL of another version", &v2(0x10, 0, &[]), None),
            case("2, an unknown family", &v2(0x21, 0x41, &[]), None),
            case("1, a longer word", b"PROXY UNKNOWNX\r\n", None),
            case(
                "1, a sign before a port",
                b"PROXY TCP4 203.0.113.7 10.0.0.1 +4200 80\r\n",
                None,
            ),
            case(
                "1, a sign before the other port",
                b"PROXY TCP4 203.0.113.7 10.0.0.1 4200 +80\r\n",
                None,
            ),
            case(
                "1, a zero before a port",
                b"PROXY TCP4 203.0.113.7 10.0.0.1 04200 80\r\n",
                None,
            ),
            case("2, UNSPEC", &v2(0x21, 0x00, &[1, 2, 3]), Some(peer)),
            case("2, UNIX", &v2(0x21, 0x31, &[0; 216]), Some(peer)),
            case(
                "1, another family",
                b"PROXY TCP5 203.0.113.7 10.0.0.1 4200 80\r\n",
                None,
            ),
            case("1, no addresses", b"PROXY TCP4 \r\n", None),
            case(
                "1, bare end of line",
                b"PROXY TCP4 203.0.113.7 10.0.0.1 4200 80\n",
                None,
            ),
            case(
                "1, a name",
                b"PROXY TCP4 example.com 10.0.0.1 4200 80\r\n",
                None,
            ),
            case(
                "1, no port",
                b"PROXY TCP4 203.0.113.7 10.0.0.1 70000 80\r\n",
                None,
            ),
            case(
                "1, too long",
                &[b"PROXY UNKNOWN ".repeat(9), b"\r\n".to_vec()].concat(),
                None,
            ),
            case("2, another version", &v2(0x31, 0x11, &v4(&[])), None),
            case("2, another command", &v2(0x22, 0x11, &v4(&[])), None),
            case(
                "2, too short for its family",
                &v2(0x21, 0x21, &v4(&[])),
                None,
            ),
            case(
                "2, datagrams",
                &v2(0x21, 0x12, &v4(&[])),
                Some("203.0.113.7:4200"),
            ),
            case("2, too long", &v2(0x21, 0x11, &v4(&[0; 5000])), None),
            case("HTTP", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", None),
            case("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
            case("TLS", &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0], None),
        ];
        for Case {
            name,
            header,
            client,
        } in cases
        {
            // All at once and byte by byte, with a request behind it that nobody may take.
            for step in [usize::MAX, 1, 5] {
                let sent = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
                let mut read = 0;
                let found = loop {
                    let more = match next(&sent[..read]) {
                        Next::Bytes(more) => more,
                        Next::Line => {
                            let seen = &sent
                                [read..sent.len().min(read.saturating_add(step).min(read + LINE))];
                            seen.iter()
                                .position(|byte| *byte == b'\n')
                                .map_or(seen.len(), |end| end + 1)
                        }
                        Next::Whole => break said(&sent[..read], peer.parse().unwrap()).ok(),
                        Next::Never(_) => break None,
                    };
                    read += more.min(step);
                };
                assert_eq!(
                    found,
                    client.map(|client| client.parse().unwrap()),
                    "{name}"
                );
                assert!(client.is_none() || read == header.len(), "{name}: {read}");
            }
        }
    }
}
