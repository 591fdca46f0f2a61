//! The checks on a response that decide whether a page may have it.

use http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN};
use http::{HeaderMap, HeaderName};
use url::Url;

use super::client::EmbedderPolicy;
use super::options::Mode;
use super::state::{State, Tainting};
use crate::browser::engine::Quirk;
use crate::browser::origin::Origin;
use crate::browser::outcome::error::FetchErrorKind;
use crate::browser::site::{same_site, schemelessly_same_site};
use crate::browser::values;

const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

/// Fetch #cors-check. `origin` is the request's, byte-serialized; `include` its credentials mode.
pub(crate) fn cors_check(
    origin: &str,
    include: bool,
    response: &HeaderMap,
) -> Result<(), FetchErrorKind> {
    let Some(allowed) = values::text(response, ACCESS_CONTROL_ALLOW_ORIGIN) else {
        return Err(FetchErrorKind::MissingAllowOrigin);
    };
    match (&*allowed, include) {
        ("*", false) => return Ok(()),
        ("*", true) => return Err(FetchErrorKind::WildcardWithCredentials),
        _ if allowed != origin => return Err(mismatch(allowed)),
        (_, false) => return Ok(()),
        (_, true) => {}
    }
    match values::text(response, ACCESS_CONTROL_ALLOW_CREDENTIALS) {
        Some(credentials) if credentials == "true" => Ok(()),
        other => Err(FetchErrorKind::CredentialsNotAllowed(
            other.unwrap_or_default(),
        )),
    }
}

/// One failure for Fetch; three for whoever has to mend it, told apart as Chromium does.
fn mismatch(allowed: String) -> FetchErrorKind {
    if allowed.contains([' ', ',']) {
        FetchErrorKind::MultipleAllowOrigins(allowed)
    } else if allowed == "null" || Url::parse(&allowed).is_ok() {
        FetchErrorKind::AllowOriginMismatch(allowed)
    } else {
        FetchErrorKind::InvalidAllowOrigin(allowed)
    }
}

/// Fetch #cross-origin-resource-policy-check, for a frame too where the page has an embedder policy.
pub(crate) fn resource_policy_check(
    state: &State,
    response: &HeaderMap,
) -> Result<(), FetchErrorKind> {
    let policy = values::text(response, "cross-origin-resource-policy");
    let known = policy
        .as_deref()
        .filter(|policy| matches!(*policy, "same-origin" | "same-site" | "cross-origin"));
    // Two values, another case, an unknown word: as if there were none.
    let Some(policy) = known else {
        let passes = policy.is_some() && state.engine.has(Quirk::UnknownPolicyPasses);
        let foreign = !passes && !state.is_same_origin();
        return match defaults_to_same_origin(state) && foreign {
            true => Err(FetchErrorKind::ResourcePolicy(String::new())),
            false => Ok(()),
        };
    };
    if is_allowed(state.origin(), state.url(), policy) {
        Ok(())
    } else {
        Err(FetchErrorKind::ResourcePolicy(policy.to_owned()))
    }
}

/// The part of Fetch #cross-origin-resource-policy-internal-check that the embedder policy changes.
fn defaults_to_same_origin(state: &State) -> bool {
    match state.client.embedder_policy {
        EmbedderPolicy::UnsafeNone => false,
        EmbedderPolicy::RequireCorp => true,
        EmbedderPolicy::Credentialless if state.engine.has(Quirk::NoCredentialless) => false,
        EmbedderPolicy::Credentialless => {
            state.includes_credentials() || state.initiator.is_navigation()
        }
    }
}

/// Fetch #cross-origin-resource-policy-internal-check.
fn is_allowed(origin: &Origin, url: &Url, policy: &str) -> bool {
    let target = Origin::of(url);
    match policy {
        "same-origin" => *origin == target,
        "same-site" => {
            let secure_enough = same_site(origin, &target) || url.scheme() != "https";
            schemelessly_same_site(origin, &target) && secure_enough
        }
        _ => true,
    }
}

/// HTML: a page with an embedder policy frames only pages that have one.
pub(crate) fn embedder_policy_check(response: &HeaderMap) -> Result<(), FetchErrorKind> {
    let policy = values::text(response, "cross-origin-embedder-policy").unwrap_or_default();
    // A structured item (RFC 9651): parameters such as `report-to` follow it.
    let word = policy.split(';').next().unwrap_or_default().trim_end();
    match word {
        "require-corp" | "credentialless" => Ok(()),
        _ => Err(FetchErrorKind::EmbedderPolicy(policy)),
    }
}

/// Fetch #concept-tao-check.
pub(crate) fn timing_allowed(state: &State, response: &HeaderMap) -> bool {
    let origin = state.serialized_origin();
    let listed = values::parts(response, &TIMING_ALLOW_ORIGIN)
        .iter()
        .any(|value| value == "*" || *value == origin);
    let foreign_document = state.mode == Mode::Navigate && !state.is_same_origin();
    listed || !foreign_document && state.tainting == Tainting::Basic
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::headers;

    #[test]
    fn cors_checks() {
        use FetchErrorKind as E;
        const ALLOW: &str = "access-control-allow-origin";
        const CREDENTIALS: &str = "access-control-allow-credentials";
        const PAGE: &str = "https://app.test";
        type Case = (
            &'static [(&'static str, &'static str)],
            Result<(), E>,
            Result<(), E>,
        );
        let cases: &[Case] = &[
            (&[], Err(E::MissingAllowOrigin), Err(E::MissingAllowOrigin)),
            (&[(ALLOW, "*")], Ok(()), Err(E::WildcardWithCredentials)),
            (
                &[(ALLOW, "*"), (CREDENTIALS, "true")],
                Ok(()),
                Err(E::WildcardWithCredentials),
            ),
            (
                &[(ALLOW, PAGE)],
                Ok(()),
                Err(E::CredentialsNotAllowed("".into())),
            ),
            (&[(ALLOW, PAGE), (CREDENTIALS, "true")], Ok(()), Ok(())),
            (
                &[(ALLOW, PAGE), (CREDENTIALS, "True")],
                Ok(()),
                Err(E::CredentialsNotAllowed("True".into())),
            ),
            (
                &[(ALLOW, PAGE), (CREDENTIALS, "true"), (CREDENTIALS, "true")],
                Ok(()),
                Err(E::CredentialsNotAllowed("true, true".into())),
            ),
        ];
        for (lines, plain, credentialed) in cases {
            assert_eq!(
                &cors_check(PAGE, false, &headers(lines)),
                plain,
                "{lines:?}"
            );
            assert_eq!(
                &cors_check(PAGE, true, &headers(lines)),
                credentialed,
                "{lines:?}"
            );
        }
        let wrong =
            |value: &'static str| cors_check(PAGE, false, &headers(&[(ALLOW, value)])).unwrap_err();
        assert_eq!(
            wrong("https://app.test/"),
            E::AllowOriginMismatch("https://app.test/".into())
        );
        assert_eq!(
            wrong("HTTPS://app.test"),
            E::AllowOriginMismatch("HTTPS://app.test".into())
        );
        assert_eq!(wrong("null"), E::AllowOriginMismatch("null".into()));
        assert_eq!(wrong("app.test"), E::InvalidAllowOrigin("app.test".into()));
        assert_eq!(wrong(""), E::InvalidAllowOrigin("".into()));
        assert_eq!(
            wrong("https://app.test, *"),
            E::MultipleAllowOrigins("https://app.test, *".into())
        );
        let twice = headers(&[(ALLOW, "*"), (ALLOW, "*")]);
        assert_eq!(
            cors_check(PAGE, false, &twice),
            Err(E::MultipleAllowOrigins("*, *".into()))
        );
        assert_eq!(
            cors_check("null", false, &headers(&[(ALLOW, "null")])),
            Ok(())
        );
    }

    #[test]
    fn resource_policies() {
        let check = |origin: &str, url: &str, policy: &str| {
            let origin = Origin::of(&Url::parse(origin).unwrap());
            is_allowed(&origin, &Url::parse(url).unwrap(), policy)
        };
        assert!(!check(
            "https://app.test",
            "https://api.test",
            "same-origin"
        ));
        assert!(!check("https://app.test", "https://api.test", "same-site"));
        assert!(check(
            "https://a.app.test",
            "https://b.app.test",
            "same-site"
        ));
        assert!(!check(
            "http://a.app.test",
            "https://b.app.test",
            "same-site"
        ));
        assert!(check(
            "https://a.app.test",
            "http://b.app.test",
            "same-site"
        ));
        assert!(check(
            "https://app.test",
            "https://api.test",
            "cross-origin"
        ));
    }
}
