//! The jar as a whole.

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn own() -> Access {
    Access::first_party("https://app.test".into())
}

fn across(mode: SiteMode) -> Access {
    Access { mode, ..own() }
}

fn set(jar: &mut Jar, line: &str, from: &str) -> Result<(), &'static str> {
    set_at(jar, line, from, &own(), 0)
}

fn set_at(
    jar: &mut Jar,
    line: &str,
    from: &str,
    access: &Access,
    seconds: u64,
) -> Result<(), &'static str> {
    let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
    jar.store(
        &line,
        &url(from),
        access,
        Engine::Standard,
        Duration::from_secs(seconds),
    )
}

fn set_in(jar: &mut Jar, engine: Engine, line: &str, from: &str) -> Result<(), &'static str> {
    let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
    jar.store(&line, &url(from), &own(), engine, Duration::ZERO)
}

fn sent(jar: &Jar, to: &str) -> String {
    sent_at(jar, to, &own(), 0)
}

fn sent_at(jar: &Jar, to: &str, access: &Access, seconds: u64) -> String {
    let now = Duration::from_secs(seconds);
    jar.header(&url(to), access, Engine::Chromium, now)
        .map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

#[test]
fn scope() {
    let mut jar = Jar::default();
    for line in [
        "host=1",
        "site=2; Domain=.Example.com",
        "deep=3; Path=/a/b",
        "tls=4; Secure; Path=/",
    ] {
        set(&mut jar, line, "https://app.example.com/a/x").unwrap();
    }
    assert_eq!(
        sent(&jar, "https://app.example.com/a/b/c"),
        "deep=3; host=1; site=2; tls=4"
    );
    assert_eq!(sent(&jar, "https://api.example.com/a/"), "site=2");
    assert_eq!(sent(&jar, "https://app.example.com/ab"), "tls=4");
    assert_eq!(sent(&jar, "http://app.example.com/a"), "host=1; site=2");
    assert_eq!(sent(&jar, "https://notexample.com/a"), "");
}

#[test]
fn refusals() {
    let refused = |line: &str, from: &str| set(&mut Jar::default(), line, from).unwrap_err();
    let https = "https://app.example.com/";
    assert_eq!(
        refused("a=1; Domain=other.com", https),
        "its Domain does not cover this host"
    );
    assert_eq!(
        refused("a=1; Domain=com", https),
        "its Domain is a public suffix"
    );
    assert_eq!(
        refused("a=1; Secure", "http://app.example.com/"),
        "Secure, but it did not come by https"
    );
    assert_eq!(
        refused("a=1; SameSite=None", https),
        "SameSite=None needs Secure"
    );
    assert_eq!(refused("__Secure-a=1", https), "__Secure- needs Secure");
    for line in [
        "__Host-a=1; Secure",
        "__host-a=1; Secure; Path=/; Domain=app.example.com",
        "__Host-a=1; Path=/",
    ] {
        assert_eq!(
            refused(line, https),
            "__Host- needs Secure, Path=/ and no Domain"
        );
    }
    assert_eq!(
        set(&mut Jar::default(), "__Host-a=1; Secure; Path=/", https),
        Ok(())
    );
    assert_eq!(
        refused(&format!("a={}", "x".repeat(4096)), https),
        "it is longer than 4096 bytes"
    );
    assert_eq!(
        set(
            &mut Jar::default(),
            "a=1; Domain=localhost",
            "http://localhost:3000/"
        ),
        Ok(())
    );
}

#[test]
fn a_public_suffix_keeps_its_cookies_to_itself() {
    let mut jar = Jar::default();
    set(&mut jar, "a=1; Domain=localhost", "http://localhost:3000/").unwrap();
    assert_eq!(sent(&jar, "http://localhost:8080/"), "a=1");
    assert_eq!(sent(&jar, "http://app.localhost/"), "");
}

#[test]
fn other_sites_get_unrestricted_cookies_only() {
    let mut jar = Jar::default();
    let https = "https://api.example.com/";
    for line in [
        "plain=1",
        "lax=1; SameSite=Lax",
        "strict=1; SameSite=Strict",
        "none=1; SameSite=None; Secure",
    ] {
        set(&mut jar, line, https).unwrap();
    }
    for (mode, expected) in [
        (SiteMode::None, "none=1"),
        (SiteMode::Lax, "plain=1; lax=1; none=1"),
        (SiteMode::LaxUnsafe, "plain=1; none=1"),
        (SiteMode::Strict, "plain=1; lax=1; strict=1; none=1"),
    ] {
        assert_eq!(sent_at(&jar, https, &across(mode), 1), expected, "{mode:?}");
    }
    assert_eq!(
        sent_at(&jar, https, &across(SiteMode::LaxUnsafe), 120),
        "none=1"
    );
    let set = |mode| {
        set_at(
            &mut jar.clone(),
            "lax=2; SameSite=Lax",
            https,
            &across(mode),
            0,
        )
    };
    assert_eq!(
        set(SiteMode::None),
        Err("its SameSite keeps it from being set across sites")
    );
    assert_eq!(set(SiteMode::LaxUnsafe), Ok(()));
}

#[test]
fn the_clear_does_not_shadow_the_secure() {
    let mut jar = Jar::default();
    set(&mut jar, "sid=1; Secure", "https://app.example.com/").unwrap();
    assert_eq!(
        set(&mut jar, "sid=2", "http://app.example.com/"),
        Err("it would shadow a Secure cookie")
    );
    assert_eq!(set(&mut jar, "other=2", "http://app.example.com/"), Ok(()));
}

#[test]
fn a_domain_makes_another_cookie() {
    let mut jar = Jar::default();
    let https = "https://app.example.com/";
    for line in ["a=1", "a=2; Domain=app.example.com"] {
        set(&mut jar, line, https).unwrap();
    }
    assert_eq!(sent(&jar, https), "a=1; a=2");
    set(&mut jar, "a=; Max-Age=0", https).unwrap();
    assert_eq!(sent(&jar, https), "a=2");
}

#[test]
fn cookies_age_and_are_removed() {
    let mut jar = Jar::default();
    let https = "https://app.example.com/";
    for line in ["short=1; Max-Age=60", "long=1; Max-Age=3600", "session=1"] {
        set(&mut jar, line, https).unwrap();
    }
    assert_eq!(sent_at(&jar, https, &own(), 59).split("; ").count(), 3);
    assert_eq!(sent_at(&jar, https, &own(), 60), "long=1; session=1");
    set_at(&mut jar, "long=; Max-Age=0", https, &own(), 100).unwrap();
    assert_eq!(sent_at(&jar, https, &own(), 100), "session=1");
    set(
        &mut jar,
        "old=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT",
        https,
    )
    .unwrap();
    set(
        &mut jar,
        "new=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
        https,
    )
    .unwrap();
    assert_eq!(sent_at(&jar, https, &own(), 200), "session=1; new=1");
}

#[test]
fn nameless_cookies_are_their_value() {
    let mut jar = Jar::default();
    let https = "https://app.example.com/";
    for line in ["alone", "=other", "named="] {
        set(&mut jar, line, https).unwrap();
    }
    // The second nameless one takes the place of the first.
    assert_eq!(sent(&jar, https), "other; named=");
}

#[test]
fn older_cookies_go_first() {
    let mut jar = Jar::default();
    let https = "https://app.example.com/a/b";
    for line in [
        "site=1; Domain=example.com; Path=/",
        "host=1; Path=/",
        "deep=1; Path=/a",
        "host=2; Path=/",
        "site=2; Domain=example.com; Path=/",
    ] {
        set(&mut jar, line, https).unwrap();
    }
    assert_eq!(sent(&jar, https), "deep=1; site=2; host=2");
}

#[test]
fn the_last_domain_counts() {
    let mut jar = Jar::default();
    let https = "https://app.example.com/";
    set(&mut jar, "a=1; Domain=other.com; Domain=example.com", https).unwrap();
    set(&mut jar, "b=1; Domain=example.com; Domain=", https).unwrap();
    assert_eq!(sent(&jar, "https://api.example.com/"), "a=1");
    assert_eq!(sent(&jar, https), "a=1; b=1");
    assert!(set(&mut jar, "c=1; Domain=example.com; Domain=other.com", https).is_err());
}

#[test]
fn partitions() {
    let https = "https://widget.test/";
    let within = |site: &str, unpartitioned| Access {
        mode: SiteMode::None,
        partition: Partition {
            site: site.into(),
            cross_site: true,
        },
        unpartitioned,
    };
    let mut jar = Jar::default();
    let (a, b) = (
        within("https://a.test", true),
        within("https://b.test", true),
    );
    set_at(
        &mut jar,
        "p=1; Secure; SameSite=None; Partitioned",
        https,
        &a,
        0,
    )
    .unwrap();
    set_at(&mut jar, "q=1; Secure; SameSite=None", https, &a, 0).unwrap();
    assert_eq!(sent_at(&jar, https, &a, 0), "p=1; q=1");
    assert_eq!(sent_at(&jar, https, &b, 0), "q=1");
    assert_eq!(sent(&jar, https), "q=1");
    let blocked = within("https://a.test", false);
    assert_eq!(sent_at(&jar, https, &blocked, 0), "p=1");
    assert_eq!(
        set_at(&mut jar, "r=1; Secure; SameSite=None", https, &blocked, 0),
        Err("cookies of other sites are blocked")
    );
}

#[test]
fn a_domain_has_so_many_cookies_and_no_more() {
    let mut jar = Jar::default();
    let https = "https://app.example.com/";
    for number in 0..MAX_PER_DOMAIN + 5 {
        set(&mut jar, &format!("c{number}=1"), https).unwrap();
    }
    let sent = sent(&jar, https);
    assert_eq!(sent.split("; ").count(), MAX_PER_DOMAIN);
    assert!(sent.starts_with("c5=1; "), "{sent}");
}

/// RFC 6265bis 5.7, at its end.
#[test]
fn secure_cookies_are_driven_out_last() {
    let https = "https://app.example.com/";
    let mut jar = Jar::default();
    set(&mut jar, "keep=1; Secure", https).unwrap();
    for number in 0..MAX_PER_DOMAIN + 5 {
        set(&mut jar, &format!("c{number}=1"), https).unwrap();
    }
    assert!(sent(&jar, https).starts_with("keep=1; c6=1; "));

    let mut jar = Jar::default();
    for number in 0..MAX_PER_DOMAIN {
        set(&mut jar, &format!("s{number}=1; Secure"), https).unwrap();
    }
    set(&mut jar, "plain=1", "http://app.example.com/").unwrap();
    let all = sent(&jar, https);
    assert!(all.starts_with("s0=1; ") && !all.contains("plain"), "{all}");
    set(&mut jar, "more=1; Secure", https).unwrap();
    assert!(sent(&jar, https).starts_with("s1=1; "));
}

/// RFC 6265bis 5.5.
#[test]
fn no_cookie_lives_longer_than_400_days() {
    let https = "https://app.test/";
    for attribute in [
        "Expires=Fri, 31 Dec 9999 23:59:59 GMT",
        "Max-Age=99999999999",
    ] {
        let mut jar = Jar::default();
        let day = 86_400;
        set_at(&mut jar, &format!("a=1; {attribute}"), https, &own(), day).unwrap();
        assert_eq!(sent_at(&jar, https, &own(), 401 * day - 1), "a=1");
        assert_eq!(sent_at(&jar, https, &own(), 401 * day), "");
    }
}

#[test]
fn a_domain_that_is_an_address() {
    let address = "https://127.0.0.1/";
    for (engine, expected) in [
        (Engine::Standard, "a=1; a=2"),
        (Engine::Chromium, "a=2"),
        (Engine::Firefox, "a=2"),
        (Engine::WebKit, "a=2"),
    ] {
        let mut jar = Jar::default();
        let mut set = |line| set_in(&mut jar, engine, line, address);
        set("a=1").unwrap();
        set("a=2; Domain=127.0.0.1").unwrap();
        let is_host_only = set("__Host-b=1; Secure; Path=/; Domain=127.0.0.1; Max-Age=0").is_ok();
        assert_eq!(is_host_only, engine != Engine::Standard, "{engine:?}");
        assert!(set("a=3; Domain=127.0.0.2").is_err());
        assert_eq!(sent(&jar, address), expected, "{engine:?}");
    }
}

#[test]
fn a_tab_inside_of_a_cookie() {
    let https = "https://app.test/";
    for (engine, expected) in [
        (Engine::Standard, "a=1\t2"),
        (Engine::Firefox, "a=1\t2"),
        (Engine::WebKit, "a=1"),
    ] {
        let mut jar = Jar::default();
        set_in(&mut jar, engine, "a=1\t2; Path=/", https).unwrap();
        assert_eq!(sent(&jar, https), expected, "{engine:?}");
    }
}

#[test]
fn what_browsers_do_not_take_for_a_cookie() {
    // By the standard, in Chromium, in Firefox, in WebKit.
    for (line, kept) in [
        ("a=1; Domain=.", [true, false, false, false]),
        ("a=1; Domain=", [true, true, true, true]),
        ("a=1\t2", [true, false, true, true]),
        ("a=1; x=y\tz", [true, false, true, true]),
        ("a=1;\tPath=/", [true, true, true, true]),
        ("1", [true, true, true, true]),
        ("=1", [true, true, false, true]),
        (" = 1", [true, true, false, true]),
        ("=1=2", [true, false, false, true]),
        ("a==2", [true, true, true, true]),
        ("a=1; Partitioned", [false, false, false, true]),
    ] {
        let engines = [
            Engine::Standard,
            Engine::Chromium,
            Engine::Firefox,
            Engine::WebKit,
        ];
        for (engine, is_kept) in engines.into_iter().zip(kept) {
            let set = set_in(&mut Jar::default(), engine, line, "https://app.test/");
            assert_eq!(set.is_ok(), is_kept, "{line:?} {engine:?}");
        }
    }
}
