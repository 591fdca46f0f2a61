//! A certificate of its own for a server, which a browser trusts by the pin of its key.

use std::path::Path;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use rcgen::{Certificate, CertificateParams, KeyPair, PublicKeyData};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

/// A certificate for some names, and its key.
pub struct Identity {
    certificate: Certificate,
    key: KeyPair,
}

impl Identity {
    pub fn new(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, key }
    }

    /// For `--ignore-certificate-errors-spki-list`, which takes several, with commas.
    pub fn pin(&self) -> String {
        BASE64_STANDARD.encode(Sha256::digest(self.key.subject_public_key_info()))
    }

    /// A server's side of TLS that speaks these protocols, the best first.
    pub fn acceptor(&self, protocols: &[&str]) -> TlsAcceptor {
        let private = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key in DER");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], private)
            .expect("a certificate for the key");
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().into())
            .collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// The side of a client that trusts it.
    #[allow(dead_code, reason = "not all who serve have clients of their own")]
    pub fn trusting(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificate.der().clone())
            .expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// Writes `cert.pem` and `key.pem`, for servers that are other processes.
    #[allow(dead_code, reason = "not all who serve start other processes")]
    pub fn write(&self, folder: &Path) {
        for (name, text) in [
            ("cert.pem", self.certificate.pem()),
            ("key.pem", self.key.serialize_pem()),
        ] {
            std::fs::write(folder.join(name), text).expect("a folder to write to");
        }
    }
}
