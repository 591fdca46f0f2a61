//! Settings that are legal but probably unintended.

use std::fmt;

use crate::config_error::ConfigWarning;
use crate::cors::policy::{CorsPolicy, Headers};
use crate::origin::OriginPattern;

/// A setting that is legal but probably unintended.
pub type PolicyWarning = ConfigWarning<PolicyWarningKind>;

/// The kind of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PolicyWarningKind {
    /// Anybody can have an origin that the pattern covers. With credentials it is refused.
    PublicSuffix,
    /// The feature `idna` is off, so that a host in `xn--` was not looked into. If it is not the punycode
    /// of anything, no browser has that origin.
    PunycodeUnchecked,
    /// Files have this origin in Chromium alone, where it is told to let files read files.
    FileOrigin,
    /// Methods are case-sensitive, and browsers send this one as the script wrote it.
    MethodCase,
    /// `*` in a method is a character like another. There are no patterns of methods.
    StarInMethod,
    /// The method has the name that other servers give to all of them. Here it is a method like another.
    WordForAllMethods,
    /// `|` in a method is a character like another. Each method is an entry of its own.
    BarInMethod,
    /// `*` does not cover `authorization` (Fetch #cors-non-wildcard-request-header-name).
    StarWithoutAuthorization,
    /// Chromium remembers the answer to a preflight for 7200 seconds at most.
    AgeBeyondChromium,
    /// Firefox remembers the answer to a preflight for 86400 seconds at most, Chromium for 7200.
    AgeBeyondFirefox,
}

impl CorsPolicy {
    /// The settings that are legal but probably unintended; worth a line in the log at start.
    ///
    /// ```
    /// use same_origin::cors::{Any, CorsPolicy};
    ///
    /// let policy = CorsPolicy::builder().allow_origins(Any).allow_headers(Any).build()?;
    /// for warning in policy.warnings() {
    ///     eprintln!("{}: {warning}", warning.key());
    /// }
    /// # assert_eq!(policy.warnings().len(), 1);
    /// # Ok::<(), same_origin::cors::PolicyErrors>(())
    /// ```
    #[must_use]
    pub fn warnings(&self) -> Vec<PolicyWarning> {
        let compiled = self.compiled();
        let credentials = compiled.credentials();
        let covering = compiled
            .origins()
            .filter_map(|pattern| hardly_meant(pattern, credentials));
        let origins = covering.chain(compiled.origins().filter_map(unchecked_punycode));
        let methods = compiled.methods.listed().iter();
        let methods = methods.filter_map(|method| one_method(method, credentials));
        let headers = star_without_authorization(&compiled.headers);
        let age = compiled.max_age.and_then(beyond_browsers);
        origins.chain(methods).chain(headers).chain(age).collect()
    }
}

/// A pattern that covers others than it seems to.
fn hardly_meant(pattern: &OriginPattern, credentials: bool) -> Option<PolicyWarning> {
    let (kind, remedy) = if pattern.scheme() == "file" {
        (
            PolicyWarningKind::FileOrigin,
            "set allow_null_origin too, if pages are opened from files",
        )
    // With credentials it was refused, or asked for in so many words.
    } else if pattern.covers_public_suffix() && !credentials {
        (
            PolicyWarningKind::PublicSuffix,
            "name the origins that are yours, or write \"*\" if all are meant",
        )
    } else {
        return None;
    };
    let value = pattern.as_str();
    Some(PolicyWarning::new("allow_origins", value, kind, remedy))
}

fn unchecked_punycode(pattern: &OriginPattern) -> Option<PolicyWarning> {
    let kind = PolicyWarningKind::PunycodeUnchecked;
    let remedy = "compare it with the browser's address bar, or switch the feature idna on";
    let warning = || PolicyWarning::new("allow_origins", pattern.as_str(), kind, remedy);
    pattern.has_unchecked_punycode().then(warning)
}

/// A method that is not the one it looks like. With credentials there is no `*` that stands for all.
fn one_method(method: &str, credentials: bool) -> Option<PolicyWarning> {
    let is = |word: &str| method.eq_ignore_ascii_case(word);
    let (kind, remedy) = if method.contains('*') {
        let remedy = match credentials {
            true => "write each method in full",
            false => "write \"*\" in place of the list for all methods, or each method in full",
        };
        (PolicyWarningKind::StarInMethod, remedy)
    } else if method.contains('|') {
        let remedy = "write each method as an entry of its own";
        (PolicyWarningKind::BarInMethod, remedy)
    } else if is("ALL") || is("ANY") {
        let remedy = match credentials {
            true => "name the methods",
            false => "write \"*\" in place of the list for all methods",
        };
        (PolicyWarningKind::WordForAllMethods, remedy)
    // The other common ones are sent in upper case, so that they are errors in any other.
    } else if is("PATCH") && method != "PATCH" {
        let remedy = "write \"PATCH\", unless scripts write it like that";
        (PolicyWarningKind::MethodCase, remedy)
    } else {
        return None;
    };
    Some(PolicyWarning::new("allow_methods", method, kind, remedy))
}

fn star_without_authorization(headers: &Headers) -> Option<PolicyWarning> {
    let Headers::Any {
        authorization: false,
    } = headers
    else {
        return None;
    };
    let kind = PolicyWarningKind::StarWithoutAuthorization;
    let remedy = "write [\"*\", \"authorization\"] if it is needed";
    Some(PolicyWarning::new("allow_headers", "*", kind, remedy))
}

/// An age above that of a browser, in seconds.
fn beyond_browsers(age: u64) -> Option<PolicyWarning> {
    let kind = match age {
        0..=7_200 => return None,
        7_201..=86_400 => PolicyWarningKind::AgeBeyondChromium,
        86_401.. => PolicyWarningKind::AgeBeyondFirefox,
    };
    let remedy = "write 7200";
    Some(PolicyWarning::new("max_age", age.to_string(), kind, remedy))
}

impl fmt::Display for PolicyWarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicSuffix => "covers names that anybody can register",
            Self::PunycodeUnchecked => "has a label in \"xn--\" that was not checked, because the feature idna is off",
            Self::FileOrigin => {
                "is sent for files by Chromium alone, with --allow-file-access-from-files or in a WebView"
            }
            Self::MethodCase => {
                "is not PATCH: methods are case-sensitive, and browsers leave the case of this one"
            }
            Self::StarInMethod => "is one method, as there are no patterns of methods",
            Self::WordForAllMethods => "is one method, and does not stand for all of them",
            Self::BarInMethod => "is one method, and not several",
            Self::StarWithoutAuthorization => "does not cover the header authorization",
            Self::AgeBeyondChromium => "is more than 7200 seconds, beyond which Chromium does not go",
            Self::AgeBeyondFirefox => {
                "is more than 86400 seconds, beyond which Firefox does not go, nor Chromium beyond 7200"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punycode_is_checked_or_said_not_to_be() {
        let policy = CorsPolicy::builder().allow_origins(["https://xn--bcher-kva.example"]);
        let warnings = policy.build().unwrap().warnings();
        let kinds: Vec<_> = warnings.iter().map(PolicyWarning::kind).collect();
        match cfg!(feature = "idna") {
            true => assert_eq!(kinds, []),
            false => assert_eq!(kinds, [PolicyWarningKind::PunycodeUnchecked]),
        }
    }

    #[test]
    fn a_star_is_not_advised_where_credentials_forbid_it() {
        for credentials in [false, true] {
            let policy = CorsPolicy::builder()
                .allow_origins(["https://a.example"])
                .allow_credentials(credentials)
                .allow_methods(["ALL", "G*T"]);
            let warnings = policy.build().unwrap().warnings();
            assert_eq!(warnings.len(), 2);
            for warning in warnings {
                let advised = warning.remedy().contains("\"*\"");
                assert_eq!(advised, !credentials, "{warning}");
            }
        }
    }
}
