//! The cookies of a page: those that its own requests carry and set, in its partition.

use http::HeaderValue;

use super::Page;
use crate::browser::fetch::options::Credentials;
use crate::browser::fetch::state::State;
use crate::browser::outcome::trace::Trace;
use crate::browser::values;

impl Page {
    /// The `Cookie` of a `GET` with credentials that this page makes to `url`, which may be relative to the
    /// page's.
    ///
    /// A frame has the cookies of its partition, and those without one as far as `SameSite`,
    /// [`Web::third_party_cookies`](crate::browser::Web::third_party_cookies) and
    /// [`storage_access`](Page::storage_access) let it. [`Web::cookies`](crate::browser::Web::cookies) has those
    /// of a page of the URL's own site.
    ///
    /// ```
    /// use same_origin::browser::Web;
    ///
    /// let web = Web::new();
    /// let frame = web.page("https://shop.example").frame("https://chat.example.net");
    /// frame.set_cookie("/", "sid=1; Secure; SameSite=None; Partitioned").unwrap();
    /// assert_eq!(frame.cookies("/").as_deref(), Some("sid=1"));
    /// // The same frame elsewhere has a jar of its own.
    /// let other = web.page("https://bank.example.org").frame("https://chat.example.net");
    /// assert_eq!(other.cookies("/"), None);
    /// ```
    #[must_use]
    pub fn cookies(&self, url: &str) -> Option<String> {
        let state = self.asking(url)?;
        let access = state.cookie_access(self.web.third_party_cookies);
        let profile = self.web.profile();
        let header = profile
            .cookies
            .header(state.url(), &access, state.engine, profile.now)?;
        Some(values::isomorphic(header.as_bytes()))
    }

    /// Sets a cookie as the response to a request of this page with this `Set-Cookie` would.
    ///
    /// # Errors
    /// Says why a browser would ignore it.
    pub fn set_cookie(&self, url: &str, set_cookie: &str) -> Result<(), &'static str> {
        let state = self.asking(url).ok_or("the URL cannot be read")?;
        let line = HeaderValue::from_str(set_cookie).map_err(|_| "it cannot be a header")?;
        let access = state.cookie_access(self.web.third_party_cookies);
        let mut profile = self.web.profile();
        let now = profile.now;
        profile
            .cookies
            .store(&line, state.url(), &access, state.engine, now)
    }

    fn asking(&self, url: &str) -> Option<State> {
        let fetch = self.fetch(url).credentials(Credentials::Include);
        fetch.state(&mut Trace::new(String::new())).ok()
    }
}
