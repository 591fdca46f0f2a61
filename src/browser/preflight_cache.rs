//! Fetch #cors-preflight-cache.

use std::time::Duration;

use http::HeaderName;
use url::Url;

use super::options::Credentials;
use super::preflight::Grant;
use super::site;
use super::state::State;
use super::{Engine, classify};

/// What earlier preflights allowed. Times are of the browser's own clock.
#[derive(Clone, Debug, Default)]
pub(super) struct PreflightCache {
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
    fn of(state: &State) -> Self {
        Self {
            partition: site::partition(&state.origin),
            origin: state.serialized_origin(),
            url: state.url().clone(),
        }
    }
}

impl Entry {
    /// Fetch #concept-cache-match: with credentials is good for without, not the reverse.
    fn matches(&self, key: &Key, state: &State, now: Duration) -> bool {
        now < self.expires
            && self.key == *key
            && (self.credentials || state.credentials != Credentials::Include)
    }

    /// In the cache Fetch takes `*` for a wildcard even where it came with credentials.
    fn is_wildcard(&self, item: &str, engine: Engine) -> bool {
        item == "*" && !(self.credentials && engine == Engine::Chromium)
    }

    fn allows_method(&self, method: &str, engine: Engine) -> bool {
        matches!(&self.allowed, Allowed::Method(item) if item == method || self.is_wildcard(item, engine))
    }

    fn allows_header(&self, name: &str, engine: Engine) -> bool {
        matches!(&self.allowed, Allowed::Header(item)
            if item.eq_ignore_ascii_case(name)
                || self.is_wildcard(item, engine) && !classify::is_non_wildcard(name))
    }
}

impl PreflightCache {
    /// Fetch #http-fetch step 4.1: whether a request that needs a preflight can go without.
    pub(super) fn covers(&mut self, state: &State, engine: Engine, now: Duration) -> bool {
        let key = Key::of(state);
        let matching = || {
            self.entries
                .iter()
                .filter(|entry| entry.matches(&key, state, now))
        };
        let needs_method = !classify::is_safelisted_method(&state.method) || state.use_preflight;
        let method = !needs_method
            || matching().any(|entry| entry.allows_method(state.method.as_str(), engine));
        let header =
            |name: &HeaderName| matching().any(|entry| entry.allows_header(name.as_str(), engine));
        let covers = method
            && classify::unsafe_header_names(&state.headers, engine)
                .iter()
                .all(header);
        if !covers && engine == Engine::Chromium {
            self.clear(state);
        }
        covers
    }

    /// Fetch #cors-preflight-fetch steps 7.11 to 7.15. Chromium keeps the last answer only.
    pub(super) fn store(&mut self, state: &State, grant: Grant, engine: Engine, now: Duration) {
        if engine == Engine::Chromium {
            self.clear(state);
        }
        let key = Key::of(state);
        let expires = now.saturating_add(Duration::from_secs(grant.max_age));
        self.entries.retain(|entry| now < entry.expires);
        for method in grant.methods {
            let known = |entry: &Entry| entry.allows_method(&method, engine);
            self.refresh_or_add(
                &key,
                state,
                known,
                now,
                expires,
                Allowed::Method(method.clone()),
            );
        }
        for name in grant.headers {
            let known = |entry: &Entry| entry.allows_header(&name, engine);
            self.refresh_or_add(
                &key,
                state,
                known,
                now,
                expires,
                Allowed::Header(name.clone()),
            );
        }
    }

    fn refresh_or_add(
        &mut self,
        key: &Key,
        state: &State,
        known: impl Fn(&Entry) -> bool,
        now: Duration,
        expires: Duration,
        allowed: Allowed,
    ) {
        let mut found = false;
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.matches(key, state, now) && known(entry))
        {
            entry.expires = expires;
            found = true;
        }
        if !found {
            let credentials = state.credentials == Credentials::Include;
            self.entries.push(Entry {
                key: key.clone(),
                credentials,
                allowed,
                expires,
            });
        }
    }

    /// Fetch #concept-cache-clear: a preflighted request failed, so what was remembered is void.
    pub(super) fn clear(&mut self, state: &State) {
        let key = Key::of(state);
        self.entries.retain(|entry| entry.key != key);
    }
}
