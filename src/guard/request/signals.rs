//! The signs in a request's head of who made it, and of what it asks for.

use http::Method;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};

use crate::fields::{self, Sole};
use crate::guard::request::head::Head;

/// The value of `Sec-Fetch-Site` (Fetch Metadata 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchSite {
    SameOrigin,
    SameSite,
    CrossSite,
    None,
    Invalid,
}

/// The schemes whose credentials a browser remembers and attaches by itself.
const AMBIENT_SCHEMES: [&[u8]; 4] = [b"basic", b"digest", b"negotiate", b"ntlm"];

/// RFC 9110 9.2.1 and RFC 10008 (QUERY); methods have case, so that `get` is not GET.
pub(crate) fn is_safe(method: &Method) -> bool {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => true,
        // The one that is asked about most, and compared with nothing more.
        Method::POST => false,
        _ => method.as_str() == "QUERY",
    }
}

/// Whether the request asks for a WebSocket: by `Upgrade` (RFC 6455 4.1) or by an extended CONNECT (RFC
/// 8441 4), of which `:protocol` need not be looked at, since no other CONNECT is a browser's.
///
/// `Connection` is not asked for: who leaves it out has nothing to fear but a refusal, whereas a server that
/// does not ask for it either opens a tunnel.
pub(crate) fn is_handshake(head: &Head<'_>) -> bool {
    *head.method == Method::CONNECT || head.fields.websocket
}

/// Whether a line of `Upgrade` names the protocol (RFC 6455 4.1), which has no case.
pub(crate) fn names_websocket(line: &HeaderValue) -> bool {
    // As browsers write it: a tenth of what the guard takes for a handshake is saved (`benches/guard.rs`).
    line == "websocket"
        || fields::split(line).any(|protocol| {
            // RFC 9110 7.8: a version may follow.
            let name = protocol.split(|&byte| byte == b'/').next();
            name.is_some_and(|name| fields::trim(name).eq_ignore_ascii_case(b"websocket"))
        })
}

/// Whether the request carries what a browser attaches by itself, whichever page asks.
pub(crate) fn has_ambient_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(COOKIE)
        || headers.get_all(AUTHORIZATION).iter().any(|line| {
            // A proxy may have joined lines, though they are not a list.
            fields::split(line).any(|credentials| {
                let end = credentials
                    .iter()
                    .position(|byte| !byte.is_ascii_alphanumeric());
                let scheme = &credentials[..end.unwrap_or(credentials.len())];
                AMBIENT_SCHEMES
                    .iter()
                    .any(|ambient| scheme.eq_ignore_ascii_case(ambient))
            })
        })
}

/// `Sec-Fetch-Site` as one token with case (RFC 9651 3.3.4).
///
/// Fetch Metadata 2.4 has servers ignore what they do not know. To do so would open the rules behind this
/// one to whoever can add a line; no browser sends such a value, so that it costs nobody anything.
pub(crate) fn fetch_site(field: Sole<'_>) -> Option<FetchSite> {
    let value = match field {
        Sole::Absent => return None,
        Sole::One(value) => value,
        Sole::Several => return Some(FetchSite::Invalid),
    };
    // As browsers write it; servers hand values on without the white space around them.
    if value == "same-origin" {
        return Some(FetchSite::SameOrigin);
    }
    Some(match fields::trim(value.as_bytes()) {
        b"same-origin" => FetchSite::SameOrigin,
        b"same-site" => FetchSite::SameSite,
        b"cross-site" => FetchSite::CrossSite,
        b"none" => FetchSite::None,
        _ => FetchSite::Invalid,
    })
}

/// The part behind the scheme of an origin.
pub(crate) fn behind_scheme(origin: &[u8]) -> Option<&[u8]> {
    let colon = origin.iter().position(|&byte| byte == b':')?;
    Some(&origin[colon..])
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::header::UPGRADE;

    use super::*;
    use crate::guard::request::head::Fields;

    #[test]
    fn safe_methods_have_case() {
        for (method, safe) in [
            ("GET", true),
            ("HEAD", true),
            ("OPTIONS", true),
            ("TRACE", true),
            ("QUERY", true),
            ("get", false),
            ("query", false),
            ("GETX", false),
            ("POST", false),
            ("PROPFIND", false),
            ("SEARCH", false),
            ("REPORT", false),
            ("CONNECT", false),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(is_safe(&method), safe, "{method}");
        }
    }

    #[test]
    fn handshakes() {
        for (method, upgrades, asks) in [
            ("GET", &["websocket"][..], true),
            ("GET", &["WebSocket"], true),
            ("GET", &["h2c, websocket"], true),
            ("GET", &["h2c", " websocket"], true),
            ("GET", &["websocket/13"], true),
            ("HEAD", &["websocket"], true),
            ("OPTIONS", &["websocket"], true),
            ("CONNECT", &[], true),
            ("GET", &[], false),
            ("GET", &["h2c"], false),
            ("GET", &["websockets"], false),
            ("GET", &["x-websocket"], false),
        ] {
            let mut request = Request::builder().method(method);
            for upgrade in upgrades {
                request = request.header(UPGRADE, *upgrade);
            }
            let request = request.body(()).unwrap();
            assert_eq!(
                is_handshake(&Head::of(&request)),
                asks,
                "{method} {upgrades:?}"
            );
        }
    }

    #[test]
    fn what_a_browser_attaches_by_itself() {
        for (name, values, ambient) in [
            ("cookie", &["sid=1"][..], true),
            ("cookie", &[""], true),
            ("authorization", &["Basic dTpw"], true),
            ("authorization", &["bAsIc dTpw"], true),
            ("authorization", &["Basic"], true),
            (
                "authorization",
                &["Digest username=\"u\", realm=\"r\""],
                true,
            ),
            ("authorization", &["Negotiate YII="], true),
            ("authorization", &["NTLM TlR"], true),
            ("authorization", &["Bearer x", "Basic dTpw"], true),
            ("authorization", &["Bearer x, Basic dTpw"], true),
            ("authorization", &["Bearer abc"], false),
            ("authorization", &["Basically x"], false),
            (
                "authorization",
                &["AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c"],
                false,
            ),
            ("authorization", &[""], false),
            ("x-api-key", &["basic"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(name, value.parse().unwrap());
            }
            assert_eq!(
                has_ambient_credentials(&headers),
                ambient,
                "{name}: {values:?}"
            );
        }
    }

    #[test]
    fn one_token_and_nothing_else() {
        for (lines, site) in [
            (&[][..], None),
            (&["same-origin"][..], Some(FetchSite::SameOrigin)),
            (&[" \tsame-origin "], Some(FetchSite::SameOrigin)),
            (&["none"], Some(FetchSite::None)),
            (&["same-site"], Some(FetchSite::SameSite)),
            (&["cross-site"], Some(FetchSite::CrossSite)),
            (&[""], Some(FetchSite::Invalid)),
            (&["Same-Origin"], Some(FetchSite::Invalid)),
            (&["\"same-origin\""], Some(FetchSite::Invalid)),
            (&["same-origin;a=1"], Some(FetchSite::Invalid)),
            (&["same-origin,"], Some(FetchSite::Invalid)),
            (&["same-origin", "same-origin"], Some(FetchSite::Invalid)),
            (&["same-originx"], Some(FetchSite::Invalid)),
            (&["cross-origin"], Some(FetchSite::Invalid)),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("sec-fetch-site", line.parse().unwrap());
            }
            let field = Fields::of(&headers).fetch_site;
            assert_eq!(fetch_site(field), site, "{lines:?}");
        }
    }
}
