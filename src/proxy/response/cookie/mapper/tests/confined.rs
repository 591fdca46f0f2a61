//! Tests of cookies that are confined to the prefix.

use super::*;

/// A cookie for `/admin` would overwrite that of the application there, which is not the upstream.
#[test]
fn a_confined_cookie_is_for_no_path_outside_of_the_prefix() {
    let (none, outer) = (&PublicPrefix::NONE, &PublicPrefix::new("/o", None));
    let (told, outer_told) = (
        &PublicPrefix::new("", Some("/api")),
        &PublicPrefix::new("/o", Some("")),
    );
    for (name, at, base, prefix, path, want) in [
        ("another route", "/api", "/b", none, "/admin", Some("/api")),
        (
            "a file of it",
            "/api",
            "/b",
            none,
            "/admin/x/",
            Some("/api"),
        ),
        ("half a segment", "/api", "/b", none, "/bx", Some("/api")),
        ("half a prefix", "/api", "/b", none, "/apis", Some("/api")),
        ("two slashes", "/api", "/b", none, "//", Some("/api")),
        ("its own", "/api", "/b", none, "/b/x", Some("/api/x")),
        ("public", "/api", "/b", none, "/api/x", None),
        ("kept", "/api", "/api", none, "/admin", Some("/api")),
        (
            "all is its own",
            "/api",
            "",
            none,
            "/admin",
            Some("/api/admin"),
        ),
        ("told", "/api", "/b", told, "/admin", Some("/api")),
        ("told, public", "/api", "/b", told, "/api/x", None),
        (
            "another site",
            "/api",
            "/b",
            outer,
            "/admin",
            Some("/o/api"),
        ),
        (
            "the prefix alone",
            "/api",
            "/b",
            outer,
            "/api/x",
            Some("/o/api"),
        ),
        (
            "the other alone",
            "/api",
            "/api",
            outer_told,
            "/o/x",
            Some("/o/api"),
        ),
        ("both", "/api", "/api", outer_told, "/o/api/x", None),
        ("at the root", "/", "/b", none, "/admin", None),
    ] {
        let (own, others) = (mount(at, UP, base), Mounts::new());
        let mapper = CookieMapper {
            prefix,
            confine: true,
            ..from(&own, &others)
        };
        let mapped = mapper.path_to_public(path.as_bytes());
        assert_eq!(mapped.as_deref(), want, "{name}");
    }
}

#[test]
fn a_confined_cookie_without_a_path_is_confined_at_the_bare_prefix_too() {
    let want = Some("a=1; Path=/api");
    let (outer, none) = (&PublicPrefix::new("/o", None), &PublicPrefix::NONE);
    for (name, mount_at, prefix, path, cookie, want) in [
        ("bare", "/api", none, "/api", "a=1", want),
        ("a slash", "/api", none, "/api/", "a=1", None),
        ("below", "/api", none, "/api/a/b", "a=1", None),
        (
            "an end",
            "/api",
            none,
            "/api",
            "a=1 ; ",
            Some("a=1 ; Path=/api"),
        ),
        (
            "empty",
            "/api",
            none,
            "/api",
            "a=1; Path=",
            Some("a=1; Path=; Path=/api"),
        ),
        (
            "no value",
            "/api",
            none,
            "/api",
            "a=1; path",
            Some("a=1; path; Path=/api"),
        ),
        (
            "relative",
            "/api",
            none,
            "/api",
            "a=1; Path=x",
            Some("a=1; Path=x; Path=/api"),
        ),
        (
            "the last one counts",
            "/api",
            none,
            "/api",
            "a=1; Path=/x; Path=; Secure",
            Some("a=1; Path=/api/x; Path=; Secure; Path=/api"),
        ),
        (
            "a path",
            "/api",
            none,
            "/api",
            "a=1; Path=; Path=/x",
            Some("a=1; Path=; Path=/api/x"),
        ),
        ("__Host-", "/api", none, "/api", "__Host-a=1; Secure", None),
        ("at the root", "/", none, "/", "a=1", None),
        (
            "behind another",
            "/api",
            outer,
            "/api",
            "a=1",
            Some("a=1; Path=/o/api"),
        ),
        ("at its root", "/", outer, "/", "a=1", Some("a=1; Path=/o")),
        ("below its root", "/", outer, "/x", "a=1", None),
    ] {
        let (own, others) = (mount(mount_at, UP, ""), Mounts::new());
        let mapper = CookieMapper {
            prefix,
            confine: true,
            at_bare_prefix: own.map.is_bare(path),
            ..from(&own, &others)
        };
        let mapped = mapper.to_public(cookie.as_bytes());
        assert_eq!(mapped.as_deref(), want.map(str::as_bytes), "{name}");
        let mapper = CookieMapper {
            confine: false,
            ..mapper
        };
        let mapped = mapper.to_public(cookie.as_bytes());
        let added = mapped.is_some_and(|mapped| mapped.ends_with(b"; Path=/api"));
        assert!(!added, "{name}");
    }
}
