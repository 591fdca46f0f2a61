//! TLS to the upstream by files: trust anchors of one's own, a client certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use crate::proxy::client::{ClientBuildError, crypto_provider};
use crate::proxy::config::error::{ProxyConfigError, ProxyConfigErrorKind as Kind};
use crate::proxy::config::pem;

/// Trust anchors for https upstreams, and an optional client certificate: PEM files, read when the proxy
/// is built.
///
/// For anything else (revocation, a hardware key), give a `rustls::ClientConfig` to
/// [`ClientBuilder::tls_config`](crate::proxy::ClientBuilder::tls_config).
///
/// # Examples
///
/// ```no_run
/// use same_origin::proxy::{ReverseProxy, UpstreamTls};
///
/// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
/// let api = ReverseProxy::builder("/api", "https://api.internal")
///     .upstream_tls(
///         UpstreamTls::default()
///             .ca("/etc/tls/internal-ca.pem")
///             .client_certificate("/etc/tls/client.pem", "/etc/tls/client-key.pem"),
///     )
///     .build()?;
/// # let _ = api;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use]
pub struct UpstreamTls {
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    ca: Option<PathBuf>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    cert: Option<PathBuf>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    key: Option<PathBuf>,
}

impl UpstreamTls {
    /// The certificates that the upstream's has to lead to, instead of the system's roots.
    pub fn ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca = Some(file.into());
        self
    }

    /// The certificate chain and the private key by which the proxy shows itself to the upstream. Default: none.
    pub fn client_certificate(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.cert = Some(cert.into());
        self.key = Some(key.into());
        self
    }

    /// The configuration, or errors that say what is wrong with the files.
    pub(super) fn config(&self, errors: &mut Vec<ProxyConfigError>) -> Option<Arc<ClientConfig>> {
        let roots = self.roots(errors);
        let Some(provider) = crypto_provider() else {
            let remedy = ClientBuildError::NoCryptoProvider.to_string();
            errors.push(ProxyConfigError::new("upstream_tls", Kind::Tls, remedy));
            return None;
        };
        let identity = self.identity(&provider, errors);
        let (roots, identity) = (roots?, identity?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|config| config.with_root_certificates(roots));
        let config = config.map(|config| match identity {
            Identity::Certified(pair) => {
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair)))
            }
            Identity::Nobody => config.with_no_client_auth(),
        });
        match config {
            Ok(config) => Some(Arc::new(config)),
            Err(error) => {
                let remedy =
                    format!("install a crypto provider that speaks TLS 1.2 or 1.3 ({error})");
                errors.push(ProxyConfigError::new("upstream_tls", Kind::Tls, remedy));
                None
            }
        }
    }

    fn roots(&self, errors: &mut Vec<ProxyConfigError>) -> Option<Arc<RootCertStore>> {
        let Some(file) = &self.ca else {
            return match crate::proxy::client::system_roots() {
                Ok(roots) => Some(roots),
                Err(error) => {
                    let remedy = error.to_string();
                    errors.push(ProxyConfigError::new("upstream_tls.ca", Kind::Tls, remedy));
                    None
                }
            };
        };
        let found = pem::certificates(file);
        let found = found.map_err(|remedy| errors.push(unusable("upstream_tls.ca", file, remedy)));
        let mut roots = RootCertStore::empty();
        for (number, certificate) in (1..).zip(found.ok()?) {
            if let Err(error) = roots.add(certificate) {
                let cause = pem::cause(&error);
                let remedy = format!(
                    "certificate {number} of it cannot be used ({cause}); write it again, or take it out"
                );
                errors.push(unusable("upstream_tls.ca", file, remedy));
                return None;
            }
        }
        Some(Arc::new(roots))
    }

    /// The identity of the proxy: nobody, or both halves of a pair.
    fn identity(
        &self,
        provider: &CryptoProvider,
        errors: &mut Vec<ProxyConfigError>,
    ) -> Option<Identity> {
        let missing = |key, remedy| ProxyConfigError::new(key, Kind::Missing, remedy);
        match (&self.cert, &self.key) {
            (None, None) => Some(Identity::Nobody),
            (Some(cert), Some(key)) => pair(cert, key, provider, errors).map(Identity::Certified),
            (Some(_), None) => {
                let remedy = "write the file of the private key, or remove `cert`";
                errors.push(missing("upstream_tls.key", remedy));
                None
            }
            (None, Some(_)) => {
                let remedy = "write the file of the certificate, or remove `key`";
                errors.push(missing("upstream_tls.cert", remedy));
                None
            }
        }
    }
}

/// The identity of the proxy to an upstream.
enum Identity {
    Nobody,
    /// A chain of certificates, and the key of the first one.
    Certified(CertifiedKey),
}

fn pair(
    cert: &Path,
    key_file: &Path,
    provider: &CryptoProvider,
    errors: &mut Vec<ProxyConfigError>,
) -> Option<CertifiedKey> {
    let chain = pem::chain(cert);
    let chain = chain.map_err(|remedy| errors.push(unusable("upstream_tls.cert", cert, remedy)));
    let key = pem::private_key(key_file, provider);
    let key = key.map_err(|remedy| errors.push(unusable("upstream_tls.key", key_file, remedy)));
    let (chain, (_, key)) = (chain.ok()?, key.ok()?);
    let pair = pem::certified(chain, &key, [cert, key_file]);
    let other = |remedy| {
        let error = ProxyConfigError::new("upstream_tls.key", Kind::Tls, remedy);
        errors.push(error.value_at(None, key_file.display().to_string()));
    };
    pair.map_err(other).ok()
}

fn unusable(key: &'static str, file: &Path, remedy: String) -> ProxyConfigError {
    ProxyConfigError::new(key, Kind::File, remedy).value_at(None, file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The missing half has no value, least of all that of the other one.
    #[test]
    fn half_a_pair_is_told_of_at_the_other_half() {
        let file = || Some(PathBuf::from("there.pem"));
        for (cert, key, missing) in [
            (file(), None, "upstream_tls.key"),
            (None, file(), "upstream_tls.cert"),
        ] {
            let mut errors = Vec::new();
            let tls = UpstreamTls {
                cert,
                key,
                ca: None,
            };
            let provider = rustls::crypto::ring::default_provider();
            assert!(tls.identity(&provider, &mut errors).is_none());
            let told: Vec<_> = errors.iter().map(|e| (e.key(), e.value())).collect();
            assert_eq!(told, [(missing, None)]);
        }
    }
}
