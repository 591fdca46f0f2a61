//! The key `tls`: a certificate and its key, in files.

use super::{Checker, Seen};
use crate::server::listen::tls::{self, Tls};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    cert: PathBuf,
    key: PathBuf,
}

impl Checker<'_> {
    pub(super) fn tls(&mut self, files: &TlsFiles) -> Option<Tls> {
        let (cert, key) = (self.folder.join(&files.cert), self.folder.join(&files.key));
        let seen = [&cert, &key].map(|path| Seen::of(path.clone()));
        self.files.extend(seen);
        let is_regular =
            [("tls.cert", &cert), ("tls.key", &key)].map(|(at, path)| self.is_regular(at, path));
        if is_regular != [true, true] {
            return None;
        }
        let chain = self.value("tls.cert", tls::certificates(&cert), |message| message);
        let private = self.value("tls.key", tls::private_key(&key), |message| message);
        let tls = Tls::new(chain?, private?);
        self.value("tls", tls, |error| {
            format!("certificate and key do not serve together: {error}")
        })
    }
}
