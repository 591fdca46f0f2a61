//! TLS to the upstream by files: an authority of one's own, a client certificate.

use crate::proxy::client::{ClientBuildError, crypto_provider};
use crate::proxy::config::error::{ProxyConfigError, ProxyConfigErrors};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whom an https upstream is trusted by, and who the proxy is to it. PEM files, read when the proxy is
/// built.
///
/// For anything else (revocation, a hardware key), give a `rustls::ClientConfig` to
/// [`ClientBuilder::tls_config`](crate::proxy::ClientBuilder::tls_config).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use]
pub struct UpstreamTls {
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl UpstreamTls {
    /// The certificates that the upstream's has to lead to, instead of the system's roots.
    pub fn ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca = Some(file.into());
        self
    }

    /// The certificate chain and the private key by which the proxy shows itself to the upstream.
    pub fn client_certificate(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.cert = Some(cert.into());
        self.key = Some(key.into());
        self
    }

    /// The configuration, or what is wrong with the files.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, ProxyConfigErrors> {
        let mut errors = Vec::new();
        let roots = self.roots(&mut errors);
        let identity = self.identity(&mut errors);
        let provider = crypto_provider();
        let (Some(roots), Some(identity), Some(provider)) = (roots, identity, provider) else {
            if errors.is_empty() {
                errors.push(wrong("", Path::new(""), ClientBuildError::NoCryptoProvider));
            }
            return Err(ProxyConfigErrors::new(errors));
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|config| config.with_root_certificates(roots));
        let config = config.and_then(|config| match identity {
            Some((chain, key)) => config.with_client_auth_cert(chain, key),
            None => Ok(config.with_no_client_auth()),
        });
        config.map(Arc::new).map_err(|error| {
            let file = self.cert.as_deref().unwrap_or(Path::new(""));
            ProxyConfigErrors::new(vec![wrong(".cert", file, error)])
        })
    }

    fn roots(&self, errors: &mut Vec<ProxyConfigError>) -> Option<RootCertStore> {
        let Some(file) = &self.ca else {
            return match crate::proxy::client::system_roots() {
                Ok(roots) => Some(roots),
                Err(error) => {
                    errors.push(wrong(".ca", Path::new(""), error));
                    None
                }
            };
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(".ca", file, errors)? {
            if let Err(error) = roots.add(certificate) {
                errors.push(wrong(".ca", file, error));
                return None;
            }
        }
        Some(roots)
    }

    /// Nothing, or both halves of who the proxy is.
    #[allow(
        clippy::type_complexity,
        reason = "the two halves that rustls wants, or none of them"
    )]
    fn identity(
        &self,
        errors: &mut Vec<ProxyConfigError>,
    ) -> Option<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>> {
        match (&self.cert, &self.key) {
            (None, None) => Some(None),
            (Some(cert), Some(key_file)) => {
                let chain = certificates(".cert", cert, errors);
                match PrivateKeyDer::from_pem_file(key_file) {
                    Ok(key) => Some(Some((chain?, key))),
                    Err(error) => {
                        errors.push(wrong(".key", key_file, error));
                        None
                    }
                }
            }
            (Some(_), None) => {
                let why = "missing; write the file of the private key, or remove `cert`";
                errors.push(wrong(".key", Path::new(""), why));
                None
            }
            (None, Some(_)) => {
                let why = "missing; write the file of the certificate, or remove `key`";
                errors.push(wrong(".cert", Path::new(""), why));
                None
            }
        }
    }
}

/// The certificates of a PEM file; at least one.
fn certificates(
    key: &str,
    file: &Path,
    errors: &mut Vec<ProxyConfigError>,
) -> Option<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Some(found),
        Ok(_) => {
            errors.push(wrong(
                key,
                file,
                "no certificate in this file; it has to be PEM",
            ));
            None
        }
        Err(error) => {
            errors.push(wrong(key, file, error));
            None
        }
    }
}

fn wrong(key: &str, file: &Path, reason: impl std::fmt::Display) -> ProxyConfigError {
    ProxyConfigError::new(
        format!("upstream_tls{key}"),
        file.display().to_string(),
        reason,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is missing has no value, least of all that of the other half.
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
            assert!(tls.identity(&mut errors).is_none());
            let told: Vec<_> = errors.iter().map(|e| (e.key(), e.value())).collect();
            assert_eq!(told, [(missing, "")]);
        }
    }
}
