//! Tests of addresses in responses: mapped ones, and those that stay.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;

use super::*;
use crate::proxy::mount::map::{Origins, PathMap};
use crate::proxy::upstream::Upstream;

fn mount(prefix: &str, authority: &str, base: &str) -> Mount {
    let upstream = Upstream::parse(&format!("http://{authority}")).unwrap();
    Mount {
        map: PathMap::new(prefix, base),
        origins: Origins::new(vec![upstream.destination]),
    }
}

const NO_PREFIX: &PublicPrefix<'_> = &PublicPrefix::NONE;

fn from<'a>(own: &'a Mount, others: &'a Mounts) -> LocationMapper<'a> {
    LocationMapper {
        own,
        others,
        prefix: NO_PREFIX,
        public: deep_in(own),
    }
}

/// A path below the prefix at which no `..` of these tests leads out of it.
fn deep_in(own: &Mount) -> &'static PathAndQuery {
    Box::leak(Box::new(at(&[own.map.prefix(), "/1/2/3"].concat())))
}

fn at(path: &str) -> PathAndQuery {
    path.parse().unwrap()
}

fn table() -> (Mount, Mounts) {
    let mounts = Mounts::new();
    mounts.register(BUCKET.get_or_init(|| Arc::new(mount("/files", "bucket:81", ""))));
    (mount("/api", "up:80", "/base"), mounts)
}

/// A table does not keep what is in it.
static BUCKET: OnceLock<Arc<Mount>> = OnceLock::new();

#[test]
fn addresses_of_ours_come_back_and_foreign_ones_stay() {
    const SIGNED: &str = "https://bucket.s3.amazonaws.com/a%2Fb%20c+d?X-Amz-Signature=0aF&e=";
    let (own, others) = table();
    for (value, want) in [
        ("http://up:80/base/x?a=%2F&b#f", Some("/api/x?a=%2F&b#f")),
        ("http://up/base/x", Some("/api/x")),
        ("HTTP://UP/base/x", Some("/api/x")),
        ("//up/base/x", Some("/api/x")),
        ("/base/x", Some("/api/x")),
        ("/base", Some("/api")),
        ("/base/", Some("/api/")),
        ("/base?x", Some("/api?x")),
        (
            "http://bucket:81/k%20?sig=%2B+",
            Some("/files/k%20?sig=%2B+"),
        ),
        ("//bucket:81", Some("/files/")),
        ("/basement/x", None),
        ("/login", None),
        ("x/y", None),
        ("../x", None),
        ("?page=2", None),
        ("", None),
        ("http://up/other", None),
        ("https://up/base/x", None),
        ("http://up.evil.example/base/x", None),
        ("http://up@evil.example/base/x", None),
        ("http://evil@up/base/x", None),
        ("http://up:/base/x", Some("/api/x")),
        ("com.example.app:/callback?code=1", None),
        ("mailto:a@up", None),
        // A browser reads these without their tabs.
        ("\t /base/x ", Some("/api/x")),
        ("/ba\tse/x", Some("/api/x")),
        ("ht\ttp:/\t/up/base/x", Some("/api/x")),
        ("/\t/up/base/x", Some("/api/x")),
        ("/\t/evil.example/base/x", None),
        ("http://up\t.evil.example/base/x", None),
        (r"/\evil.example", None),
        (r"http://up\@evil.example/base", None),
        (SIGNED, None),
    ] {
        assert_eq!(
            from(&own, &others).to_public(value).as_deref(),
            want,
            "{value}"
        );
    }
}

#[test]
fn an_upstreams_own_path_never_becomes_a_foreign_host() {
    let (own, others) = (mount("/", "up:80", "/base"), Mounts::new());
    let want = Some("/.//evil.example/x");
    for value in ["http://up/base//evil.example/x", "/base//evil.example/x"] {
        assert_eq!(
            from(&own, &others).to_public(value).as_deref(),
            want,
            "{value}"
        );
    }
    let refreshed = from(&own, &others).refresh_to_public("0; url=/base//evil.example/x");
    assert_eq!(refreshed.as_deref(), Some("0; url=/.//evil.example/x"));
}

#[test]
fn an_address_in_a_refresh_may_hold_tabs() {
    let (own, others) = table();
    let refreshed = from(&own, &others).refresh_to_public("0; url='/ba\tse/\tx' z");
    assert_eq!(refreshed.as_deref(), Some("0; url='/api/x' z"));
}

#[test]
fn what_is_relative_to_the_root_is_below_the_prefix() {
    let (own, others) = (mount("/app", "up:80", ""), Mounts::new());
    let prefix = at("/app");
    let at_root = LocationMapper {
        public: &prefix,
        ..from(&own, &others)
    };
    for (value, want) in [
        ("login", Some("/app/login")),
        ("login?next=a:b#c", Some("/app/login?next=a:b#c")),
        ("x?u=http://up/y", Some("/app/x?u=http://up/y")),
        ("./a/../b", Some("/app/b")),
        ("a/../../x", Some("/app/x")),
        ("%2e%2e/x", Some("/app/x")),
        ("../../x", Some("/app/x")),
        ("..", Some("/app/")),
        ("?page=2", None),
        ("#top", None),
        ("", None),
        ("mailto:a", None),
        ("http://other.example/x", None),
        ("/x", Some("/app/x")),
    ] {
        assert_eq!(at_root.to_public(value).as_deref(), want, "{value}");
        let below = from(&own, &others).to_public(value);
        assert_eq!(below.as_deref(), want.filter(|_| value == "/x"), "{value}");
    }
}

/// A row: the prefix and the base, a public path, a reference, and what is sent instead.
type Relative = (
    (&'static str, &'static str),
    &'static str,
    &'static str,
    Option<&'static str>,
);

#[test]
fn what_is_relative_leads_where_the_upstream_meant() {
    let rows: [Relative; 19] = [
        // Go's file server, asked for a folder without its slash.
        (("/help", "/docs"), "/help", "docs/", Some("/help/")),
        (
            ("/help", "/docs"),
            "/help",
            "docs/a?x#y",
            Some("/help/a?x#y"),
        ),
        (("/help", "/docs"), "/help", "./docs", Some("/help")),
        (("/help", "/docs"), "/help", "other", None),
        (("/help", "/help"), "/help", "help/", None),
        (("/a/help", "/docs"), "/a/help", "docs/x", Some("/a/help/x")),
        (("/help", "/a/docs"), "/help", "docs/", Some("/help/")),
        (("/", "/docs"), "/", "x", None),
        // Express, which means its own root.
        (("/app", ""), "/app/login", "..", Some("/app/")),
        (("/app", ""), "/app/login", "../home", Some("/app/home")),
        (("/app", ""), "/app/a/b", "../home", None),
        (
            ("/app", ""),
            "/app/a/b",
            "%2e%2e/../home",
            Some("/app/home"),
        ),
        (("/app", ""), "/app/a/b", "x/../../../y", Some("/app/y")),
        // Out of what is mounted, from both.
        (("/app", "/base"), "/app/x", "../y", None),
        (("/app", "/base"), "/app/x", "../base/y", Some("/app/y")),
        (("/app", "/base"), "/app/x/y", "./../z", None),
        (("/app", ""), "/app/", "x", None),
        // An empty segment is not a host.
        (("/", "/base"), "/x", ".//y", None),
        (("/", "/base"), "/x", "../base//y", Some("/.//y")),
    ];
    let others = Mounts::new();
    for ((prefix, base), public, value, want) in rows {
        let (own, public) = (mount(prefix, "up:80", base), at(public));
        let outer = PublicPrefix::new("/o", None);
        let mut mapper = LocationMapper {
            public: &public,
            ..from(&own, &others)
        };
        let name = format!("{prefix} {base} {public} {value}");
        assert_eq!(mapper.to_public(value).as_deref(), want, "{name}");
        let refreshed = mapper.refresh_to_public(&format!("0; url={value}"));
        let want = want.map(|want| format!("0; url={want}"));
        assert_eq!(refreshed, want, "{name}");
        // Behind another proxy it is resolved at the whole of the public path.
        mapper.prefix = &outer;
        if let Some(public) = mapper.to_public(value) {
            assert!(public.starts_with("/o/"), "{name} {public}");
        }
    }
}

#[test]
fn what_is_relative_may_lead_to_another_mount() {
    let (own, others) = (mount("/api", "up:80", "/svc/api"), Mounts::new());
    let files = Arc::new(mount("/f", "up:80", "/svc/files"));
    others.register(&files);
    let public = at("/api/x");
    let mapper = LocationMapper {
        public: &public,
        ..from(&own, &others)
    };
    let mapped = mapper.to_public("../files/y");
    assert_eq!(mapped.as_deref(), Some("/f/y"));
}

#[test]
fn an_address_in_utf_8_is_mapped_too() {
    let (own, others) = table();
    let mut headers = HeaderMap::new();
    let raw = HeaderValue::from_bytes("http://up/base/café".as_bytes()).unwrap();
    headers.insert(header::LOCATION, raw);
    from(&own, &others).map_fields(&mut headers);
    assert_eq!(headers[header::LOCATION], "/api/caf%C3%A9");
}

#[test]
fn a_path_of_another_mount_of_the_same_host_comes_back_there() {
    let (own, others) = table();
    let login = Arc::new(mount("/auth", "up:80", "/login"));
    let elsewhere = Arc::new(mount("/other", "other:80", "/other"));
    let all = Arc::new(mount("/all", "up:80", ""));
    others.register(&login);
    others.register(&all);
    others.register(&elsewhere);
    for (value, want) in [
        ("/login/x", Some("/auth/x")),
        ("/base/login", Some("/api/login")),
        ("/x", Some("/all/x")),
        ("/other/x", Some("/all/other/x")),
        ("/api/x", None),
    ] {
        assert_eq!(
            from(&own, &others).to_public(value).as_deref(),
            want,
            "{value}"
        );
    }
}

/// Flask with `ProxyFix`, Django with `FORCE_SCRIPT_NAME`: such an application says public paths.
#[test]
fn an_upstream_that_was_told_of_its_prefix_says_public_addresses() {
    let (own, others) = (mount("/api", "up:80", ""), Mounts::new());
    let told = PublicPrefix::new("", Some("/api"));
    let outer = PublicPrefix::new("/outer", Some("/api"));
    let untold = PublicPrefix::new("/outer", None);
    for (name, prefix, value, want) in [
        ("public", &told, "/api/login", None),
        ("the prefix itself", &told, "/api?next=/x", None),
        ("its own", &told, "/login", Some("/api/login")),
        ("beside", &told, "/apis", Some("/api/apis")),
        (
            "absolute",
            &told,
            "http://up/api/login?x",
            Some("/api/login?x"),
        ),
        ("absolute root", &told, "http://up", Some("/api/")),
        ("no scheme", &told, "//up/api", Some("/api")),
        ("absolute, its own", &told, "http://up/x", Some("/api/x")),
        ("foreign", &told, "https://app.example/api/x", None),
        ("climbing", &told, "/api/../x", Some("/api/x")),
        ("outer, public", &outer, "/outer/api/login", None),
        ("outer, its own", &outer, "/login", Some("/outer/api/login")),
        ("a directory", &untold, "/docs/", Some("/outer/api/docs/")),
        (
            "an absolute directory",
            &untold,
            "http://up:80/docs/",
            Some("/outer/api/docs/"),
        ),
    ] {
        let mapper = LocationMapper {
            prefix,
            ..from(&own, &others)
        };
        assert_eq!(mapper.to_public(value).as_deref(), want, "{name}: {value}");
    }
}

#[test]
fn a_refresh_is_mapped_inside_its_words() {
    let (own, others) = table();
    for (value, want) in [
        ("5; url=/base/x", Some("5; url=/api/x")),
        ("5;URL = '/base/x' ", Some("5;URL = '/api/x' ")),
        ("0,url=\"http://up/base/x?a\"", Some("0,url=\"/api/x?a\"")),
        ("0; /base/x", Some("0; /api/x")),
        ("5 url=/base/x", Some("5 url=/api/x")),
        ("5.5  ,/base/x", Some("5.5  ,/api/x")),
        ("5/base/x", None),
        ("x; url=/base/x", None),
        ("0; url=https://other.example/base/x", None),
        ("5", None),
        ("5; url", None),
        ("5;", None),
    ] {
        assert_eq!(
            from(&own, &others).refresh_to_public(value).as_deref(),
            want,
            "{value}"
        );
    }
}

#[test]
fn every_address_field_is_mapped_and_no_other() {
    let (own, others) = table();
    let mut headers = HeaderMap::new();
    for name in [header::LOCATION, header::CONTENT_LOCATION, header::LINK] {
        headers.insert(name, HeaderValue::from_static("/base/x"));
    }
    from(&own, &others).map_fields(&mut headers);
    assert_eq!(headers[header::LOCATION], "/api/x");
    assert_eq!(headers[header::CONTENT_LOCATION], "/api/x");
    assert_eq!(headers[header::LINK], "/base/x");
}

proptest! {
    /// Where a browser goes is where the upstream sends it, or the reference stays as it was.
    #[test]
    fn a_relative_reference_leads_to_the_same_place(
        prefix in "(/[ab]){0,2}",
        base in "(/[ab]){0,2}",
        rest in "(/[abc]?){0,3}",
        value in "(\\.\\./|\\./|[abc]/|/){0,4}(\\.\\.|[abc])?",
    ) {
        prop_assume!(!value.starts_with('/'));
        let public = [prefix.as_str(), &rest].concat();
        let public = at(if public.is_empty() { "/" } else { &public });
        let (own, others) = (mount(&prefix, "up:80", &base), Mounts::new());
        let mapper = LocationMapper { public: &public, ..from(&own, &others) };
        let target = own.map.to_upstream(&public).unwrap().unwrap();
        let goes = |at: &PathAndQuery, value: &str| {
            let base = url::Url::parse(&format!("http://app.example{at}")).unwrap();
            base.join(value).unwrap().path().to_owned()
        };
        prop_assume!(!value.is_empty());
        let Some(want) = own.map.to_public(&goes(&target, &value)) else { return Ok(()) };
        let sent = mapper.to_public(&value).unwrap_or(value);
        let found = goes(&public, &sent);
        prop_assert_eq!(found, want);
    }

    /// An address that is public is so for good, whatever the prefixes: nothing gets one twice.
    #[test]
    fn what_an_upstream_that_was_told_says_is_mapped_once(
        outer in "(/[a-c]{1,2}){0,2}",
        prefix in "(/[a-c]{1,2}){1,2}",
        base in "(/[a-c]{1,2}){0,2}",
        authority in "(http://up|//up)?",
        path in "(/[a-c.]{0,2}){1,4}(\\?[a-c/]{0,4})?",
    ) {
        let (own, others) = (mount(&prefix, "up:80", &base), Mounts::new());
        let prefixes = PublicPrefix::new(&outer, Some(&prefix));
        let mapper = LocationMapper { prefix: &prefixes, ..from(&own, &others) };
        let value = [authority.as_str(), &path].concat();
        if let Some(public) = mapper.to_public(&value) {
            prop_assert!(public.starts_with(&[outer.as_str(), &prefix].concat()), "{}", public);
            prop_assert_eq!(mapper.to_public(&public), None);
        }
    }
}
