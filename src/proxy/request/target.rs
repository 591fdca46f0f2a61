//! The target of a request: the public path, and the host that the client named.

use std::borrow::Cow;

use http::header::{HOST, HeaderMap, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Uri, Version, request};

use crate::host_and_port::{HostAndPort, is_same};
use crate::path::is_ambiguous;
use crate::proxy::error::ProxyErrorKind;

/// The URI that the browser asked for: under axum, with the prefix that its nests took away, and with
/// what layers have made of the rest.
///
/// # Errors
///
/// [`ProxyErrorKind::TargetTooLong`] if the whole of it is longer than a URI can be.
pub(crate) fn public_uri(parts: &request::Parts) -> Result<Cow<'_, Uri>, ProxyErrorKind> {
    #[cfg(feature = "axum")]
    if let Some(nest) = parts.extensions.get::<axum::extract::NestedPath>() {
        if let Some(original) = parts.extensions.get::<axum::extract::OriginalUri>() {
            return below_nest(nest.as_str(), &original.0, &parts.uri);
        }
    }
    match parts.uri.path_and_query() {
        // RFC 9110 4.2.3: an empty path is `/`. `http://a?x` has one.
        Some(target) if target.as_str().starts_with('?') => {
            let public = ["/", target.as_str()].concat().parse();
            Ok(Cow::Owned(
                public.map_err(|_| ProxyErrorKind::TargetTooLong)?,
            ))
        }
        _ => Ok(Cow::Borrowed(&parts.uri)),
    }
}

/// `nest` may hold parameters, so that it tells only how many segments the nests took.
#[cfg(feature = "axum")]
fn below_nest<'a>(
    nest: &str,
    original: &'a Uri,
    inner: &'a Uri,
) -> Result<Cow<'a, Uri>, ProxyErrorKind> {
    let taken = nest.split('/').filter(|segment| !segment.is_empty());
    let (prefix, left) = split_after(original.path(), taken.count());
    let untouched = left_by_nest(left, nest.ends_with('/'));
    let below = if inner.path() == untouched {
        left
    } else {
        inner.path()
    };
    if below == left && original.query() == inner.query() {
        return Ok(Cow::Borrowed(original));
    }
    let query = inner.query().map(|query| ["?", query].concat());
    let public = [prefix, below, query.as_deref().unwrap_or_default()].concat();
    // Two paths that were parsed make one, if it is not too long.
    let public = public.parse().map_err(|_| ProxyErrorKind::TargetTooLong)?;
    Ok(Cow::Owned(public))
}

/// Splits a path behind so many segments. Empty ones do not count: between two nests more slashes than one may stand,
/// as the outer one takes some of them.
#[cfg(feature = "axum")]
fn split_after(path: &str, segments: usize) -> (&str, &str) {
    let mut end = 0;
    let mut left = segments;
    for segment in path.split('/') {
        if left == 0 {
            break;
        }
        end += segment.len() + 1;
        left -= usize::from(!segment.is_empty());
    }
    // The last one that was counted has no slash behind it.
    path.split_at(end.saturating_sub(1))
}

/// The path that axum's nest makes of the text behind its own path. It takes away one slash, or two if its path is
/// written with a slash at the end. Where no slash is left, it puts one.
#[cfg(feature = "axum")]
fn left_by_nest(left: &str, ends_in_slash: bool) -> &str {
    let most = if ends_in_slash { 2 } else { 1 };
    let slashes = left.bytes().take_while(|byte| *byte == b'/');
    match slashes.take(most).count() {
        0 => "/",
        taken if left[taken..].starts_with('/') => &left[taken..],
        taken => &left[taken - 1..],
    }
}

/// The public path and query of a request (RFC 9112 3.2, RFC 9113 8.3.1).
///
/// # Errors
///
/// A target without a path of its own (`*`, `host:port`) or a method that is not forwarded.
pub(crate) fn public_path<'a>(
    method: &Method,
    uri: &'a Uri,
) -> Result<&'a PathAndQuery, ProxyErrorKind> {
    // RFC 9110 9.3.6: a tunnel to an address of the client's choice is a forward proxy's business.
    // 9.3.8: TRACE sends the request back to whoever can read the response, credentials included.
    if *method == Method::CONNECT || *method == Method::TRACE {
        return Err(ProxyErrorKind::MethodNotForwarded);
    }
    match uri.path_and_query() {
        Some(target) if target.as_str().starts_with('/') => Ok(target),
        // `OPTIONS *` asks about the server as a whole (RFC 9112 3.2.4), which is the proxy here and
        // not what is behind one of its prefixes; an authority alone is CONNECT's.
        _ => Err(ProxyErrorKind::MalformedTarget),
    }
}

/// The host and port that the client named, checked.
///
/// `None` for a request that names none, see [`must_name_host`].
///
/// # Errors
///
/// [`ProxyErrorKind::MalformedHost`] as RFC 9112 3.2 demands: a request with more than one `Host`, or with one
/// that is not a host and port.
pub(crate) fn host(
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Option<HeaderValue>, ProxyErrorKind> {
    let mut lines = headers.get_all(HOST).iter();
    let (line, more) = (lines.next(), lines.next());
    if more.is_some() {
        return Err(ProxyErrorKind::MalformedHost);
    }
    if let Some(value) = line {
        if HostAndPort::parse(value.as_bytes()).is_none() {
            return Err(ProxyErrorKind::MalformedHost);
        }
    }
    match (uri.authority(), line) {
        // RFC 9112 3.2.2: the absolute form's host wins over the field.
        (Some(authority), line) => {
            // RFC 9113 8.3.1, RFC 9114 4.3.1: of two that differ the request is malformed.
            let differs = line.is_some_and(|line| !is_same(line, authority, uri.scheme()));
            if version >= Version::HTTP_2 && differs {
                return Err(ProxyErrorKind::MalformedHost);
            }
            from_authority(authority).map(Some)
        }
        (None, Some(value)) => Ok(Some(value.clone())),
        (None, None) => Ok(None),
    }
}

/// Whether a request that came over a connection has to name a host (RFC 9112 3.2, RFC 9113 8.3.1).
pub(crate) fn must_name_host(version: Version) -> bool {
    version >= Version::HTTP_11
}

/// Refuses a request that different servers could read in different ways: by its host or by its path.
///
/// - It names no host, or more than one, it is not a name or address with an optional port,
///   or over HTTP/2 it contradicts `:authority` (RFC 9112 3.2, RFC 9113 8.3.1). A target in absolute
///   form names the host where there is no `Host`. HTTP/1.0 may do without one.
/// - A segment of the path can be read as `.` or `..` (RFC 3986 3.3, CWE-22), where `\`, `%2f`, `%5c` and
///   `;` may end a segment too.
///
/// [`ReverseProxy`](crate::proxy::ReverseProxy) asks this of every request. A server asks it itself
/// for what it does not proxy, so that a refused request is refused on every kind of route.
///
/// # Errors
///
/// [`MalformedHost`](ProxyErrorKind::MalformedHost) or [`AmbiguousPath`](ProxyErrorKind::AmbiguousPath),
/// which a server answers with 400.
///
/// # Examples
///
/// ```
/// use http::Request;
/// use same_origin::proxy::{ProxyErrorKind, check};
///
/// let get = |path, host| Request::get(path).header("host", host).body(()).unwrap();
/// assert!(check(&get("/api/v1.0/a..b/%2Ehidden/...", "app.example:8443")).is_ok());
/// assert_eq!(check(&get("/", "user@app.example")), Err(ProxyErrorKind::MalformedHost));
/// for path in ["/api/../x", "/api/%2e%2E/x", "/api/..%2fx", "/api/..;a=b/x"] {
///     assert_eq!(check(&get(path, "app.example")), Err(ProxyErrorKind::AmbiguousPath));
/// }
/// ```
pub fn check<B>(request: &Request<B>) -> Result<(), ProxyErrorKind> {
    let host = host(request.version(), request.uri(), request.headers())?;
    if host.is_none() && must_name_host(request.version()) {
        return Err(ProxyErrorKind::MalformedHost);
    }
    if is_ambiguous(request.uri().path()) {
        return Err(ProxyErrorKind::AmbiguousPath);
    }
    Ok(())
}

fn from_authority(authority: &Authority) -> Result<HeaderValue, ProxyErrorKind> {
    let text = authority.as_str();
    if HostAndPort::parse(text.as_bytes()).is_none() {
        return Err(ProxyErrorKind::MalformedHost);
    }
    HeaderValue::from_str(text).map_err(|_| ProxyErrorKind::MalformedHost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_taken_from_where_it_counts() {
        use ProxyErrorKind::MalformedHost;
        let (v10, v11, v2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        for (version, uri, hosts, want) in [
            (v11, "/x", &["a.example:81"][..], Ok(Some("a.example:81"))),
            (
                v11,
                "http://b.example/x",
                &["a.example"],
                Ok(Some("b.example")),
            ),
            (v11, "/x", &[], Ok(None)),
            (v11, "/x", &["a", "b"], Err(MalformedHost)),
            (v11, "/x", &["a", "a"], Err(MalformedHost)),
            (v11, "/x", &[""], Err(MalformedHost)),
            (v11, "http://b.example/x", &["a b"], Err(MalformedHost)),
            (v10, "/x", &[], Ok(None)),
            (v10, "/x", &["a"], Ok(Some("a"))),
            (v2, "https://a.example/x", &[], Ok(Some("a.example"))),
            (
                v2,
                "https://a.example/x",
                &["A.example"],
                Ok(Some("a.example")),
            ),
            (
                v2,
                "https://a.example/x",
                &["b.example"],
                Err(MalformedHost),
            ),
            (
                v2,
                "https://[::1]:81/x",
                &["[0:0:0:0:0:0:0:1]:81"],
                Ok(Some("[::1]:81")),
            ),
            (v2, "https://[::1]:81/x", &["[::1]:82"], Err(MalformedHost)),
            // The port of the scheme may be left out on either side.
            (
                v2,
                "http://a.example:80/x",
                &["a.example"],
                Ok(Some("a.example:80")),
            ),
            (
                v2,
                "https://a.example/x",
                &["A.example:443"],
                Ok(Some("a.example")),
            ),
            (
                v2,
                "https://a.example:/x",
                &["a.example:443"],
                Ok(Some("a.example:")),
            ),
            (
                v2,
                "https://a.example:80/x",
                &["a.example"],
                Err(MalformedHost),
            ),
            (
                v2,
                "http://a.example/x",
                &["a.example:443"],
                Err(MalformedHost),
            ),
            (
                v2,
                "ws://a.example:80/x",
                &["a.example"],
                Err(MalformedHost),
            ),
            (v2, "https://u@a.example/x", &[], Err(MalformedHost)),
            (v2, "/x", &[], Ok(None)),
        ] {
            let headers = hosts
                .iter()
                .map(|host| (HOST, HeaderValue::from_str(host).unwrap()))
                .collect();
            let found = host(version, &uri.parse().unwrap(), &headers);
            let want = want.map(|host| host.map(HeaderValue::from_static));
            assert_eq!(found, want, "{version:?} {uri} {hosts:?}");
        }
    }

    #[test]
    fn a_server_refuses_a_request_that_names_no_host() {
        for (version, want) in [
            (Version::HTTP_10, Ok(())),
            (Version::HTTP_11, Err(ProxyErrorKind::MalformedHost)),
            (Version::HTTP_2, Err(ProxyErrorKind::MalformedHost)),
        ] {
            let mut request = Request::new(());
            *request.version_mut() = version;
            assert_eq!(check(&request), want, "{version:?}");
        }
    }

    #[cfg(feature = "axum")]
    #[test]
    fn a_target_that_grows_too_long_in_a_nest_is_an_error() {
        let long = |byte: char| byte.to_string().repeat(40_000);
        let original: Uri = format!("/{}/x", long('p')).parse().unwrap();
        for (inner, is_long) in [("/y".to_owned(), false), (format!("/{}", long('y')), true)] {
            let inner: Uri = inner.parse().unwrap();
            let found = below_nest("/{any}", &original, &inner);
            let want = is_long.then_some(ProxyErrorKind::TargetTooLong);
            assert_eq!(found.err(), want);
        }
    }

    #[test]
    fn only_paths_are_forwarded() {
        use ProxyErrorKind::{MalformedTarget, MethodNotForwarded};
        for (method, uri, want) in [
            (Method::GET, "/a?b", Ok("/a?b")),
            (Method::GET, "http://a.example/b?c", Ok("/b?c")),
            (Method::GET, "http://a.example", Ok("/")),
            (Method::OPTIONS, "*", Err(MalformedTarget)),
            (Method::GET, "a.example:80", Err(MalformedTarget)),
            (Method::CONNECT, "a.example:80", Err(MethodNotForwarded)),
            (Method::TRACE, "/a", Err(MethodNotForwarded)),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let found = public_path(&method, &uri).map(PathAndQuery::as_str);
            assert_eq!(found, want, "{method} {uri}");
        }
    }
}
