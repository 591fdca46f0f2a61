//! From settings to a policy, or to everything that is wrong with them.

use std::borrow::Cow;

use http::HeaderValue;

use super::allow_list::AllowList;
use super::builder::CorsBuilder;
use super::entries::{self, Wrong};
use super::error::{PolicyError, PolicyErrorKind as Kind, PolicyErrors};
use super::remedy;
use crate::cors::policy::{self, Access, Compiled, CorsPolicy, Headers, Methods};
use crate::origin::{OriginPattern, OriginSet};

/// Reads the settings one by one and notes what is wrong.
struct Check<'a> {
    settings: &'a CorsBuilder,
    /// Whether a source of origins stands beside the policy.
    source: bool,
    /// The setting that is read.
    key: &'static str,
    errors: Vec<PolicyError>,
}

impl CorsBuilder {
    /// Checks the settings and compiles them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once: settings that no browser can match or honour, that the standard
    /// forbids, or that are dangerous with credentials.
    pub fn build(&self) -> Result<CorsPolicy, PolicyErrors> {
        let mut check = Check::new(self, false);
        if check.is_for_nobody() {
            let remedy = match self.allow_credentials {
                true => "name the origins that may read",
                false => "name the origins that may read, or write \"*\" for all",
            };
            check.refuse(Kind::NoOrigins, remedy);
        }
        check.compile()
    }

    /// As [`build`](Self::build), for a policy beside a source of origins, where the list may be empty. In
    /// a [`CorsLayer`](crate::cors::CorsLayer) such a policy would allow nobody.
    ///
    /// It is the policy alone of [`layer_with_source`](Self::layer_with_source), to
    /// [replace](crate::cors::CorsHandle::replace) that of a
    /// [`SourcedCorsLayer`](crate::cors::source::SourcedCorsLayer), whose source stays.
    ///
    /// ```
    /// use same_origin::cors::{CorsPolicy, source::OriginSource};
    /// use std::time::Duration;
    ///
    /// let source = OriginSource::new(|_| async { true });
    /// let handle = CorsPolicy::builder().allow_credentials(true).layer_with_source(source)?.handle();
    /// let settings = handle.policy().settings().max_age(Duration::from_secs(600));
    /// handle.replace(settings.build_with_source()?);
    /// # Ok::<(), same_origin::cors::PolicyErrors>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`build`](Self::build); and where all origins are allowed, so that the source would never be
    /// asked.
    #[cfg(feature = "origin-source")]
    #[cfg_attr(docsrs, doc(cfg(feature = "origin-source")))]
    pub fn build_with_source(&self) -> Result<CorsPolicy, PolicyErrors> {
        let mut check = Check::new(self, true);
        if matches!(self.allow_origins, AllowList::Any) {
            let remedy =
                "name the origins that are known already, or build a policy without a source";
            check.refuse(Kind::StarWithSource, remedy);
        }
        check.compile()
    }
}

impl<'a> Check<'a> {
    fn new(settings: &'a CorsBuilder, source: bool) -> Self {
        Self {
            settings,
            source,
            key: "allow_origins",
            errors: Vec::new(),
        }
    }

    fn compile(mut self) -> Result<CorsPolicy, PolicyErrors> {
        let (access, methods, headers) = (self.access(), self.methods(), self.headers());
        let (expose, max_age) = (self.exposed(), self.max_age());
        PolicyErrors::into_result(self.errors)?;
        Ok(CorsPolicy::new(Compiled {
            permission: policy::permission(&access, &methods, &headers, max_age),
            access,
            methods,
            headers,
            expose,
            max_age,
            debug: self.settings.debug,
            asks_insecure: self.source
                && self.settings.allow_credentials
                && self.settings.dangerously_allow_insecure_origins,
        }))
    }

    fn is_for_nobody(&self) -> bool {
        self.settings.allow_origins.is_empty() && !self.settings.allow_null_origin
    }

    fn access(&mut self) -> Access {
        let settings = self.settings;
        self.key = "allow_null_origin";
        if settings.allow_null_origin && remedy::is_null_dangerous(settings) {
            let remedy = "remove it, or set dangerously_allow_credentialed_null_origin \
                          if each response is guarded by its own signature";
            self.refuse(Kind::NullWithCredentials, remedy);
        }
        self.key = "allow_origins";
        let AllowList::Only(entries) = &settings.allow_origins else {
            self.star("name the origins");
            return Access::Any;
        };
        let origins: OriginSet = entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| self.origin(index, entry))
            .collect();
        Access::Listed {
            origins,
            null: settings.allow_null_origin,
            credentials: settings.allow_credentials,
        }
    }

    fn origin(&mut self, index: usize, entry: &str) -> Option<OriginPattern> {
        let settings = self.settings;
        if has_star(entry) {
            self.star_in_list(index, entry, "name the origins");
            return None;
        }
        let pattern: OriginPattern = match entry.parse() {
            Ok(pattern) => pattern,
            Err(error) => {
                let kind = Kind::Origin(error.kind());
                self.refuse_entry(index, entry, kind, remedy::of_origin(settings, &error));
                return None;
            }
        };
        for danger in remedy::dangers(settings, &pattern) {
            self.refuse_entry(index, entry, danger, remedy::of_danger(danger, entry));
        }
        Some(pattern)
    }

    fn methods(&mut self) -> Methods {
        self.key = "allow_methods";
        let AllowList::Only(entries) = &self.settings.allow_methods else {
            self.star("name the methods");
            return Methods::Any;
        };
        let mut listed = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if has_star(entry) {
                self.star_in_list(index, entry, "name the methods");
                continue;
            }
            match entries::method(entry) {
                Ok(()) => listed.push(entry.clone()),
                Err((kind, remedy)) => self.refuse_entry(index, entry, kind, remedy),
            }
        }
        Methods::Listed(canonical(listed).into())
    }

    fn headers(&mut self) -> Headers {
        self.key = "allow_headers";
        match &self.settings.allow_headers {
            AllowList::Any => {
                self.star("name the headers");
                Headers::Any {
                    authorization: false,
                }
            }
            // `*, authorization`: Fetch #cors-non-wildcard-request-header-name makes that one an
            // exception that has to be named beside the star.
            AllowList::Only(entries) if is_star_and_authorization(entries) => {
                self.star("name the headers");
                Headers::Any {
                    authorization: true,
                }
            }
            AllowList::Only(entries) => {
                let listed = self.header_names(entries, entries::request_header);
                Headers::Listed(listed.into())
            }
        }
    }

    fn exposed(&mut self) -> Option<HeaderValue> {
        self.key = "expose_headers";
        let AllowList::Only(entries) = &self.settings.expose_headers else {
            self.star("name the headers");
            return Some(HeaderValue::from_static("*"));
        };
        let listed = self.header_names(entries, entries::response_header);
        (!listed.is_empty()).then(|| policy::ready(listed.join(",")))
    }

    fn header_names(
        &mut self,
        entries: &[String],
        read: fn(&str) -> Result<String, Wrong>,
    ) -> Vec<String> {
        let mut listed = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if has_star(entry) {
                self.star_in_list(index, entry, "name the headers");
                continue;
            }
            match read(entry) {
                Ok(name) => listed.push(name),
                Err((kind, remedy)) => self.refuse_entry(index, entry, kind, remedy),
            }
        }
        canonical(listed)
    }

    fn max_age(&mut self) -> Option<u64> {
        self.key = "max_age";
        let age = self.settings.max_age?;
        let wrong = if age.as_secs() > 1 << 31 {
            let remedy = "write 7200, beyond which Chromium does not go";
            Some((Kind::LongDuration, String::from(remedy)))
        } else if age.subsec_nanos() != 0 {
            let next = age.as_secs().saturating_add(1);
            let remedy = format!("write {}", next.min(1 << 31));
            Some((Kind::FractionOfSecond, remedy))
        } else {
            None
        };
        if let Some((kind, remedy)) = wrong {
            let error = PolicyError::new(self.key, kind, remedy);
            self.errors.push(error.value_at(None, format!("{age:?}")));
        }
        Some(age.as_secs())
    }

    /// `"*"` in place of a list.
    fn star(&mut self, instead: &str) {
        if self.settings.allow_credentials {
            let remedy = format!("{instead}, or remove allow_credentials");
            let error = PolicyError::new(self.key, Kind::StarWithCredentials, remedy);
            self.errors.push(error.value_at(None, "*"));
        }
    }

    /// A `*` among the entries of a list, be it beside others in one entry.
    fn star_in_list(&mut self, index: usize, entry: &str, instead: &str) {
        let in_place = match &self.settings.allow_headers {
            // The star does not cover `authorization`, which was probably listed on purpose.
            AllowList::Only(entries)
                if self.key == "allow_headers" && names_authorization(entries) =>
            {
                "write [\"*\", \"authorization\"] in place of the list"
            }
            AllowList::Any | AllowList::Only(_) => {
                "write \"*\" in place of the list (in Rust: `Any`)"
            }
        };
        if self.settings.allow_credentials {
            // Both faults in one error, as mending either leads to the other.
            let remedy = format!("{instead}, or remove allow_credentials and {in_place}");
            self.refuse_entry(index, entry, Kind::StarWithCredentials, remedy);
        } else {
            let remedy = format!("{in_place}, or remove it");
            self.refuse_entry(index, entry, Kind::StarInList, remedy);
        }
    }

    fn refuse(&mut self, kind: Kind, remedy: impl Into<Cow<'static, str>>) {
        self.errors.push(PolicyError::new(self.key, kind, remedy));
    }

    fn refuse_entry(
        &mut self,
        index: usize,
        value: &str,
        kind: Kind,
        remedy: impl Into<Cow<'static, str>>,
    ) {
        let error = PolicyError::new(self.key, kind, remedy);
        self.errors.push(if self.key == "allow_origins" {
            error.address_at(index, value)
        } else {
            error.value_at(index, value)
        });
    }
}

/// Sorted and without repetitions.
fn canonical(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

fn is_star_and_authorization(entries: &[String]) -> bool {
    let lower = entries
        .iter()
        .map(|entry| entry.to_ascii_lowercase())
        .collect();
    canonical(lower) == ["*", "authorization"]
}

fn names_authorization(entries: &[String]) -> bool {
    let is_it = |word: &str| word.eq_ignore_ascii_case("authorization");
    entries.iter().any(|entry| words(entry).any(is_it))
}

fn has_star(entry: &str) -> bool {
    words(entry).any(|word| word == "*")
}

/// The members of an entry that may hold several, without their quotes.
fn words(entry: &str) -> impl Iterator<Item = &str> {
    let words = entry.split([',', ';', ' ', '\t']);
    words.map(|word| word.trim_matches(['"', '\'']))
}
