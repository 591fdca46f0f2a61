//! Properties of any guard, for any page.

use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Method, Request};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use same_origin::guard::{Exemption, Guard, Mode, OwnOrigin, Verdict};
use url::Url;

use crate::request::peer;

/// The server's own place: what browsers call it, and how a request names it.
#[derive(Clone, Debug)]
struct Server {
    secure: bool,
    host: &'static str,
    port: Option<u16>,
    /// A proxy before it has rewritten `Host`, and is trusted to tell.
    behind_proxy: bool,
    public_origins: bool,
}

impl Server {
    fn default_port(&self) -> u16 {
        if self.secure { 443 } else { 80 }
    }

    fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        match self.port.filter(|&port| port != self.default_port()) {
            Some(port) => format!("{scheme}://{}:{port}", self.host),
            None => format!("{scheme}://{}", self.host),
        }
    }

    fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_owned(),
        }
    }

    fn stamp(&self, request: &mut Parts) {
        let authority = HeaderValue::from_str(&self.authority()).expect("a value");
        if self.public_origins || self.behind_proxy {
            request
                .headers
                .insert(HOST, HeaderValue::from_static("internal:3000"));
        } else {
            request.headers.insert(HOST, authority.clone());
        }
        if self.behind_proxy {
            request.headers.insert("x-forwarded-host", authority);
            let proto = if self.secure { "https" } else { "http" };
            request
                .headers
                .insert("x-forwarded-proto", HeaderValue::from_static(proto));
            request
                .extensions
                .insert(OwnOrigin::forwarded(&request.headers, false));
        } else {
            request.extensions.insert(peer(self.secure));
        }
    }
}

const HOSTS: [&str; 6] = [
    "app.example.com",
    "blog.example.com",
    "example.com",
    "evil.example",
    "127.0.0.1",
    "[::1]",
];

fn port() -> impl Strategy<Value = Option<u16>> {
    select(vec![None, Some(80), Some(443), Some(8080)])
}

fn server() -> impl Strategy<Value = Server> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (flags, select(HOSTS.to_vec()), port()).prop_map(
        |((secure, behind_proxy, public_origins), host, port)| Server {
            secure,
            host,
            port,
            behind_proxy,
            public_origins,
        },
    )
}

/// A page somewhere, by its origin.
fn page() -> impl Strategy<Value = String> {
    server().prop_map(|server| server.origin())
}

/// The request of a page.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the choices of a generator, each on its own"
)]
struct Attempt {
    method: &'static str,
    handshake: bool,
    /// Whether the browser sends `Sec-Fetch-Site`, and whether it sends `Origin`.
    fetch_metadata: bool,
    origin: bool,
    /// Of a page with `Referrer-Policy: no-referrer`, or a sandboxed one.
    null: bool,
    cookie: bool,
    /// Fields that a page may add besides, or a hostile one would like to.
    noise: Vec<(&'static str, &'static str)>,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let noise = vec![
        ("x-http-method-override", "GET"),
        ("x-requested-with", "XMLHttpRequest"),
        ("sec-fetch-mode", "same-origin"),
        ("sec_fetch_site", "same-origin"),
        ("referer", "https://app.example.com/"),
        ("authorization", "Bearer x"),
        ("x-original-host", "evil.example"),
        ("content-type", "text/plain"),
    ];
    let methods = select(vec![
        "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "get", "GETX",
    ]);
    let flags = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    (methods, flags, subsequence(noise, 0..4)).prop_map(
        |(method, (handshake, fetch_metadata, origin, null, cookie), noise)| Attempt {
            method,
            handshake,
            fetch_metadata,
            origin: origin || !fetch_metadata,
            null,
            cookie,
            noise,
        },
    )
}

/// The request that a browser makes of an attempt; `site` is what it says of the page.
fn made(attempt: &Attempt, server: &Server, page: &str, site: &'static str) -> Parts {
    let method = if attempt.handshake {
        "GET"
    } else {
        attempt.method
    };
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri("/api/x");
    if attempt.handshake {
        request = request
            .header("upgrade", "websocket")
            .header("connection", "Upgrade");
    }
    if attempt.fetch_metadata {
        request = request.header("sec-fetch-site", site);
    }
    if attempt.origin {
        request = request.header("origin", if attempt.null { "null" } else { page });
    }
    if attempt.cookie {
        request = request.header("cookie", "sid=1");
    }
    for (name, value) in &attempt.noise {
        request = request.header(*name, *value);
    }
    let mut parts = request.body(()).unwrap().into_parts().0;
    server.stamp(&mut parts);
    parts
}

fn guard(server: &Server, mode: Mode, trust: &[String]) -> Guard {
    let mut builder = Guard::builder().mode(mode);
    if server.public_origins {
        builder = builder.public_origins([server.origin()]);
    }
    if !trust.is_empty() {
        builder = builder.trust(trust);
    }
    builder.build().expect("a guard")
}

proptest! {
    #[test]
    fn nothing_of_an_untrusted_page_passes(
        server in server(),
        page in page(),
        attempt in attempt(),
        same_site in any::<bool>(),
        trust in prop::collection::vec(page(), 0..3),
        strict in any::<bool>(),
    ) {
        prop_assume!(page != server.origin());
        prop_assume!(!trust.contains(&page));
        let site = if same_site { "same-site" } else { "cross-site" };
        let request = made(&attempt, &server, &page, site);
        let mode = if strict { Mode::Strict } else { Mode::Credentials };
        let verdict = guard(&server, mode, &trust).judge(&request);
        if strict || attempt.cookie || attempt.handshake {
            prop_assert!(!verdict.is_admitted(), "{verdict:?}");
        }
    }

    #[test]
    fn all_that_the_own_page_makes_passes(
        server in server(),
        attempt in attempt(),
        strict in any::<bool>(),
    ) {
        // What the docs except: `null` without Sec-Fetch-Site cannot be told from a sandboxed page.
        prop_assume!(!(attempt.origin && attempt.null && !attempt.fetch_metadata));
        let page = server.origin();
        let mode = if strict { Mode::Strict } else { Mode::Credentials };
        let request = made(&attempt, &server, &page, "same-origin");
        let verdict = guard(&server, mode, &[]).judge(&request);
        prop_assert!(verdict.is_admitted(), "{verdict:?}");
    }

    #[test]
    fn all_that_a_trusted_page_makes_passes(
        server in server(),
        page in page(),
        attempt in attempt(),
    ) {
        prop_assume!(attempt.origin && !attempt.null);
        let request = made(&attempt, &server, &page, "cross-site");
        let verdict = guard(&server, Mode::Strict, std::slice::from_ref(&page)).judge(&request);
        prop_assert!(verdict.is_admitted(), "{verdict:?}");
    }

    /// Whatever stands in `Origin`: what passes is the own origin as the URL standard writes it.
    #[test]
    fn only_the_own_origin_is_the_own_origin(
        server in server(),
        origin in prop_oneof![
            page(),
            "https?://[a-z.@:/\\[\\]0-9]{0,20}",
            ("https?", "[aA]pp\\.example\\.com", "[:@/.]?", "[0-9a-z.]{0,6}")
                .prop_map(|(scheme, host, mark, rest)| format!("{scheme}://{host}{mark}{rest}")),
        ],
    ) {
        let mut request = Request::post("/x").header("origin", &origin).body(()).unwrap().into_parts().0;
        server.stamp(&mut request);
        let verdict = guard(&server, Mode::Strict, &[]).judge(&request);
        prop_assert_eq!(verdict.is_admitted(), origin == server.origin(), "{:?}", verdict);
        if verdict.is_admitted() {
            let serialized = Url::parse(&origin).expect("a URL").origin().ascii_serialization();
            prop_assert_eq!(serialized, origin);
        }
    }

    /// An exempt request is below its path to whoever reads it, however it is written.
    #[test]
    fn exemptions_never_widen(
        rule in "/[a-b]{1,2}(/[a-b.]{1,2})?",
        path in "(/|\\\\|%2f|%5C|\\.|%2e|%2E|a|b|;|;v=1|%00|%){0,10}",
        suffix in prop_oneof![Just(""), Just("/.."), Just("/../x"), Just("%2f..")],
        below in any::<bool>(),
        method in select(vec!["POST", "PUT", "CONNECT"]),
    ) {
        let exemption = Exemption::new(&rule).methods(["POST"]);
        let Ok(guard) = Guard::builder().dangerously_exempt([exemption]).build() else {
            return Ok(());
        };
        let path = if below { format!("{rule}{path}{suffix}") } else { format!("/{path}{suffix}") };
        let Ok(uri) = path.parse::<http::Uri>() else {
            return Ok(());
        };
        let request = Request::builder().method(method).uri(uri).header("origin", "https://evil.example");
        let (request, ()) = request.body(()).unwrap().into_parts();
        let Verdict::Admitted(_) = guard.judge(&request) else {
            return Ok(());
        };
        prop_assert_eq!(method, "POST");
        let is_below = |path: &str| path == rule || path.starts_with(&format!("{rule}/"));
        prop_assert!(is_below(request.uri.path()), "{}", request.uri);
        // As a browser resolves it, and as a server does that decodes before it resolves.
        let decoded = request.uri.path().replace("%2f", "/").replace("%5C", "/").replace("%2E", ".").replace("%2e", ".");
        for read in [request.uri.path().to_owned(), decoded.clone(), decoded.replace(";v=1", "").replace(';', "")] {
            let resolved = Url::parse(&format!("http://a{read}")).expect("a URL");
            prop_assert!(is_below(resolved.path()), "{} is read as {}", request.uri, resolved);
        }
    }

    /// A host is answered if it is one of the list, in any case, with that port or with any.
    #[test]
    fn hosts_never_widen(
        entries in prop::collection::vec((select(HOSTS.to_vec()), port()), 1..4),
        host in prop_oneof![
            select(HOSTS.to_vec()).prop_map(String::from),
            select(HOSTS.to_vec()).prop_map(|host| format!("{host}.")),
            select(HOSTS.to_vec()).prop_map(|host| format!("x{host}")),
            select(HOSTS.to_vec()).prop_map(|host| format!("a.{host}")),
            select(HOSTS.to_vec()).prop_map(|host| format!("{host}.evil.example")),
            select(HOSTS.to_vec()).prop_map(|host| format!("evil.example@{host}")),
            select(HOSTS.to_vec()).prop_map(str::to_uppercase),
        ],
        port in port(),
        secure in any::<bool>(),
    ) {
        let written = |(host, port): &(&str, Option<u16>)| match port {
            Some(port) => format!("{host}:{port}"),
            None => (*host).to_owned(),
        };
        let guard = Guard::builder().hosts(entries.iter().map(written)).build().expect("a guard");
        let authority = written(&(&host, port));
        let mut request = Request::get("/x").header(HOST, &authority).body(()).unwrap().into_parts().0;
        request.extensions.insert(peer(secure));
        let asked = port.unwrap_or(if secure { 443 } else { 80 });
        let listed = entries.iter().any(|(entry, port)| {
            host.eq_ignore_ascii_case(entry) && port.is_none_or(|port| port == asked)
        });
        prop_assert_eq!(guard.judge_host(&request).is_ok(), listed);
        prop_assert_eq!(guard.judge(&request).is_admitted(), listed);
    }
}
