//! https upstreams: whom the proxy trusts, and who it is to them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use same_origin::proxy::{EndpointChange, ReverseProxy, UpstreamTls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{get, serve};

/// A certificate authority and a directory for its files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Issues a certificate for a name and returns the files of it and its key.
    fn issue(&self, name: &str, expired: bool) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = (
            self.file(&format!("{name}.pem")),
            self.file(&format!("{name}-key.pem")),
        );
        std::fs::write(&files.0, certificate.pem()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }

    /// An https upstream that answers `ok`, and asks for a client certificate if it is to.
    async fn upstream(&self, (cert, key): (PathBuf, PathBuf), asks: bool) -> String {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = if asks {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let chain = vec![CertificateDer::from_pem_file(cert).unwrap()];
        let config = config
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(&crate::support::reply("")).await;
                });
            }
        });
        url
    }
}

async fn status(url: &str, tls: UpstreamTls) -> (u16, String) {
    let proxy = ReverseProxy::builder("/api", url)
        .upstream_tls(tls)
        .build()
        .unwrap();
    let answer = get(serve(proxy).await, "/api/x", "").await;
    (answer.status, answer.all("proxy-status").join(""))
}

#[tokio::test]
async fn a_certificate_has_to_be_for_the_name_in_time_and_of_the_authority() {
    let authority = Authority::new();
    let trusting = || UpstreamTls::default().ca(authority.file("ca.pem"));
    let refused = (502, "same-origin; error=tls_certificate_error".to_owned());

    let good = authority
        .upstream(authority.issue("localhost", false), false)
        .await;
    assert_eq!(status(&good, trusting()).await, (200, String::new()));
    let stranger = Authority::new();
    let distrusting = UpstreamTls::default().ca(stranger.file("ca.pem"));
    assert_eq!(status(&good, distrusting).await, refused);

    let other = authority
        .upstream(authority.issue("other.example", false), false)
        .await;
    assert_eq!(status(&other, trusting()).await, refused);
    let expired = authority
        .upstream(authority.issue("localhost", true), false)
        .await;
    assert_eq!(status(&expired, trusting()).await, refused);
}

#[tokio::test]
async fn a_client_certificate_opens_what_asks_for_one() {
    let authority = Authority::new();
    let url = authority
        .upstream(authority.issue("localhost", false), true)
        .await;
    let tls = UpstreamTls::default().ca(authority.file("ca.pem"));
    // Under TLS 1.3 it is missed after the handshake.
    let missed = (502, "same-origin; error=tls_protocol_error".to_owned());
    assert_eq!(status(&url, tls.clone()).await, missed);
    let (cert, key) = authority.issue("client.example", false);
    assert_eq!(status(&url, tls.client_certificate(cert, key)).await.0, 200);
}

#[tokio::test]
async fn files_that_are_no_certificates_are_told_all_at_once() {
    let authority = Authority::new();
    std::fs::write(authority.file("empty.pem"), "").unwrap();
    let tls = UpstreamTls::default()
        .ca(authority.file("missing.pem"))
        .client_certificate(authority.file("empty.pem"), authority.file("empty.pem"));
    let builder = ReverseProxy::builder("/api", "https://localhost").upstream_tls(tls);
    let errors = builder.build().unwrap_err();
    let keys: Vec<_> = errors.iter().map(|error| error.key()).collect();
    assert_eq!(
        keys,
        ["upstream_tls.ca", "upstream_tls.cert", "upstream_tls.key"]
    );
}

/// An upstream would refuse the whole chain for its second certificate.
#[tokio::test]
async fn a_client_certificate_is_read_with_its_whole_chain() {
    let authority = Authority::new();
    let (cert, key) = authority.issue("client.example", false);
    let good = std::fs::read_to_string(&cert).unwrap();
    let cut = "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n";
    let (_, other) = authority.issue("other.example", false);
    for (text, key, at, words) in [
        (format!("{good}{cut}"), &key, "upstream_tls.cert", "2 of it"),
        (good, &other, "upstream_tls.key", "client.example.pem"),
    ] {
        std::fs::write(&cert, text).unwrap();
        let tls = UpstreamTls::default().ca(authority.file("ca.pem"));
        let tls = tls.client_certificate(&cert, key);
        let builder = ReverseProxy::builder("/api", "https://localhost").upstream_tls(tls);
        let errors = builder.build().unwrap_err();
        let errors: Vec<_> = errors.iter().collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].key(), at);
        assert!(errors[0].to_string().contains(words), "{}", errors[0]);
    }
}

#[tokio::test]
async fn a_discovered_endpoint_has_to_prove_the_upstreams_name() {
    let authority = Authority::new();
    for (name, status) in [("api.invalid", 200), ("localhost", 502)] {
        let url = authority
            .upstream(authority.issue(name, false), false)
            .await;
        let port = url.rsplit(':').next().unwrap();
        let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
        let proxy = ReverseProxy::builder("/api", "https://api.invalid")
            .upstream_tls(UpstreamTls::default().ca(authority.file("ca.pem")))
            .discover(stream::iter([EndpointChange::Insert((), address.into())]))
            .build()
            .unwrap();
        let answer = get(serve(proxy).await, "/api/x", "").await;
        assert_eq!(answer.status, status, "{name}");
    }
}

#[tokio::test]
async fn a_request_follows_the_list_when_its_endpoint_has_moved_meanwhile() {
    let authority = Authority::new();
    let url = authority
        .upstream(authority.issue("api.invalid", false), false)
        .await;
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    let stuck = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (changes, mut received) = tokio::sync::mpsc::unbounded_channel();
    let insert = |address: SocketAddr| {
        changes
            .send(EndpointChange::Insert((), address.into()))
            .unwrap()
    };
    insert(stuck.local_addr().unwrap());
    let proxy = ReverseProxy::builder("/api", "https://api.invalid")
        .upstream_tls(UpstreamTls::default().ca(authority.file("ca.pem")))
        .discover(stream::poll_fn(move |cx| received.poll_recv(cx)))
        .build()
        .unwrap();
    let server = serve(proxy).await;
    let answer = tokio::spawn(get(server, "/api/x", ""));
    // It is connected, and waits for a handshake that will not come.
    let (connection, _) = stuck.accept().await.unwrap();
    insert(SocketAddr::from(([127, 0, 0, 1], port)));
    drop(stuck);
    while get(server, "/api/other", "").await.status != 200 {}
    drop(connection);
    assert_eq!(answer.await.unwrap().status, 200);
}
