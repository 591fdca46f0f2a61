//! The origin under which a request was made, and who says so.

use std::fmt;

use http::header::{HeaderMap, HeaderValue};
use http::{Extensions, Version};

use crate::fields::Sole;
use crate::forwarded::Told;
use crate::guard::request::head::Head;
use crate::host_and_port::{HostAndPort, default_port, is_same};

/// The scheme and authority under which a request was made, as the server knows them.
///
/// A server, or a layer outside of the [`GuardLayer`](crate::guard::GuardLayer), puts it into the request's
/// extensions where the head does not say it, or must not be believed:
///
/// - behind a TLS terminator or a proxy that rewrites `Host`: [`forwarded`](Self::forwarded), **for peers
///   that are trusted to forward, and for no others**;
/// - in a server that speaks TLS itself: [`new(true)`](Self::new).
///
/// Without it the authority is the one that the request names (its target's, else `Host`), and the scheme
/// is that of the `proxy::Peer` in the extensions (feature `proxy`), or else `http`. A client's
/// `X-Forwarded-*` is its own word and never read, and its `:scheme` says only which port `:authority` and
/// `Host` may leave out.
///
/// ```
/// use same_origin::guard::OwnOrigin;
///
/// # let mut request = http::Request::new(());
/// # let peer_is_trusted = true;
/// if peer_is_trusted {
///     let own = OwnOrigin::forwarded(request.headers(), false); // the connection is without TLS
///     request.extensions_mut().insert(own);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrigin {
    secure: bool,
    /// `None`: the one that the request names.
    authority: Option<HeaderValue>,
}

impl OwnOrigin {
    /// The authority that the request names, with the scheme `https` if `secure`, else `http`.
    #[must_use]
    pub fn new(secure: bool) -> Self {
        let authority = None;
        Self { secure, authority }
    }

    /// Sets another authority than the request names, such as `app.example.com:8443`. With a value that is
    /// not a host with an optional port the request has no own origin, and is not answered where
    /// [`hosts`](crate::guard::GuardBuilder::hosts) are given.
    #[must_use]
    pub fn authority(mut self, authority: HeaderValue) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Reads the forwarding fields of a request whose peer is trusted to set them. `secure` says whether the
    /// connection itself is by TLS, and holds where the peer does not tell.
    ///
    /// `X-Forwarded-Proto` and `X-Forwarded-Host` go first; `Forwarded` (RFC 7239) is read where neither they nor
    /// `X-Forwarded-For` are there, since many proxies set the former and hand the latter through as the client
    /// sent it. The
    /// last member of a list counts: the others were there before, and may be the client's. `X-Forwarded-Port` is
    /// taken where `X-Forwarded-Host` has no port, unless it is 80 or 443.
    #[must_use]
    pub fn forwarded(headers: &HeaderMap, secure: bool) -> Self {
        let told = Told::by(headers);
        Self {
            secure: told.is_secure().unwrap_or(secure),
            authority: told
                .authority
                .and_then(|authority| HeaderValue::from_bytes(&authority).ok()),
        }
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }
}

/// The own origin of one request, borrowed from its head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'a> {
    secure: bool,
    authority: Result<HostAndPort<'a>, Nameless>,
}

/// The reason why a request has no own origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nameless {
    Absent,
    Several,
    Malformed,
    /// A valid host with a port that no server listens on.
    NoSuchPort,
    /// Over HTTP/2 and 3: `:authority` and `Host` differ.
    Contradiction,
    /// The server has put an [`OwnOrigin`] there whose authority is not a host and port.
    Told,
}

impl<'a> Own<'a> {
    #[inline]
    pub(crate) fn of(head: &Head<'a>) -> Self {
        let told = head.extensions.get::<OwnOrigin>();
        Self {
            secure: match told {
                Some(own) => own.secure,
                None => is_peer_secure(head.extensions),
            },
            authority: match told.and_then(|own| own.authority.as_ref()) {
                Some(authority) => HostAndPort::parse(authority.as_bytes()).ok_or(Nameless::Told),
                None => named(head),
            },
        }
    }

    pub(crate) fn authority(&self) -> Result<HostAndPort<'a>, Nameless> {
        self.authority
    }

    pub(crate) fn default_port(&self) -> u16 {
        default_port(self.secure)
    }

    /// Whether the field is this origin, as browsers serialize it (URL #origin-serialization).
    #[inline]
    pub(crate) fn is(&self, origin: &[u8]) -> bool {
        self.with_scheme(self.secure).serializes_to(origin)
    }

    /// Whether the field is this origin but for the scheme, and for the port that follows from it.
    pub(crate) fn differs_in_scheme_alone(&self, origin: &[u8]) -> bool {
        self.with_scheme(!self.secure).serializes_to(origin)
    }

    fn with_scheme(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    #[inline]
    fn serializes_to(&self, origin: &[u8]) -> bool {
        let Ok(authority) = self.authority else {
            return false;
        };
        let scheme: &[u8] = if self.secure { b"https://" } else { b"http://" };
        origin
            .strip_prefix(scheme)
            .is_some_and(|text| authority.is_serialized_as(text, self.default_port()))
    }
}

impl fmt::Display for Own<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        match self.authority {
            Ok(authority) => write!(f, "{scheme}://{authority}"),
            Err(_) => f.write_str("unknown"),
        }
    }
}

impl fmt::Display for Nameless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "there is no Host",
            Self::Several => "there are several Host lines",
            Self::Malformed => "its host is not a name or an address with an optional port",
            Self::NoSuchPort => "its port is not a number up to 65535",
            Self::Contradiction => ":authority and Host differ",
            Self::Told => "the authority of its `OwnOrigin` is not a host with an optional port",
        })
    }
}

/// The authority that the request names.
fn named<'a>(head: &Head<'a>) -> Result<HostAndPort<'a>, Nameless> {
    let text = match (head.uri.authority(), head.fields.host) {
        (_, Sole::Several) => return Err(Nameless::Several),
        (Some(authority), Sole::One(line))
            if head.version >= Version::HTTP_2 && !is_same(line, authority, head.uri.scheme()) =>
        {
            return Err(Nameless::Contradiction);
        }
        // RFC 9112 3.2.2: the absolute form's authority counts, and not the field beside it.
        (Some(authority), _) => authority.as_str().as_bytes(),
        (None, Sole::One(line)) => line.as_bytes(),
        (None, Sole::Absent) => return Err(Nameless::Absent),
    };
    HostAndPort::parse(text).ok_or_else(|| match HostAndPort::has_no_such_port(text) {
        true => Nameless::NoSuchPort,
        false => Nameless::Malformed,
    })
}

#[cfg(feature = "proxy")]
fn is_peer_secure(extensions: &Extensions) -> bool {
    extensions
        .get::<crate::proxy::Peer>()
        .is_some_and(crate::proxy::Peer::is_secure)
}

#[cfg(not(feature = "proxy"))]
fn is_peer_secure(_: &Extensions) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use http::header::HOST;

    use super::*;

    #[test]
    fn the_authority_is_taken_from_where_it_counts() {
        let (v10, v11, v2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        for (version, uri, hosts, own) in [
            (v11, "/x", &["a.example:81"][..], "http://a.example:81"),
            (v11, "/x", &["A.example"], "http://a.example"),
            (
                v11,
                "http://b.example/x",
                &["a.example"],
                "http://b.example",
            ),
            (v11, "/x", &[], "unknown"),
            (v11, "/x", &["a.example", "a.example"], "unknown"),
            (v11, "/x", &[""], "unknown"),
            (v10, "/x", &[], "unknown"),
            (v2, "https://a.example/x", &[], "http://a.example"),
            (
                v2,
                "https://a.example/x",
                &["A.example"],
                "http://a.example",
            ),
            (v2, "https://a.example/x", &["b.example"], "unknown"),
            // As the proxy has it: the port of the request's scheme may be left out on either side.
            (
                v2,
                "http://a.example/x",
                &["a.example:80"],
                "http://a.example",
            ),
            (
                v2,
                "https://a.example/x",
                &["A.example:443"],
                "http://a.example",
            ),
            (v2, "https://a.example/x", &["a.example:80"], "unknown"),
            (v2, "https://u@a.example/x", &[], "unknown"),
        ] {
            let mut request = http::Request::builder().version(version).uri(uri);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            let request = request.body(()).unwrap();
            let found = Own::of(&Head::of(&request)).to_string();
            assert_eq!(found, own, "{version:?} {uri} {hosts:?}");
        }
    }

    #[test]
    fn the_scheme_is_told_by_the_server() {
        let mut request = http::Request::builder()
            .header(HOST, "a.example")
            .body(())
            .unwrap();
        let own = |request: &http::Request<()>| Own::of(&Head::of(request)).to_string();
        assert_eq!(own(&request), "http://a.example");
        #[cfg(feature = "proxy")]
        {
            let peer = crate::proxy::Peer::new("192.0.2.1:1".parse().unwrap());
            request.extensions_mut().insert(peer.secure(true));
            assert_eq!(own(&request), "https://a.example");
        }
        request.extensions_mut().insert(OwnOrigin::new(false));
        assert_eq!(own(&request), "http://a.example");
        let told = OwnOrigin::new(true).authority(HeaderValue::from_static("b.example"));
        request.extensions_mut().insert(told);
        assert_eq!(own(&request), "https://b.example");
        let broken = OwnOrigin::new(true).authority(HeaderValue::from_static("b c"));
        request.extensions_mut().insert(broken);
        assert_eq!(own(&request), "unknown");
    }

    #[test]
    fn the_port_may_be_told_by_itself() {
        for (host, port, own) in [
            ("a.example", "8443", "https://a.example:8443"),
            ("a.example:81", "8443", "https://a.example:81"),
            ("a.example", "8443x", "https://a.example"),
        ] {
            let mut request = http::Request::builder()
                .header(HOST, "inner.example")
                .header("x-forwarded-proto", "https")
                .header("x-forwarded-host", host)
                .header("x-forwarded-port", port)
                .body(())
                .unwrap();
            let told = OwnOrigin::forwarded(request.headers(), false);
            request.extensions_mut().insert(told);
            let found = Own::of(&Head::of(&request));
            assert!(found.is(own.as_bytes()), "{host} {port}");
        }
    }

    #[test]
    fn a_scheme_alone() {
        let request = |host| {
            http::Request::builder()
                .header(HOST, host)
                .body(())
                .unwrap()
        };
        for (host, origin, alone) in [
            ("a.example", "https://a.example", true),
            ("a.example:8443", "https://a.example:8443", true),
            ("a.example:80", "https://a.example:80", true),
            ("a.example:443", "https://a.example", true),
            ("a.example", "http://a.example", false),
            ("a.example", "https://a.example:80", false),
            ("a.example", "https://b.example", false),
            ("a.example", "app://a.example", false),
        ] {
            let request = request(host);
            let own = Own::of(&Head::of(&request));
            assert_eq!(
                own.differs_in_scheme_alone(origin.as_bytes()),
                alone,
                "{host} {origin}"
            );
        }
    }
}
