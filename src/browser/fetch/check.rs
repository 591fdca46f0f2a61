//! The checks on a response that decide whether a page may have it.

use http::HeaderMap;
use http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN};
use url::{Origin, Url};

use crate::browser::outcome::error::FetchErrorKind;
use crate::browser::site::{same_site, schemelessly_same_site};
use crate::browser::values;

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

/// Fetch #cross-origin-resource-policy-internal-check under the embedder policy `unsafe-none`.
pub(crate) fn resource_policy_check(
    origin: &Origin,
    url: &Url,
    response: &HeaderMap,
) -> Result<(), FetchErrorKind> {
    let Some(policy) = values::text(response, "cross-origin-resource-policy") else {
        return Ok(());
    };
    let target = url.origin();
    let allowed = match &*policy {
        "same-origin" => *origin == target,
        "same-site" => {
            let secure_enough = same_site(origin, &target) || url.scheme() != "https";
            schemelessly_same_site(origin, &target) && secure_enough
        }
        // Two values, another case, an unknown word: as if there were none.
        _ => true,
    };
    if allowed {
        Ok(())
    } else {
        Err(FetchErrorKind::ResourcePolicy(policy))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        lines.iter().copied().map(line).collect()
    }

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
        let check = |origin: &str, url: &str, policy: &'static str| {
            let origin = Url::parse(origin).unwrap().origin();
            let lines = headers(&[("cross-origin-resource-policy", policy)]);
            resource_policy_check(&origin, &Url::parse(url).unwrap(), &lines).is_ok()
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
        assert!(check("https://app.test", "https://api.test", "Same-Origin"));
        assert!(check(
            "https://app.test",
            "https://api.test",
            "same-site, same-origin"
        ));
    }
}
