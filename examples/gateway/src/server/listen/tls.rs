//! TLS for the listener: a certificate chain and its key, HTTP/2 and HTTP/1.1 by ALPN.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::TlsAcceptor;

pub fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// A certificate chain and its key, and what serves with them.
pub struct Tls {
    pub acceptor: TlsAcceptor,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Tls {
    /// TLS by a chain with its key, and by the key as it is written.
    pub fn new(
        certified: CertifiedKey,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let chain = certified.cert.clone();
        Ok(Self {
            acceptor: acceptor(certified)?,
            chain,
            key,
        })
    }

    /// This, or what served with the same certificate and key before: that knows the clients' sessions.
    pub fn or_same(self, before: Option<&Self>) -> Self {
        match before {
            Some(before) if before.chain == self.chain && before.key == self.key => Self {
                acceptor: before.acceptor.clone(),
                ..self
            },
            _ => self,
        }
    }
}

fn acceptor(certified: CertifiedKey) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    // Sessions are kept by the clients, sealed: rustls keeps the last 256 itself, of all clients together.
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    // RFC 7301 3.2: a client that offers none of these is refused. One of HTTP/1.0 is served as without TLS.
    config.alpn_protocols = ["h2", "http/1.1", "http/1.0"].map(Into::into).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
}
