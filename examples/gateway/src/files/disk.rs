//! The file system, of which regular files are served and nothing else.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use tower_http::services::fs::{Backend, TokioBackend, TokioFile};

/// The errors for a name that is too long, and for links that lead in a circle: `std` has kinds for them
/// that this crate's oldest Rust has not.
const NAMES_NOTHING: [i32; 2] = if cfg!(windows) {
    [206, 1921] // ERROR_FILENAME_EXCED_RANGE, ERROR_CANT_RESOLVE_FILENAME
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    [36, 40] // ENAMETOOLONG, ELOOP
} else {
    [63, 62] // the same of macOS and the BSDs
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Backend for Disk {
    type File = TokioFile;
    type Metadata = std::fs::Metadata;
    type OpenFuture = BoxFuture<Self::File>;
    type MetadataFuture = BoxFuture<Self::Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let metadata = self.metadata(path.clone());
        Box::pin(async move {
            // To open a FIFO is to wait for who writes to it, on a thread that nobody takes back.
            if !metadata.await?.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            TokioBackend.open(path).await
        })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        Box::pin(async move { TokioBackend.metadata(path).await.map_err(or_not_found) })
    }
}

/// Whatever a client can put into a path says something of the path; of the server only the rest does.
fn or_not_found(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) if NAMES_NOTHING.contains(&code) => io::ErrorKind::NotFound.into(),
        _ => error,
    }
}
