//! What a policy allows and may yet not do what it was written for.

use super::policy::{Access, Compiled, CorsPolicy, Headers, Methods};
use std::fmt;

/// Something in a policy that is allowed, yet may not do what it was written for.
///
/// Displays value, reason and remedy in one line, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PolicyWarning {
    key: &'static str,
    value: String,
    kind: PolicyWarningKind,
    remedy: &'static str,
}

/// What may not do what it was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PolicyWarningKind {
    /// Anybody can have an origin that the pattern stands for. With credentials it is refused.
    PublicSuffix,
    /// The feature `idna` is off, so that a host in `xn--` was not looked into. If it is not the punycode
    /// of anything, no browser has that origin.
    PunycodeUnchecked,
    /// Methods are case-sensitive, and browsers send this one as the script wrote it.
    MethodCase,
    /// `*` does not cover `authorization` (Fetch #cors-non-wildcard-request-header-name).
    StarWithoutAuthorization,
    /// Chromium remembers the answer to a preflight for 7200 seconds at most.
    AgeBeyondChromium,
    /// Firefox remembers the answer to a preflight for 86400 seconds at most, Chromium for 7200.
    AgeBeyondFirefox,
}

impl CorsPolicy {
    /// What is allowed and may yet not do what it was written for; worth a line in the log at start.
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
        let origins = compiled.open_patterns().map(|pattern| {
            let remedy = "name the origins that are yours, or write \"*\" if all are meant";
            PolicyWarning::new(
                "allow_origins",
                pattern,
                PolicyWarningKind::PublicSuffix,
                remedy,
            )
        });
        let unchecked = compiled.unchecked_hosts().map(|pattern| {
            PolicyWarning::new(
                "allow_origins",
                pattern,
                PolicyWarningKind::PunycodeUnchecked,
                "compare it with the browser's address bar, or switch the feature idna on",
            )
        });
        let methods = compiled.odd_methods().map(|method| {
            let remedy = "write it in upper case, unless scripts really write it so";
            PolicyWarning::new(
                "allow_methods",
                method,
                PolicyWarningKind::MethodCase,
                remedy,
            )
        });
        let star = matches!(
            compiled.headers,
            Headers::Any {
                authorization: false
            }
        )
        .then(|| {
            let remedy = "write [\"*\", \"authorization\"] if that is needed";
            PolicyWarning::new(
                "allow_headers",
                "*",
                PolicyWarningKind::StarWithoutAuthorization,
                remedy,
            )
        });
        let age = compiled.max_age.and_then(|age| {
            let kind = match age {
                0..=7_200 => return None,
                7_201..=86_400 => PolicyWarningKind::AgeBeyondChromium,
                86_401.. => PolicyWarningKind::AgeBeyondFirefox,
            };
            Some(PolicyWarning::new(
                "max_age",
                &age.to_string(),
                kind,
                "write 7200",
            ))
        });
        let origins = origins.chain(unchecked);
        origins.chain(methods).chain(star).chain(age).collect()
    }
}

impl Compiled {
    fn open_patterns(&self) -> impl Iterator<Item = &str> {
        let origins = match &self.access {
            Access::Listed {
                origins,
                credentials: false,
                ..
            } => Some(origins),
            // With credentials it was refused, or asked for in so many words.
            Access::Listed {
                credentials: true, ..
            }
            | Access::Any => None,
        };
        let patterns = origins.into_iter().flat_map(|origins| origins.iter());
        patterns
            .filter(|pattern| pattern.is_open_to_registration())
            .map(|pattern| pattern.as_str())
    }

    fn unchecked_hosts(&self) -> impl Iterator<Item = &str> {
        let origins = match &self.access {
            Access::Listed { origins, .. } => Some(origins),
            Access::Any => None,
        };
        let patterns = origins.into_iter().flat_map(|origins| origins.iter());
        patterns
            .filter(|pattern| pattern.has_unchecked_punycode())
            .map(|pattern| pattern.as_str())
    }

    fn odd_methods(&self) -> impl Iterator<Item = &str> {
        let names: &[String] = match &self.methods {
            Methods::Listed(names) => names,
            Methods::Any => &[],
        };
        // The other common ones are sent in upper case, so that they are errors in any other.
        let is_odd = |name: &&str| name.eq_ignore_ascii_case("PATCH") && *name != "PATCH";
        names.iter().map(String::as_str).filter(is_odd)
    }
}

impl PolicyWarning {
    fn new(key: &'static str, value: &str, kind: PolicyWarningKind, remedy: &'static str) -> Self {
        let value = value.to_owned();
        Self {
            key,
            value,
            kind,
            remedy,
        }
    }

    /// The setting, by the name of its setter, which is also its key in a configuration file.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// What was written.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What may not do what it was written for.
    #[must_use]
    pub fn kind(&self) -> PolicyWarningKind {
        self.kind
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        self.remedy
    }
}

impl fmt::Display for PolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.value, self.kind, self.remedy)
    }
}

impl fmt::Display for PolicyWarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicSuffix => "stands for names that anybody can have",
            Self::PunycodeUnchecked => "has a label in \"xn--\" that was not checked, because the feature idna is off",
            Self::MethodCase => "is not PATCH, for methods are case-sensitive and browsers leave the case of this one",
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
}
