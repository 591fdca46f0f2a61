//! The key `tls`: a certificate and its key, in files.

use super::{Checker, Seen};
use crate::server::listen::tls::{self, Tls};
use serde::Deserialize;
use std::path::{Path, PathBuf};

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
        let chain = cert
            .and_then(|file| self.value("tls.cert", tls::certificates(&file), |message| message));
        let private =
            key.and_then(|file| self.value("tls.key", tls::private_key(&file), |message| message));
        let tls = Tls::new(chain?, private?);
        self.value("tls", tls, |error| {
            format!("certificate and key do not serve together: {error}")
        })
    }

    fn tls_file(&mut self, key: &str, file: Option<&Path>) -> Option<PathBuf> {
        let Some(file) = file else {
            let message = "missing; write tls = { cert = \"cert.pem\", key = \"key.pem\" }";
            self.problems.add(key.to_owned(), message);
            return None;
        };
        let path = self.folder.join(file);
        self.files.push(Seen::of(path.clone()));
        self.is_regular(key, &path).then_some(path)
    }
}
