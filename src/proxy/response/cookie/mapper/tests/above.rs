//! Tests of cookies whose path lies above the upstream's base: all that is mounted is below it.

use super::*;

/// A row: a name, the prefix and the base of the mount, the cookie's path, and the public one.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

const ALONE: [Case; 11] = [
    ("above", "/api", "/shop/api", "/shop", Some("/api")),
    ("a folder", "/api", "/shop/api", "/shop/", Some("/api")),
    ("far above", "/api", "/a/b/c", "/a", Some("/api")),
    ("at the root", "/", "/shop/api", "/shop", Some("/")),
    ("beside", "/api", "/shop/api", "/shop/other", None),
    ("half a segment", "/api", "/shop/api", "/sho", None),
    ("the whole origin", "/api", "/shop/api", "/", None),
    // As it is, it reaches all that is mounted, and pages beside it that may share it.
    ("above both", "/shop/v1", "/shop/api", "/shop", None),
    ("kept", "/shop/api", "/shop/api", "/shop", None),
    ("a folder of both", "/shop/v1", "/shop/api", "/shop/", None),
    // RFC 6265bis 5.1.4: `/api/` does not reach `/api`.
    (
        "not the bare prefix",
        "/api",
        "/api/v1",
        "/api/",
        Some("/api"),
    ),
];

#[test]
fn a_cookie_for_more_than_the_base_is_for_the_prefix() {
    let outer = PublicPrefix::new("/o", None);
    let told = PublicPrefix::new("", Some("/api"));
    for (name, prefix, base, path, want) in ALONE {
        let (own, others) = (mount(prefix, UP, base), Mounts::new());
        let mapped = from(&own, &others).path_to_public(path.as_bytes());
        assert_eq!(mapped.as_deref(), want, "{name}");
    }
    let others = Mounts::new();
    let (own, root) = (mount("/api", UP, "/shop/api"), mount("/", UP, "/shop/api"));
    let both = mount("/shop/v1", UP, "/shop/api");
    for (name, own, prefix, confine, want) in [
        ("confined", &own, &PublicPrefix::NONE, true, Some("/api")),
        ("told", &own, &told, false, Some("/api")),
        ("behind another", &own, &outer, false, Some("/o/api")),
        ("at the root of another", &root, &outer, false, Some("/o")),
        (
            "confined to all",
            &root,
            &PublicPrefix::NONE,
            true,
            Some("/"),
        ),
        (
            "confined, above both",
            &both,
            &PublicPrefix::NONE,
            true,
            Some("/shop/v1"),
        ),
    ] {
        let mapper = CookieMapper {
            prefix,
            confine,
            ..from(own, &others)
        };
        let mapped = mapper.path_to_public(b"/shop");
        assert_eq!(mapped.as_deref(), want, "{name}");
    }
}

#[test]
fn it_reaches_the_other_mounts_that_it_is_for() {
    for (name, confine, own, beside, want) in [
        ("beside", false, "/api", ("/files", UP, "/shop/files"), "/"),
        (
            "a common segment",
            false,
            "/v1/api",
            ("/v1/files", UP, "/shop/files"),
            "/v1",
        ),
        (
            "below",
            false,
            "/api",
            ("/api/files", UP, "/shop/files"),
            "/api",
        ),
        (
            "half a segment",
            false,
            "/api",
            ("/apis", UP, "/shop/files"),
            "/",
        ),
        ("all of it", false, "/api", ("/all", UP, ""), "/"),
        (
            "not for it",
            false,
            "/api",
            ("/files", UP, "/other"),
            "/api",
        ),
        (
            "another upstream",
            false,
            "/api",
            ("/files", "http://other.example", "/shop/files"),
            "/api",
        ),
        (
            "confined",
            true,
            "/api",
            ("/files", UP, "/shop/files"),
            "/api",
        ),
    ] {
        let (own, others) = (Arc::new(mount(own, UP, "/shop/api")), Mounts::new());
        let (prefix, upstream, base) = beside;
        let beside = Arc::new(mount(prefix, upstream, base));
        others.register(&own);
        others.register(&beside);
        let mapper = CookieMapper {
            confine,
            ..from(&own, &others)
        };
        let mapped = mapper.path_to_public(b"/shop");
        assert_eq!(mapped.as_deref(), Some(want), "{name}");
    }
}

#[test]
fn a_common_path_ends_with_a_segment() {
    for (one, other, want) in [
        ("/api", "/api", "/api"),
        ("/api", "/api/x", "/api"),
        ("/api/x", "/api/y", "/api"),
        ("/api", "/apis", ""),
        ("/a/b/c", "/a/b/d/c", "/a/b"),
        ("", "/x", ""),
        ("/x", "", ""),
    ] {
        assert_eq!(common_path(one, other), want, "{one} {other}");
    }
}

proptest! {
    /// A cookie that the upstream would get with a request comes to it behind every mount.
    #[test]
    fn a_cookie_is_sent_wherever_the_upstream_would_get_it(
        prefixes in ("(/[ab]{1,2}){0,3}", "(/[cd]{1,2}){0,3}"),
        bases in ("(/[ab]){1,3}", "(/[ab]){0,3}"),
        above in 0_usize..3,
    ) {
        let reaches = |cookie: &str, path: &str| {
            let cookie = cookie.strip_suffix('/').unwrap_or(cookie);
            below(path, cookie).is_some()
        };
        let own = Arc::new(mount(&prefixes.0, UP, &bases.0));
        let beside = Arc::new(mount(&prefixes.1, UP, &bases.1));
        let others = Mounts::new();
        others.register(&own);
        others.register(&beside);
        let end = bases.0.match_indices('/').map(|(at, _)| at).nth(above + 1);
        let Some(path) = end.map(|end| &bases.0[..end]) else { return Ok(()) };
        let mapped = from(&own, &others).path_to_public(path.as_bytes());
        let public = mapped.as_deref().unwrap_or(path);
        for (prefix, base) in [(&prefixes.0, &bases.0), (&prefixes.1, &bases.1)] {
            if reaches(path, base) {
                prop_assert!(reaches(public, prefix), "{} {}", public, prefix);
            }
        }
    }
}
