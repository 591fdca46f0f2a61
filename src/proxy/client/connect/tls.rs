//! TLS to an upstream, by rustls.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::Error as PemError;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::ErrorKind;
use tokio_rustls::TlsConnector;

use crate::proxy::client::error::{ClientBuildError, ConnectError};
use crate::proxy::client::stream::socket::Socket;
use crate::proxy::client::stream::turns::{TlsInTurns, Turns};
use crate::proxy::error::ProxyErrorKind;

/// A TLS configuration in two forms: one that offers HTTP/2, and one that does not.
#[derive(Clone)]
pub(crate) struct Tls {
    any: TlsConnector,
    http1: TlsConnector,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn new(config: &Arc<ClientConfig>) -> Self {
        let offering = |protocols: &[&[u8]]| {
            let mut config = ClientConfig::clone(config);
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            TlsConnector::from(Arc::new(config))
        };
        Self {
            any: offering(&[b"h2", b"http/1.1"]),
            http1: offering(&[b"http/1.1"]),
        }
    }

    /// Shakes hands for a host (RFC 9110 4.3.4: the certificate must be for that name).
    pub(crate) async fn handshake(
        &self,
        tcp: Socket,
        host: &str,
        http1_only: bool,
    ) -> Result<TlsInTurns<Socket>, ConnectError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| ConnectError::new(ProxyErrorKind::Certificate, error))?;
        let connector = if http1_only { &self.http1 } else { &self.any };
        let stream = connector
            .connect(name, Turns::new(tcp))
            .await
            .map_err(|error| ConnectError::new(kind_of(&error), error))?;
        Ok(TlsInTurns::new(stream))
    }
}

fn kind_of(error: &io::Error) -> ProxyErrorKind {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => ProxyErrorKind::Certificate,
        _ => ProxyErrorKind::Tls,
    }
}

/// The system's roots, no client certificate.
pub(crate) fn system_config() -> Result<Arc<ClientConfig>, ClientBuildError> {
    let provider = crypto_provider().ok_or(ClientBuildError::NoCryptoProvider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ClientBuildError::NoCryptoProvider)?
        .with_root_certificates(system_roots()?)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The time for which the system's roots are not read again. Reading takes some milliseconds, and whoever makes many
/// clients makes them together.
const FRESH: Duration = Duration::from_secs(1);

/// The system's roots as they were read last, while there is a client that has them. A store takes some 100 KiB.
static SYSTEM_ROOTS: Mutex<LastRead> = Mutex::new(LastRead {
    at: None,
    roots: Weak::new(),
});

struct LastRead {
    at: Option<Instant>,
    roots: Weak<RootCertStore>,
}

/// The certificates that the system trusts, as one store for all clients for as long as they are the same. Those that
/// rustls does not take are left out.
pub(crate) fn system_roots() -> Result<Arc<RootCertStore>, ClientBuildError> {
    let mut last = SYSTEM_ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    last.roots_or(Instant::now(), || {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        (roots, found.errors.iter().map(cause).collect())
    })
}

/// The reason why certificates cannot be read. A line that is not in place is shown by no error: rustls writes it byte by
/// byte, and where line breaks are lost it is the whole file, which may hold a key.
fn cause(error: &rustls_native_certs::Error) -> String {
    use PemError::{IllegalSectionStart, MissingSectionEnd};
    match error.kind {
        ErrorKind::Pem(MissingSectionEnd { .. } | IllegalSectionStart { .. }) => format!(
            "{}: a section has no end, or a BEGIN or END of it is not on a line of its own",
            error.context
        ),
        _ => error.to_string(),
    }
}

impl LastRead {
    fn roots_or(
        &mut self,
        now: Instant,
        read: impl FnOnce() -> (RootCertStore, Vec<String>),
    ) -> Result<Arc<RootCertStore>, ClientBuildError> {
        let known = self.roots.upgrade();
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
        if let Some(known) = known.as_ref().filter(|_| self.at.is_some_and(is_fresh)) {
            return Ok(Arc::clone(known));
        }
        let (roots, unread) = read();
        let unread = unread.join("; ");
        if roots.is_empty() {
            let none = || "none was found".to_owned();
            let causes = Some(unread).filter(|unread| !unread.is_empty());
            return Err(ClientBuildError::NoRootCertificates(
                causes.unwrap_or_else(none),
            ));
        }
        #[cfg(feature = "tracing")]
        if !unread.is_empty() {
            tracing::warn!(cause = %unread, "root certificates of the system could not all be read");
        }
        let is_same = |known: &Arc<RootCertStore>| known.roots == roots.roots;
        let roots = match known.filter(is_same) {
            Some(known) => known,
            None => Arc::new(roots),
        };
        self.at = Some(now);
        self.roots = Arc::downgrade(&roots);
        Ok(roots)
    }
}

/// The process's default if it has one, else that of our own features, `ring` before `aws-lc-rs`:
/// rustls itself panics where it has to guess.
pub(crate) fn crypto_provider() -> Option<Arc<CryptoProvider>> {
    if let Some(provider) = CryptoProvider::get_default() {
        return Some(Arc::clone(provider));
    }
    #[cfg(feature = "ring")]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use futures_util::FutureExt;
    use rustls::ServerConfig;
    use rustls::pki_types::{Der, PrivateKeyDer, TrustAnchor};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::{TlsAcceptor, server};

    use super::*;

    /// A connection to an upstream, from both sides.
    async fn connected() -> (TlsInTurns<Socket>, server::TlsStream<TcpStream>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = Socket::connect(listener.local_addr().unwrap());
        let (socket, accepted) = tokio::join!(socket, listener.accept());
        let client = Tls::new(&Arc::new(client));
        let (client, server) = tokio::join!(
            client.handshake(socket.unwrap(), "localhost", true),
            TlsAcceptor::from(Arc::new(server)).accept(accepted.unwrap().0)
        );
        (client.unwrap(), server.unwrap())
    }

    /// The turns in which a client reads pieces of content, before each of which an upstream changes its keys.
    async fn turns(pieces: usize, piece: &[u8], changes: usize) -> usize {
        let (mut client, mut server) = connected().await;
        let (socket, session) = server.get_mut();
        let mut records = Vec::new();
        for _ in 0..pieces {
            for _ in 0..changes {
                session.refresh_traffic_keys().unwrap();
            }
            session.writer().write_all(piece).unwrap();
            while session.wants_write() {
                session.write_tls(&mut records).unwrap();
            }
        }
        socket.write_all(&records).await.unwrap();
        let (mut turns, mut read) = (0, 0);
        while read < pieces * piece.len() {
            tokio::task::yield_now().await;
            let before = read;
            while let Some(bytes) = client.read(&mut [0; 8192]).now_or_never() {
                read += bytes.unwrap();
            }
            turns += usize::from(read > before);
        }
        turns
    }

    #[tokio::test]
    async fn records_without_content_take_turns() {
        // By tokio's own count both would be one.
        assert!(turns(120, b"a", 30).await > 1);
        assert_eq!(turns(4, &[b'a'; 16 * 1024], 0).await, 1);
    }

    #[test]
    fn clients_share_a_store_until_the_system_has_another_one() {
        let store = |name: &'static [u8]| {
            let roots = vec![TrustAnchor {
                subject: Der::from_slice(name),
                subject_public_key_info: Der::from_slice(b""),
                name_constraints: None,
            }];
            (RootCertStore { roots }, Vec::new())
        };
        let mut last = LastRead {
            at: None,
            roots: Weak::new(),
        };
        let begun = Instant::now();
        let first = last.roots_or(begun, || store(b"one")).unwrap();
        let unread = || -> (RootCertStore, Vec<String>) { panic!("read again") };
        let second = last.roots_or(begun, unread).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        // What was read again and is the same takes no room.
        let third = last.roots_or(begun + FRESH, || store(b"one")).unwrap();
        assert!(Arc::ptr_eq(&first, &third));
        let other = last.roots_or(begun + 2 * FRESH, || store(b"two")).unwrap();
        assert_eq!(other.roots, store(b"two").0.roots);
        // Nobody has it any more, so it is not kept.
        drop(other);
        let new = last.roots_or(begun + 2 * FRESH, || store(b"one")).unwrap();
        assert_eq!(new.roots, first.roots);
        for (unread, told) in [(vec!["a", "b"], "(a; b)"), (vec![], "(none was found)")] {
            let unread = unread.into_iter().map(str::to_owned).collect();
            let none = last.roots_or(begun + 4 * FRESH, || (RootCertStore::empty(), unread));
            let error = none.unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_file_that_lost_its_line_breaks_is_not_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, told) in [
            (
                "-----BEGIN PRIVATE KEY-----MIIE-----END PRIVATE KEY-----",
                "is not on a line of its own",
            ),
            (
                "-----BEGIN PRIVATE KEY-----MIIE\nMIIE",
                "is not on a line of its own",
            ),
            ("-----BEGIN CERTIFICATE-----\nAA", "has no end"),
        ] {
            std::fs::write(&file, text).unwrap();
            let found = rustls_native_certs::load_certs_from_paths(Some(file.path()), None);
            let [error] = &found.errors[..] else {
                panic!("{text}: {found:?}")
            };
            let cause = cause(error);
            assert!(
                cause.contains(told) && !cause.contains('['),
                "{text}: {cause}"
            );
        }
    }
}
