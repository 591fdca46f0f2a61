//! Tests of cookies in responses: mapped ones, and those that stay.

mod above;
mod confined;

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::proxy::mount::map::tests::mount;

const APP: HeaderValue = HeaderValue::from_static("app.example.com:8443");

const UP: &str = "http://up.example";

/// The way back of a mount that stands alone.
fn from<'a>(own: &'a Mount, others: &'a Mounts) -> CookieMapper<'a> {
    CookieMapper {
        own,
        others,
        prefix: &PublicPrefix::NONE,
        confine: false,
        at_bare_prefix: false,
        public_host: None,
    }
}

fn map(prefix: &str, base: &str, value: &str) -> Option<String> {
    let (own, others) = (mount(prefix, UP, base), Mounts::new());
    let mapper = CookieMapper {
        public_host: Some(&APP),
        ..from(&own, &others)
    };
    let mapped = mapper.to_public(value.as_bytes());
    mapped.map(|mapped| String::from_utf8(mapped).unwrap())
}

#[test]
fn a_foreign_domain_goes_and_path_comes_back() {
    for (value, want) in [
        ("a=1; Domain=up.example; Path=/base", "a=1; Path=/api"),
        ("a=1;domain=.up.example", "a=1"),
        ("a=1; Domain", "a=1"),
        ("a=1; Domain=", "a=1"),
        ("a=1; Path=/base/", "a=1; Path=/api/"),
        ("a=1; Path=/base/x/y; Secure", "a=1; Path=/api/x/y; Secure"),
        ("a=1; path = /base ; HttpOnly", "a=1; path =/api; HttpOnly"),
        ("a=1; PATH=/base", "a=1; PATH=/api"),
        ("u=/base/x; Path=/base", "u=/base/x; Path=/api"),
        ("a=; Path=/base; Max-Age=0", "a=; Path=/api; Max-Age=0"),
        ("a=domain=x; Path=/base", "a=domain=x; Path=/api"),
        (
            "__Secure-a=1; Secure; Path=/base",
            "__Secure-a=1; Secure; Path=/api",
        ),
        (
            "__Host-a=1; Secure; Path=/; Domain=up",
            "__Host-a=1; Secure; Path=/",
        ),
        (
            "__Host-Http-a=1; Secure; Path=/; Domain=app.example.com",
            "__Host-Http-a=1; Secure; Path=/",
        ),
    ] {
        assert_eq!(
            map("/api", "/base", value).as_deref(),
            Some(want),
            "{value}"
        );
    }
}

#[test]
fn what_is_right_already_is_not_touched() {
    for value in [
        "a=1",
        "a=1; Path=/",
        "a=1; Path=/basement",
        "a=1; Path=/login; Secure",
        "a=1; Path",
        "a=1; Path=",
        "a=1; Path=base",
        "a=1; Expires=Wed, 21 Oct 2065 07:28:00 GMT",
        "c=\"q,z\"",
        "",
    ] {
        assert_eq!(map("/api", "/base", value), None, "{value}");
    }
    assert_eq!(map("/api", "", "__host-a=1; Secure; Path=/"), None);
    assert_eq!(map("/", "", "a=1; Path=/x"), None);
}

/// Spring, Angular, Laravel and Django have the page at `/` read the cookie and send it back in a field.
#[test]
fn a_cookie_of_the_whole_origin_stays_one() {
    for (name, prefix, base, confine, want) in [
        ("no base", "/api", "", false, None),
        ("a base", "/api", "/base", false, None),
        ("at the root", "/", "/base", false, None),
        ("confined", "/api", "", true, Some("a=1; Path=/api")),
        (
            "confined, base",
            "/api",
            "/base",
            true,
            Some("a=1; Path=/api"),
        ),
        ("confined to all", "/", "/base", true, None),
    ] {
        let (own, others) = (mount(prefix, UP, base), Mounts::new());
        let mapper = CookieMapper {
            confine,
            ..from(&own, &others)
        };
        let mapped = mapper.to_public(b"a=1; Path=/");
        assert_eq!(mapped.as_deref(), want.map(str::as_bytes), "{name}");
    }
    assert_eq!(
        map("/api", "", "a=1; Path=/x/").unwrap(),
        "a=1; Path=/api/x/"
    );
}

#[test]
fn a_path_of_another_mount_of_the_same_upstream_comes_back_there() {
    let (own, others) = (mount("/cached", UP, "/c"), Mounts::new());
    let api = Arc::new(mount("/api", UP, "/prod"));
    let deep = Arc::new(mount("/deep", UP, "/prod/deep"));
    let elsewhere = Arc::new(mount("/other", "http://other.example", "/other"));
    for beside in [&api, &deep, &elsewhere] {
        others.register(beside);
    }
    let outer = PublicPrefix::new("/o", None);
    for (name, prefix, confine, path, want) in [
        (
            "its own",
            &PublicPrefix::NONE,
            false,
            "/c/x",
            Some("/cached/x"),
        ),
        ("beside", &PublicPrefix::NONE, false, "/prod", Some("/api")),
        (
            "below that",
            &PublicPrefix::NONE,
            false,
            "/prod/x/",
            Some("/api/x/"),
        ),
        (
            "the longer base",
            &PublicPrefix::NONE,
            false,
            "/prod/deep/x",
            Some("/deep/x"),
        ),
        ("a segment", &PublicPrefix::NONE, false, "/production", None),
        (
            "public already",
            &PublicPrefix::NONE,
            false,
            "/cached/prod",
            None,
        ),
        (
            "another upstream",
            &PublicPrefix::NONE,
            false,
            "/other",
            None,
        ),
        ("the whole origin", &PublicPrefix::NONE, false, "/", None),
        ("behind another", &outer, false, "/prod", Some("/o/api")),
        (
            "confined",
            &PublicPrefix::NONE,
            true,
            "/prod",
            Some("/cached"),
        ),
    ] {
        let mapper = CookieMapper {
            prefix,
            confine,
            ..from(&own, &others)
        };
        let mapped = mapper.path_to_public(path.as_bytes());
        assert_eq!(mapped.as_deref(), want, "{name}");
    }
}

#[test]
fn an_upstream_that_was_told_of_its_prefix_says_public_paths() {
    let (own, others) = (mount("/api", UP, ""), Mounts::new());
    for (name, prefix, confine, path, want) in [
        (
            "public",
            PublicPrefix::new("", Some("/api")),
            false,
            "/api",
            None,
        ),
        (
            "public, below",
            PublicPrefix::new("", Some("/api")),
            true,
            "/api/x",
            None,
        ),
        (
            "its own",
            PublicPrefix::new("", Some("/api")),
            false,
            "/x",
            Some("/api/x"),
        ),
        (
            "outer",
            PublicPrefix::new("/o", Some("/api")),
            false,
            "/o/api",
            None,
        ),
        (
            "outer, its own",
            PublicPrefix::new("/o", None),
            false,
            "/x",
            Some("/o/api/x"),
        ),
        (
            "outer, confined",
            PublicPrefix::new("/o", None),
            true,
            "/",
            Some("/o/api"),
        ),
    ] {
        let mapper = CookieMapper {
            prefix: &prefix,
            confine,
            ..from(&own, &others)
        };
        let mapped = mapper.path_to_public(path.as_bytes());
        assert_eq!(mapped.as_deref(), want, "{name}");
    }
}

#[test]
#[cfg(feature = "public-suffix")]
fn a_domain_that_covers_the_public_host_stays() {
    for value in [
        "sid=; Domain=example.com; Path=/; Max-Age=0",
        "sid=; domain=.EXAMPLE.com",
        "sid=1; Domain=app.example.com",
        "sid=1; Domain=other.example; Domain=example.com",
    ] {
        assert_eq!(map("/api", "", value), None, "{value}");
    }
    for (value, want) in [
        ("a=1; Domain=com", "a=1"),
        ("a=1; Domain=ample.com", "a=1"),
        ("a=1; Domain=x.app.example.com", "a=1"),
        ("a=1; Domain=example.com.", "a=1"),
        ("a=1; Domain=..example.com", "a=1"),
        ("a=1; Domain=example.com; Domain=other.example", "a=1"),
        ("a=1; Domain=example.com; Domain=", "a=1"),
    ] {
        assert_eq!(map("/api", "", value).as_deref(), Some(want), "{value}");
    }
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    let (own, others) = (mount("/api", UP, "/base"), Mounts::new());
    assert_eq!(
        from(&own, &others)
            .to_public(b"a=\xff; Path=/base")
            .unwrap(),
        b"a=\xff; Path=/api"
    );
}

#[test]
fn each_line_is_mapped_and_their_order_kept() {
    let mut headers = HeaderMap::new();
    for value in ["a=1; Path=/base", "b=2", "c=3; Domain=x"] {
        headers.append(SET_COOKIE, HeaderValue::from_static(value));
    }
    let (own, others) = (mount("/api", UP, "/base"), Mounts::new());
    from(&own, &others).map_fields(&mut headers);
    let lines: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
    assert_eq!(lines, ["a=1; Path=/api", "b=2", "c=3"]);
}

proptest! {
    #[test]
    fn a_cookie_keeps_its_value_and_its_other_attributes(
        value in "[!-:<-~]{0,12}",
        path in "(/[a-z]{0,5}){1,3}",
        domain in "(app\\.)?(example\\.com|other\\.example|com)",
        rest in "(; (Secure|HttpOnly|SameSite=Lax|Max-Age=0)){0,3}",
    ) {
        let cookie = format!("n={value}; Path={path}; Domain={domain}{rest}");
        let mapped = map("/api", "/base", &cookie).unwrap_or(cookie);
        let (start, end) = (format!("n={value};"), rest);
        prop_assert!(mapped.starts_with(&start) && mapped.ends_with(&end), "{}", mapped);
        // A browser would refuse the whole cookie for a domain that is not its own.
        let kept = mapped.split("; Domain=").nth(1).map(|kept| kept.split(';').next().unwrap());
        prop_assert!(kept.is_none_or(|kept| covers(kept, "app.example.com")), "{}", mapped);
    }
}
