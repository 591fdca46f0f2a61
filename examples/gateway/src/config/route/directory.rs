//! A route that serves files.

use std::path::{Path, PathBuf};

use same_origin::proxy::ReverseProxy;
use serde::Deserialize;
use toml::{Table, Value};

use super::{LayerSettings, NOWHERE};
use crate::compress::Codings;
use crate::config::Checker;
use crate::config::guard::Guarding;
use crate::config::kept::KeptRoute;
use crate::config::text::problems::join;
use crate::config::text::read::{Read, read};
use crate::files::Files;
use crate::routes::{Around, Layered, Route};

/// A route that serves files. Nothing is required here, see [`File`](crate::config::File).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Directory {
    prefix: Option<String>,
    dir: Option<PathBuf>,
    #[serde(default)]
    spa: bool,
    remove_response_headers: Option<Vec<String>>,
    set_response_headers: Option<Value>,
}

impl Checker<'_> {
    /// A route that serves the files of a directory.
    pub(super) fn files_route(
        &mut self,
        at: &str,
        table: Table,
        layers: LayerSettings,
    ) -> Option<KeptRoute> {
        let files = self.directory(at, table, layers.codings)?;
        // To files nothing unsafe can be done, so that all there is to ask of them is the host.
        let guarding = layers.guarding.filter(Guarding::names_hosts);
        let around = Around {
            edge: layers.edge,
            ..self.around(
                &layers.name,
                &layers.guard_at,
                layers.cors.as_ref(),
                guarding.as_ref(),
            )
        };
        let route = Route::Files(Box::new(Layered::new(files, around)));
        Some(KeptRoute::of_files(route))
    }

    fn directory(&mut self, at: &str, table: Table, codings: Codings) -> Option<Files> {
        let Read { value, left_out } = read(
            table,
            at,
            &[
                "compress",
                "cors",
                "guard",
                "rate_limit",
                "security_headers",
            ],
            &mut self.problems,
        )?;
        let Directory {
            prefix,
            dir,
            spa,
            remove_response_headers,
            set_response_headers,
        } = value;
        // The rules for prefixes are the same for all routes, so a proxy is asked.
        let prefix = prefix.filter(|prefix| {
            let asked = ReverseProxy::builder(prefix, NOWHERE).build_with_client(());
            self.built(at, asked, str::to_owned).is_some()
        });
        let headers = self.header_rules(
            at,
            prefix.as_deref().unwrap_or("/"),
            remove_response_headers.as_deref(),
            set_response_headers,
            &left_out,
        );
        let dir = dir?;
        if dir.as_os_str().is_empty() {
            let message =
                "\"\" is the folder of this file, with all that is in it; name what to serve";
            self.problems.push(join(at, "dir"), message);
            return None;
        }
        let dir = self.folder.join(dir);
        if let Err(error) = std::fs::read_dir(&dir) {
            let message = format!("cannot read the directory {}: {error}", dir.display());
            self.problems.push(join(at, "dir"), message);
        } else if spa && std::fs::File::open(dir.join("index.html")).is_err() {
            let message = format!(
                "{} has no index.html that can be read; put one there, or write `spa = false`",
                dir.display()
            );
            self.problems.push(join(at, "spa"), message);
        }
        self.beware_of_own_files(at, &dir);
        Some(Files::new(&prefix?, &dir, spa, codings).with_headers(headers))
    }

    /// Warns of a directory that holds the configuration: a file beside it may be a key.
    fn beware_of_own_files(&mut self, at: &str, dir: &Path) {
        let own = Path::new(".").join(self.folder).canonicalize();
        if let (Ok(own), Ok(dir)) = (own, dir.canonicalize())
            && own.starts_with(dir)
        {
            let warning = "this file and what is beside it would be served";
            self.warnings.push(join(at, "dir"), warning);
        }
    }
}
