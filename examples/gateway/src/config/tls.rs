//! The key `tls`: a certificate and its key, in files.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use same_origin::proxy::_pem as pem;
use serde::Deserialize;

use super::{Checker, Seen};
use crate::server::listen::tls::{self, Tls};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Checker<'_> {
    pub(super) fn tls(&mut self, files: &TlsFiles) -> Option<Tls> {
        let cert = self.tls_file("tls.cert", files.cert.as_deref());
        let key = self.tls_file("tls.key", files.key.as_deref());
        let chain = cert.as_deref().and_then(|file| {
            let wrong = |it| format!("cannot read certificates from {}: {it}", file.display());
            let chain = self.value("tls.cert", pem::chain(file), wrong)?;
            self.dates("tls.cert", file, &chain);
            Some(chain)
        });
        let private = key.as_deref().and_then(|file| {
            let wrong = |it| format!("cannot read a private key from {}: {it}", file.display());
            let key = pem::private_key(file, &tls::provider());
            self.value("tls.key", key, wrong)
        });
        let (chain, (private, signing)) = (chain?, private?);
        let certified = pem::certified(chain, &signing, [cert.as_deref()?, key.as_deref()?]);
        let certified = self.value("tls", certified, |error| {
            format!("certificate and key do not serve together: {error}")
        })?;
        self.value("tls", Tls::new(certified, private), |error| {
            error.to_string()
        })
    }

    /// Warns of a certificate that no peer accepts today. That is not an error: operators renew one while the gateway runs,
    /// and a clock may be wrong at the start of a machine.
    pub(super) fn dates(&mut self, key: &str, file: &Path, chain: &[CertificateDer<'_>]) {
        let now = SystemTime::now();
        let Some((number, fault)) = pem::out_of_date(chain, now) else {
            return;
        };
        let (file, date) = (file.display(), humantime::format_rfc3339_seconds);
        let fault = match fault {
            pem::OutOfDate::Since(end) => format!("expired at {}", date(end)),
            pem::OutOfDate::Until(begin) => format!("is not valid before {}", date(begin)),
            _ => return,
        };
        // RFC 8446 4.4.2: one that is behind the first may be superfluous.
        let remedy = match number {
            1 => "peers refuse it; put a renewed one there",
            _ => "peers that need it refuse the chain; put a renewed one there or leave it out,",
        };
        let warning = format!(
            "certificate {number} of {file} {fault}, and by this machine's clock it is {}: {remedy} and send SIGHUP, or \
             set the clock",
            date(now)
        );
        self.warnings.push(key, warning);
    }

    fn tls_file(&mut self, key: &str, file: Option<&Path>) -> Option<PathBuf> {
        let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) else {
            let message = "missing; write tls = { cert = \"cert.pem\", key = \"key.pem\" }";
            self.problems.add(key.to_owned(), message);
            return None;
        };
        let path = self.folder.join(file);
        self.files.push(Seen::of(path.clone()));
        self.is_regular(key, &path).then_some(path)
    }
}
