//! Settings that are legal but probably unintended.

use std::fmt;

use crate::config_error::ConfigWarning;
use crate::cors::CorsPolicy;
use crate::guard::config::builder::Mode;
use crate::guard::policy::Guard;
use crate::origin::{OriginPattern, OriginSet};

/// A setting that is legal but probably unintended.
pub type GuardWarning = ConfigWarning<GuardWarningKind>;

/// The kind of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum GuardWarningKind {
    /// A trusted origin is `http`, and not on this machine.
    InsecureTrust,
    /// CORS lets the pages of the origin read with credentials, and the guard refuses what they send.
    AllowedNotTrusted,
    /// The guard trusts the origin, and CORS does not let its pages read with credentials.
    TrustedNotAllowed,
    /// CORS lets `null` read with credentials, and the guard never trusts it.
    NullNotTrusted,
    /// CORS lets pages call without credentials, and the mode refuses their unsafe requests.
    StrictBesidePublicCors,
}

impl Guard {
    /// Settings that are legal but probably unintended; worth a line in the log at start.
    #[must_use]
    pub fn warnings(&self) -> Vec<GuardWarning> {
        let trust = self
            .compiled()
            .settings
            .trust
            .as_deref()
            .unwrap_or_default();
        let patterns = trust
            .iter()
            .filter_map(|entry| entry.parse::<OriginPattern>().ok());
        // The network has no say in who has an extension's origin, or that of an application on the device.
        let is_insecure =
            |pattern: &OriginPattern| pattern.scheme() == "http" && !pattern.is_secure();
        let insecure = patterns.filter(is_insecure);
        let remedy = "write its https origin, if it has one";
        let warning = |pattern: OriginPattern| {
            GuardWarning::new(
                "trust",
                pattern.as_str(),
                GuardWarningKind::InsecureTrust,
                remedy,
            )
        };
        insecure.map(warning).collect()
    }

    /// The pages of which the guard and a CORS policy around it say different things.
    ///
    /// ```
    /// use same_origin::cors::{Any, CorsPolicy};
    /// use same_origin::guard::{Guard, GuardWarningKind};
    ///
    /// let cors = CorsPolicy::builder().allow_origins(Any).allow_methods(["PUT"]).build()?;
    /// let guard = Guard::builder().trust_cors(&cors).build()?;
    /// let warnings = guard.disagreements(&cors);
    /// assert_eq!(warnings[0].kind(), GuardWarningKind::StrictBesidePublicCors);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn disagreements(&self, cors: &CorsPolicy) -> Vec<GuardWarning> {
        let trusted = self.trusted();
        let Some(allowed) = cors.credentialed_origins() else {
            let is_strict = self.mode() == Mode::Strict;
            let kind = GuardWarningKind::StrictBesidePublicCors;
            let remedy = "write mode = \"credentials\", if pages of other sites may call it";
            let warning = GuardWarning::new("mode", "strict", kind, remedy);
            return is_strict.then_some(warning).into_iter().collect();
        };
        let untrusted = missing(allowed, trusted).map(|pattern| {
            let remedy = "add it to trust, or call trust_cors";
            GuardWarning::new(
                "trust",
                pattern,
                GuardWarningKind::AllowedNotTrusted,
                remedy,
            )
        });
        let unread = missing(trusted, allowed).map(|pattern| {
            let remedy = "add it to allow_origins, if its pages have to read the answers";
            GuardWarning::new(
                "trust",
                pattern,
                GuardWarningKind::TrustedNotAllowed,
                remedy,
            )
        });
        let null = cors.allows_null().then(|| {
            let remedy = "remove allow_null_origin, or exempt the paths that are meant";
            GuardWarning::new("trust", "null", GuardWarningKind::NullNotTrusted, remedy)
        });
        untrusted.chain(unread).chain(null).collect()
    }
}

/// The entries of one set that the other does not cover.
fn missing<'a>(of: &'a OriginSet, in_: &'a OriginSet) -> impl Iterator<Item = &'a str> {
    let covers = |pattern: &OriginPattern| {
        (pattern.is_exact() && in_.contains(pattern.as_str()))
            || in_.iter().any(|other| other == pattern)
    };
    let entries = of.iter().filter(move |pattern| !covers(pattern));
    entries.map(OriginPattern::as_str)
}

impl fmt::Display for GuardWarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InsecureTrust => "can be taken by anybody on the network",
            Self::AllowedNotTrusted => {
                "may read with credentials by CORS, and is refused by the guard when it sends"
            }
            Self::TrustedNotAllowed => {
                "is trusted by the guard, and may not read the answers with credentials by CORS"
            }
            Self::NullNotTrusted => {
                "may read with credentials by CORS, and is never trusted, as the pages of all sites send it"
            }
            Self::StrictBesidePublicCors => {
                "refuses the unsafe requests of pages that CORS allows to call without credentials"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(warnings: &[GuardWarning]) -> Vec<(GuardWarningKind, &str)> {
        warnings
            .iter()
            .map(|warning| (warning.kind(), warning.value()))
            .collect()
    }

    fn cors(origins: &[&str]) -> crate::cors::CorsBuilder {
        CorsPolicy::builder()
            .allow_origins(origins)
            .allow_credentials(true)
    }

    #[test]
    fn what_is_insecure() {
        let trust = [
            "http://partner.example",
            "http://localhost:*",
            "https://a.example",
            "moz-extension://5f2a",
            "app://.",
            "file://",
        ];
        let guard = Guard::builder().trust(trust).build().unwrap();
        assert_eq!(
            kinds(&guard.warnings()),
            [(GuardWarningKind::InsecureTrust, "http://partner.example")]
        );
    }

    #[test]
    fn where_guard_and_cors_disagree() {
        use GuardWarningKind::{AllowedNotTrusted, NullNotTrusted, TrustedNotAllowed};
        let policy = cors(&["https://a.example", "https://*.b.example"])
            .allow_null_origin(true)
            .dangerously_allow_credentialed_null_origin(true)
            .build()
            .unwrap();
        let agreed = Guard::builder()
            .trust_cors(&policy)
            .trust(["https://x.b.example"]);
        let agreed = agreed.build().unwrap();
        assert_eq!(
            kinds(&agreed.disagreements(&policy)),
            [(NullNotTrusted, "null")]
        );

        let policy = cors(&["https://a.example", "https://*.b.example"])
            .build()
            .unwrap();
        let other = Guard::builder().trust(["https://a.example", "https://c.example"]);
        let other = other.build().unwrap();
        assert_eq!(
            kinds(&other.disagreements(&policy)),
            [
                (AllowedNotTrusted, "https://*.b.example"),
                (TrustedNotAllowed, "https://c.example")
            ]
        );
        let public = CorsPolicy::builder()
            .allow_origins(crate::cors::Any)
            .build()
            .unwrap();
        let open = Guard::builder().mode(Mode::Credentials).build().unwrap();
        assert_eq!(open.disagreements(&public), []);
    }
}
