//! Fetch #cors-preflight-cache.

use std::time::Duration;

use http::HeaderName;
use url::Url;

use super::responses::is_conditional;
use crate::browser::engine::{Engine, Quirk};
use crate::browser::fetch::classify;
use crate::browser::fetch::options::Credentials;
use crate::browser::fetch::preflight::Grant;
use crate::browser::fetch::state::State;

/// The length from which on Chromium remembers no preflight.
const CHROMIUM_URL_LIMIT: usize = 1024;

/// Methods and headers that earlier preflights allowed. Times are of the browser's own clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct PreflightCache {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: Key,
    credentials: bool,
    allowed: Allowed,
    expires: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    partition: String,
    origin: String,
    url: Url,
}

/// One of the methods or headers of an answer; `*` stands for itself.
#[derive(Clone, Debug)]
enum Allowed {
    Method(String),
    Header(String),
}

impl Key {
    /// Chromium has none for what it never finds again: to Fetch `null` is an origin like any other and
    /// a long URL one like any other, but its `null` equals nothing, and it keeps no long URLs.
    fn of(state: &State) -> Option<Self> {
        let (origin, url) = (state.serialized_origin(), state.url().clone());
        let forgotten = origin == "null" && state.engine.has(Quirk::NullPreflights)
            || url.as_str().len() >= CHROMIUM_URL_LIMIT && state.engine.has(Quirk::LongPreflights);
        (!forgotten).then(|| Self {
            partition: state.network_partition(),
            origin,
            url,
        })
    }
}

impl Entry {
    /// Fetch #concept-cache-match: with credentials is good for without, not the reverse.
    fn matches(&self, key: &Key, state: &State, now: Duration) -> bool {
        now < self.expires
            && self.key == *key
            && match state.engine.has(Quirk::PreflightsByCredentials) {
                false => self.credentials || state.credentials != Credentials::Include,
                true => self.credentials == (state.credentials == Credentials::Include),
            }
    }

    /// In the cache Fetch takes `*` for a wildcard even where it came with credentials.
    fn is_wildcard(&self, item: &str, engine: Engine) -> bool {
        let literal = self.credentials && engine.has(Quirk::CredentialedStar);
        item == "*" && !literal && !engine.has(Quirk::StarForgotten)
    }

    fn allows_method(&self, method: &str, engine: Engine) -> bool {
        matches!(&self.allowed, Allowed::Method(item) if item == method || self.is_wildcard(item, engine))
    }

    fn allows_header(&self, name: &str, engine: Engine) -> bool {
        matches!(&self.allowed, Allowed::Header(item)
            if item.eq_ignore_ascii_case(name)
                || self.is_wildcard(item, engine)
                    && (!classify::is_non_wildcard(name)
                        || engine.has(Quirk::StarRemembersAuthorization)))
    }

    fn allows(&self, asked: &Allowed, engine: Engine) -> bool {
        match asked {
            Allowed::Method(method) => self.allows_method(method, engine),
            Allowed::Header(name) => self.allows_header(name, engine),
        }
    }
}

impl PreflightCache {
    /// Fetch #http-fetch step 4.1: whether a request that needs a preflight can go without.
    pub(crate) fn covers(&mut self, state: &State, now: Duration) -> bool {
        // Some ask again for whatever script makes conditional, as it passes
        // all caches by.
        let passes_by =
            state.engine.has(Quirk::ConditionalPreflights) && is_conditional(&state.headers);
        let Some(key) = Key::of(state).filter(|_| !passes_by) else {
            return false;
        };
        let matching = || {
            self.entries
                .iter()
                .filter(|entry| entry.matches(&key, state, now))
        };
        let needs_method = !classify::is_safelisted_method(&state.method) || state.use_preflight;
        let method = !needs_method
            || matching().any(|entry| entry.allows_method(state.method.as_str(), state.engine));
        let header = |name: &HeaderName| {
            matching().any(|entry| entry.allows_header(name.as_str(), state.engine))
        };
        let covers = method && state.unsafe_header_names().iter().all(header);
        if !covers && state.engine.has(Quirk::OnePreflight) {
            self.clear(state);
        }
        covers
    }

    /// Fetch #cors-preflight-fetch steps 7.11 to 7.15. Some keep the last answer only.
    pub(crate) fn store(&mut self, state: &State, grant: Grant, now: Duration) {
        if state.engine.has(Quirk::OnePreflight) {
            self.clear(state);
        }
        let Some(key) = Key::of(state) else {
            return;
        };
        let expires = now.saturating_add(Duration::from_secs(grant.max_age));
        self.entries.retain(|entry| now < entry.expires);
        let methods = grant.methods.into_iter().map(Allowed::Method);
        let headers = grant.headers.into_iter().map(Allowed::Header);
        for allowed in methods.chain(headers) {
            if self.refresh(&key, state, &allowed, now, expires) {
                continue;
            }
            self.entries.push(Entry {
                key: key.clone(),
                credentials: state.credentials == Credentials::Include,
                allowed,
                expires,
            });
        }
    }

    /// Keeps what allows a method or a header already, until a later time. Returns whether something does.
    fn refresh(
        &mut self,
        key: &Key,
        state: &State,
        allowed: &Allowed,
        now: Duration,
        expires: Duration,
    ) -> bool {
        let mut found = false;
        for entry in &mut self.entries {
            if entry.matches(key, state, now) && entry.allows(allowed, state.engine) {
                entry.expires = expires;
                found = true;
            }
        }
        found
    }

    /// Fetch #concept-cache-clear: a preflighted request failed, so what was remembered is void.
    pub(crate) fn clear(&mut self, state: &State) {
        if let Some(key) = Key::of(state) {
            self.entries.retain(|entry| entry.key != key);
        }
    }
}
