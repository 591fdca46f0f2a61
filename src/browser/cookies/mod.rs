//! The cookie jar of RFC 6265bis, with CHIPS (partitioned cookies) and the later name prefixes.

pub(crate) mod access;
mod date;
mod parse;
mod rules;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use url::{Host, Url};

use self::access::{Access, Partition, SiteMode};
use self::parse::{Expiry, SameSite, SetCookie};
use self::rules::Source;
use crate::browser::engine::{Engine, Quirk};
use crate::browser::site::{is_public_suffix, potentially_trustworthy};

/// Chromium sends a cookie without `SameSite` with a POST of another site's form as long as it is young,
/// for the sake of logins that come back by a form.
const LAX_UNSAFE_AGE: Duration = Duration::from_secs(120);

/// RFC 6265bis 6.1 asks for 50 at least; Chromium keeps so many of one domain.
const MAX_PER_DOMAIN: usize = 180;

/// The cookies of one profile. Times are of the browser's own clock.
#[derive(Clone, Debug)]
pub(crate) struct Jar {
    /// The cookies in the order in which they were made, as RFC 6265bis 5.8.3 sorts those of equal paths.
    cookies: Vec<Cookie>,
    /// The time of day at which the browser's clock started, for `Expires`.
    began: SystemTime,
}

/// RFC 6265bis 5.7: a cookie as it is stored.
#[derive(Clone, Debug)]
struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    same_site: SameSite,
    partition: Option<Partition>,
    created: Duration,
    expires: Option<Duration>,
}

impl Default for Jar {
    fn default() -> Self {
        Self {
            cookies: Vec::new(),
            began: SystemTime::now(),
        }
    }
}

impl Jar {
    /// The `Cookie` of a request to `url`.
    pub(crate) fn header(
        &self,
        url: &Url,
        access: &Access,
        engine: Engine,
        now: Duration,
    ) -> Option<HeaderValue> {
        let is_young = |cookie: &Cookie| {
            engine.has(Quirk::LaxUnsafe) && now.saturating_sub(cookie.created) < LAX_UNSAFE_AGE
        };
        let mut cookies: Vec<_> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.is_alive(now) && cookie.is_for(url))
            .filter(|cookie| cookie.is_in(access))
            .filter(|cookie| {
                let free = cookie.same_site == SameSite::Default && engine.has(Quirk::NoLaxDefault);
                free || cookie.goes(access.mode, is_young(cookie))
            })
            .collect();
        // RFC 6265bis 5.8.3: longer paths first; the sort is stable, so that older ones are before newer.
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = cookies.iter().map(|cookie| cookie.pair()).collect();
        HeaderValue::from_bytes(&pairs.join(&b"; "[..]))
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
        access: &Access,
        engine: Engine,
        now: Duration,
    ) -> Result<(), &'static str> {
        if engine.has(Quirk::NoTabInCookie) && parse::has_tab(line.as_bytes()) {
            return Err("there is a tab in it");
        }
        let begins = crate::fields::trim(line.as_bytes()).starts_with(b"=");
        if begins && engine.has(Quirk::NamesBeforeEquals) {
            return Err("it begins with a `=`");
        }
        let read = match engine.has(Quirk::TabEndsCookie) {
            true => parse::before_tab(line.as_bytes()),
            false => line.as_bytes(),
        };
        let mut set = parse::parse(read)?;
        let host = url.host_str().unwrap_or_default();
        if set.domain == "." {
            if engine.has(Quirk::DotIsNoDomain) {
                return Err("its Domain is a dot");
            }
            set.domain.clear(); // RFC 6265bis 5.6.3
        }
        if !set.domain.is_empty() && is_public_suffix(&set.domain) {
            if set.domain != host {
                return Err("its Domain is a public suffix");
            }
            set.domain.clear();
        }
        let is_address = !matches!(url.host(), Some(Host::Domain(_)));
        if set.domain == host && is_address && engine.has(Quirk::AddressIsHostOnly) {
            set.domain.clear();
        }
        let host_only = set.domain.is_empty();
        if !host_only && !domain_matches(url, &set.domain) {
            return Err("its Domain does not cover this host");
        }
        let source = Source {
            trustworthy: potentially_trustworthy(url),
            // A window that comes from another site may be given every cookie.
            mode: match access.mode {
                _ if set.same_site == SameSite::Default && engine.has(Quirk::NoLaxDefault) => {
                    SiteMode::Strict
                }
                SiteMode::LaxUnsafe => SiteMode::Lax,
                mode => mode,
            },
            host_only,
            engine,
        };
        rules::check(&set, source)?;
        if !access.unpartitioned && !set.partitioned {
            return Err("cookies of other sites are blocked");
        }
        let cookie = self.cookie(set, url, access, now);
        if !source.trustworthy && self.shadows_secure(&cookie, now) {
            return Err("it would shadow a Secure cookie");
        }
        self.insert(cookie, engine, now);
        Ok(())
    }

    fn cookie(&self, set: SetCookie, url: &Url, access: &Access, now: Duration) -> Cookie {
        let host_only = set.domain.is_empty();
        let at = |seconds: i64| {
            let began = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
            let end = u64::try_from(seconds).map_or(Duration::ZERO, Duration::from_secs);
            end.saturating_sub(began)
        };
        Cookie {
            domain: match host_only {
                true => url.host_str().unwrap_or_default().to_owned(),
                false => set.domain,
            },
            host_only,
            path: set.path.unwrap_or_else(|| default_path(url)),
            secure: set.secure,
            same_site: set.same_site,
            partition: set.partitioned.then(|| access.partition.clone()),
            created: now,
            expires: set.expiry.map(|expiry| match expiry {
                Expiry::After(age) => now.saturating_add(age),
                // RFC 6265bis 5.5 bounds both attributes.
                Expiry::At(seconds) => at(seconds).min(now.saturating_add(parse::MAX_AGE)),
            }),
            name: set.name,
            value: set.value,
        }
    }

    /// RFC 6265bis 5.7 steps 22 to 25: one that is set again keeps its place in the order; in Chromium
    /// only if its value stays.
    fn insert(&mut self, mut cookie: Cookie, engine: Engine, now: Duration) {
        self.cookies.retain(|old| old.is_alive(now));
        let known = self.cookies.iter().position(|old| old.is_same(&cookie));
        match known {
            Some(index)
                if !engine.has(Quirk::NewValueNewCookie)
                    || self.cookies[index].value == cookie.value =>
            {
                cookie.created = self.cookies[index].created;
                self.cookies[index] = cookie;
            }
            Some(index) => {
                self.cookies.remove(index);
                self.cookies.push(cookie);
            }
            None => {
                let domain = cookie.domain.clone();
                self.cookies.push(cookie);
                self.evict(&domain);
            }
        }
        // One that was set with an end in the past is removed by it.
        self.cookies.retain(|old| old.is_alive(now));
    }

    /// RFC 6265bis 5.7, at its end: if a domain has too many cookies, one that is not `Secure` goes first, even if it
    /// is the new one. So a cookie that came over http drives out none that came over https.
    fn evict(&mut self, domain: &str) {
        let of_domain = |old: &Cookie| old.domain == domain;
        if self.cookies.iter().filter(|old| of_domain(old)).count() <= MAX_PER_DOMAIN {
            return;
        }
        let insecure = |old: &Cookie| of_domain(old) && !old.secure;
        let oldest = self.cookies.iter().position(insecure);
        if let Some(oldest) = oldest.or_else(|| self.cookies.iter().position(of_domain)) {
            self.cookies.remove(oldest);
        }
    }

    /// RFC 6265bis 5.7 step 11: what came in the clear must not hide what came by https.
    fn shadows_secure(&self, new: &Cookie, now: Duration) -> bool {
        let covers =
            |a: &str, b: &str| a == b || a.strip_suffix(b).is_some_and(|rest| rest.ends_with('.'));
        self.cookies.iter().any(|old| {
            old.is_alive(now)
                && old.secure
                && old.name == new.name
                && (covers(&old.domain, &new.domain) || covers(&new.domain, &old.domain))
                && path_matches(&new.path, &old.path)
        })
    }
}

impl Cookie {
    fn is_alive(&self, now: Duration) -> bool {
        self.expires.is_none_or(|end| now < end)
    }

    /// RFC 6265bis 5.8.3 step 1: host, path and scheme.
    fn is_for(&self, url: &Url) -> bool {
        let host = match self.host_only {
            true => url.host_str() == Some(&self.domain),
            false => domain_matches(url, &self.domain),
        };
        host && path_matches(url.path(), &self.path)
            && (!self.secure || potentially_trustworthy(url))
    }

    /// A partitioned cookie is for its partition only, another one for requests that are not a third party's.
    fn is_in(&self, access: &Access) -> bool {
        match &self.partition {
            Some(partition) => *partition == access.partition,
            None => access.unpartitioned,
        }
    }

    /// RFC 6265bis 5.8.3 step 1, the part about `SameSite`.
    fn goes(&self, mode: SiteMode, is_young: bool) -> bool {
        match (self.same_site, mode) {
            (SameSite::None, _) | (_, SiteMode::Strict) => true,
            (SameSite::Lax | SameSite::Default, SiteMode::Lax) => true,
            (SameSite::Default, SiteMode::LaxUnsafe) => is_young,
            _ => false,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.host_only == other.host_only
            && self.path == other.path
            && self.partition == other.partition
    }

    /// RFC 6265bis 5.8.3 step 4: one without a name is its value.
    fn pair(&self) -> Vec<u8> {
        match self.name.is_empty() {
            true => self.value.clone(),
            false => [&*self.name, b"=", &*self.value].concat(),
        }
    }
}

/// RFC 6265bis 5.1.3; an address is equal to itself only.
fn domain_matches(url: &Url, domain: &str) -> bool {
    match url.host() {
        Some(Host::Domain(host)) => {
            host == domain
                || host
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.ends_with('.'))
        }
        Some(_) => url.host_str() == Some(domain),
        None => false,
    }
}

/// RFC 6265bis 5.1.4.
fn path_matches(path: &str, cookie_path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie_path.ends_with('/'))
}

/// RFC 6265bis 5.1.4: the folder of the URL's path.
fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        Some(slash) if slash > 0 => url.path()[..slash].to_owned(),
        _ => "/".into(),
    }
}

#[cfg(test)]
mod tests;
