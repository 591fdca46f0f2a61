//! The cookie jar: `cookie_store` for RFC 6265, and the rules that RFC 6265bis put on top of it.

use std::time::Duration;

use cookie_store::{Cookie, CookieExpiration, CookieStore, RawCookie};
use http::HeaderValue;
use url::Url;

use crate::browser::site::{is_public_suffix, potentially_trustworthy};
use crate::browser::values;

/// RFC 6265bis 5.6: a longer pair of name and value is ignored.
const MAX_PAIR: usize = 4096;

/// The cookies of one profile.
///
/// RFC 6265bis 5.7 tells a cookie with `Domain` from one of the same name without, by the
/// host-only-flag; the library does not, so that each kind has a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar {
    of_hosts: CookieStore,
    of_domains: CookieStore,
}

impl Jar {
    /// The `Cookie` of a request to `url`; `same_site` tells whether the page may see the strict ones.
    pub(crate) fn header(&self, url: &Url, same_site: bool) -> Option<HeaderValue> {
        let allowed = |cookie: &RawCookie<'_>| {
            same_site || cookie.same_site().is_some_and(|mode| mode.is_none())
        };
        let mut cookies = self.matching(url);
        cookies.retain(|cookie| allowed(cookie));
        // RFC 6265bis 5.8.3: longer paths first.
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = cookies
            .iter()
            .map(|cookie| cookie.stripped().to_string())
            .collect();
        HeaderValue::try_from(pairs.join("; "))
            .ok()
            .filter(|_| !pairs.is_empty())
    }

    /// One `Set-Cookie` of a response from `url`.
    ///
    /// # Errors
    /// Says why the cookie is ignored.
    pub(crate) fn store(
        &mut self,
        line: &HeaderValue,
        url: &Url,
        same_site: bool,
    ) -> Result<(), &'static str> {
        let text = values::isomorphic(line.as_bytes());
        let mut cookie = RawCookie::parse(&text).map_err(|_| "it cannot be read")?;
        self.check(&cookie, url, same_site)?;
        if let Some(domain) = cookie.domain() {
            let domain = domain.to_ascii_lowercase();
            if is_public_suffix(&domain) {
                if Some(&*domain) != url.host_str() {
                    return Err("its Domain is a public suffix");
                }
                cookie.unset_domain();
            }
        }
        let store = match cookie.domain() {
            Some(_) => &mut self.of_domains,
            None => &mut self.of_hosts,
        };
        match store.insert_raw(&cookie, url) {
            Ok(_) | Err(cookie_store::CookieError::Expired) => Ok(()),
            Err(_) => Err("its Domain does not cover this host"),
        }
    }

    /// RFC 6265bis 5.7.
    fn check(
        &self,
        cookie: &RawCookie<'_>,
        url: &Url,
        same_site: bool,
    ) -> Result<(), &'static str> {
        let name = cookie.name().to_ascii_lowercase();
        let secure = cookie.secure() == Some(true);
        let trustworthy = potentially_trustworthy(url);
        let unrestricted = cookie.same_site().is_some_and(|mode| mode.is_none());
        let rules = [
            (
                name.len() + cookie.value().len() <= MAX_PAIR,
                "it is longer than 4096 bytes",
            ),
            (
                !secure || trustworthy,
                "Secure, but it did not come by https",
            ),
            (
                trustworthy || !self.shadows_secure(cookie, url),
                "it would shadow a Secure cookie",
            ),
            (
                same_site || unrestricted,
                "its SameSite keeps it from being set across sites",
            ),
            (!unrestricted || secure, "SameSite=None needs Secure"),
            (
                !name.starts_with("__secure-") || secure,
                "__Secure- needs Secure",
            ),
            (
                !name.starts_with("__host-")
                    || secure && cookie.domain().is_none() && cookie.path() == Some("/"),
                "__Host- needs Secure, Path=/ and no Domain",
            ),
        ];
        rules
            .into_iter()
            .find(|(holds, _)| !holds)
            .map_or(Ok(()), |(_, reason)| Err(reason))
    }

    /// RFC 6265bis 5.7 step 11: what came in the clear must not hide what came by https.
    fn shadows_secure(&self, new: &RawCookie<'_>, url: &Url) -> bool {
        let mut secure_url = url.clone();
        let _ = secure_url.set_scheme("https");
        self.matching(&secure_url)
            .iter()
            .any(|old| old.secure() == Some(true) && old.name() == new.name())
    }

    fn matching(&self, url: &Url) -> Vec<&Cookie<'static>> {
        [self.of_hosts.matches(url), self.of_domains.matches(url)].concat()
    }

    /// Lets time pass: the library measures it by a clock of its own.
    pub(crate) fn advance(&mut self, time: Duration) {
        for store in [&mut self.of_hosts, &mut self.of_domains] {
            let aged = store.iter_unexpired().cloned().map(|mut cookie| {
                if let CookieExpiration::AtUtc(end) = cookie.expires {
                    let earlier = time.try_into().ok().and_then(|time| end.checked_sub(time));
                    match earlier {
                        Some(earlier) => cookie.expires = CookieExpiration::AtUtc(earlier),
                        None => cookie.expire(), // longer than calendars reach
                    }
                }
                Ok::<_, std::convert::Infallible>(cookie)
            });
            let Ok(aged) = CookieStore::from_cookies(aged, false);
            *store = aged;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn set(jar: &mut Jar, line: &str, from: &str) -> Result<(), &'static str> {
        jar.store(&HeaderValue::from_str(line).unwrap(), &url(from), true)
    }

    fn sent(jar: &Jar, to: &str) -> String {
        jar.header(&url(to), true)
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
        assert_eq!(jar.header(&url(https), false).unwrap(), "none=1");
        assert_eq!(sent(&jar, https).split("; ").count(), 4);
        let across = jar.store(
            &HeaderValue::from_static("lax=2; SameSite=Lax"),
            &url(https),
            false,
        );
        assert_eq!(
            across,
            Err("its SameSite keeps it from being set across sites")
        );
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
        jar.advance(Duration::from_secs(100));
        assert_eq!(sent(&jar, https), "long=1; session=1");
        set(&mut jar, "long=; Max-Age=0", https).unwrap();
        assert_eq!(sent(&jar, https), "session=1");
        set(&mut jar, "long=1; Max-Age=3600", https).unwrap();
        jar.advance(Duration::MAX);
        assert_eq!(sent(&jar, https), "session=1");
    }
}
