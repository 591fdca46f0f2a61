//! The file system, of which regular files are served and nothing else.

use std::fs::{self, Metadata};
use std::future::{Ready, ready};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{self, Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use same_origin::proxy::_LineLimiter;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, ReadBuf, Take};
use tower_http::services::fs::{self as fs_service, Backend, File, Metadata as _};
use tracing::warn;

use super::memory::SMALL;

/// The errors for a name that is too long, and for links that lead in a circle: `std` has kinds for them
/// that this crate's oldest Rust has not.
const NAMES_NOTHING: [i32; 2] = if cfg!(windows) {
    [206, 1921] // ERROR_FILENAME_EXCED_RANGE, ERROR_CANT_RESOLVE_FILENAME
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    [36, 40] // ENAMETOOLONG, ELOOP
} else {
    [63, 62] // the same of macOS and the BSDs
};

/// The most reads of a file that changes, before its changes are left to the client to notice.
const READS: usize = 3;

/// The seconds since 1970 at which years have five digits. RFC 9110 5.6.7 gives a date four, and `httpdate`, which writes
/// them for tower-http, panics for more and for dates before 1970.
const END_OF_DATES: u64 = 253_402_300_800;

type BoxFuture<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// The system's own files. Each question is one trip to the threads that may wait for a disk: opening
/// a small file also reads it there.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

/// A file that is open.
#[derive(Debug)]
pub enum Opened {
    /// Read already, and closed.
    Small(Cursor<Bytes>, Facts),
    /// Read as it is sent, up to the length that is announced: it may change meanwhile.
    Large(Take<tokio::fs::File>, Facts),
}

/// Facts about a file, of which its tag is made: the time to the nanosecond, and the length.
///
/// Two versions of a file can have both in common (an archive that is unpacked, a reproducible build). With the same
/// tag a client would keep the old version for ever, so the nanoseconds of a small file are made of its content.
/// `Last-Modified` shows only the seconds.
#[derive(Clone, Debug)]
pub struct Facts {
    metadata: Metadata,
    nanos: Option<u32>,
}

impl Facts {
    fn of_content(metadata: Metadata, content: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(content);
        let nanos = hasher.finish() % 1_000_000_000;
        Self {
            metadata,
            nanos: u32::try_from(nanos).ok(),
        }
    }
}

impl From<Metadata> for Facts {
    fn from(metadata: Metadata) -> Self {
        Self {
            metadata,
            nanos: None,
        }
    }
}

impl fs_service::Metadata for Facts {
    fn is_dir(&self) -> bool {
        self.metadata.is_dir()
    }

    fn modified(&self) -> io::Result<SystemTime> {
        let modified = self.metadata.modified()?;
        let since = modified.duration_since(UNIX_EPOCH).ok();
        let since = since.filter(|since| since.as_secs() < END_OF_DATES);
        // A time that is not an HTTP date does not validate anything: such a file has neither `Last-Modified` nor a tag.
        let since = since.ok_or(io::ErrorKind::Unsupported)?;
        let nanos = self.nanos.unwrap_or(since.subsec_nanos());
        Ok(UNIX_EPOCH + Duration::new(since.as_secs(), nanos))
    }

    fn len(&self) -> u64 {
        self.metadata.len()
    }
}

impl Backend for Disk {
    type File = Opened;
    type Metadata = Facts;
    type OpenFuture = BoxFuture<Opened>;
    type MetadataFuture = BoxFuture<Facts>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        Box::pin(on_disk(path, open))
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        Box::pin(on_disk(path, |path| fs::metadata(path).map(Facts::from)))
    }
}

async fn on_disk<T: Send + 'static>(
    path: PathBuf,
    question: fn(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let answer = tokio::task::spawn_blocking(move || {
        question(&path).map_err(|error| not_there(&path, error))
    });
    answer.await.map_err(io::Error::other)?
}

fn open(path: &Path) -> io::Result<Opened> {
    // To open a FIFO is to wait for who writes to it, on a thread that nobody takes back.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut file = fs::File::open(path)?;
    let mut metadata = file.metadata()?;
    for _ in 0..READS {
        if metadata.len() > SMALL {
            break;
        }
        let content = content(&mut file, metadata.len())?;
        let after = file.metadata()?;
        if content.len() as u64 == metadata.len() && is_unchanged(&metadata, &after) {
            let facts = Facts::of_content(metadata, &content);
            return Ok(Opened::Small(Cursor::new(content.into()), facts));
        }
        // The beginning of one version and the end of another are neither.
        file.rewind()?;
        metadata = after;
    }
    let announced = tokio::fs::File::from(file).take(metadata.len());
    Ok(Opened::Large(announced, metadata.into()))
}

/// The bytes of a file up to a length, and one more if there is one.
fn content(file: &mut fs::File, length: u64) -> io::Result<Vec<u8>> {
    let most = length.saturating_add(1);
    let mut content = Vec::with_capacity(usize::try_from(most).unwrap_or_default());
    file.take(most).read_to_end(&mut content)?;
    Ok(content)
}

fn is_unchanged(before: &Metadata, after: &Metadata) -> bool {
    before.len() == after.len() && before.modified().ok() == after.modified().ok()
}

/// Errors that a client can cause by what it writes into a path are answered as 404. A file that may not be read is
/// answered so, too, so that another form of it is found; that is logged, because it is hardly intended.
fn not_there(path: &Path, error: io::Error) -> io::Error {
    static LINES: LazyLock<Arc<_LineLimiter<io::ErrorKind>>> = LazyLock::new(Arc::default);
    let names_nothing = error.raw_os_error();
    let names_nothing = names_nothing.is_some_and(|code| NAMES_NOTHING.contains(&code));
    let is_forbidden = error.kind() == io::ErrorKind::PermissionDenied;
    if is_forbidden
        && LINES.turn(error.kind(), |_, left_out| {
            warn!(left_out, "more files that cannot be read")
        })
    {
        warn!(path = %path.display(), %error, "a file cannot be read, and is answered as one that is not there");
    }
    if names_nothing || is_forbidden {
        return io::ErrorKind::NotFound.into();
    }
    error
}

impl File for Opened {
    type Metadata = Facts;
    type MetadataFuture<'a> = Ready<io::Result<Facts>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        let (Self::Small(_, facts) | Self::Large(_, facts)) = self;
        ready(Ok(facts.clone()))
    }
}

impl AsyncRead for Opened {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Small(content, _) => Pin::new(content).poll_read(context, buffer),
            Self::Large(file, _) => {
                let before = buffer.remaining();
                task::ready!(Pin::new(&mut *file).poll_read(context, buffer))?;
                let is_over = before > 0 && buffer.remaining() == before;
                let is_cut = is_over && file.limit() > 0;
                Poll::Ready(if is_cut { Err(cut_short()) } else { Ok(()) })
            }
        }
    }
}

/// The end of a file that has become shorter than was announced. An error, as the end would be taken for that of
/// the answer where no length tells: in HTTP/2, in chunks, and behind a compressor.
fn cut_short() -> io::Error {
    let message = "the file has become shorter while it was sent";
    io::Error::new(io::ErrorKind::UnexpectedEof, message)
}

impl AsyncSeek for Opened {
    fn start_seek(self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        match self.get_mut() {
            Self::Small(content, _) => Pin::new(content).start_seek(position),
            Self::Large(file, facts) => {
                // Parts begin at a place that is counted from the first byte; other places are not asked for.
                let io::SeekFrom::Start(begin) = position else {
                    return Err(io::ErrorKind::Unsupported.into());
                };
                file.set_limit(facts.len().saturating_sub(begin));
                Pin::new(file.get_mut()).start_seek(position)
            }
        }
    }

    fn poll_complete(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        match self.get_mut() {
            Self::Small(content, _) => Pin::new(content).poll_complete(context),
            Self::Large(file, _) => Pin::new(file.get_mut()).poll_complete(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_small_is_read_at_once_and_what_is_long_as_it_is_sent() {
        let small = usize::try_from(SMALL).unwrap();
        for (length, is_read) in [(0, true), (5, true), (small, true), (small + 1, false)] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&vec![b'x'; length]).unwrap();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let _inside = runtime.enter();
            match open(file.path()).unwrap() {
                Opened::Small(content, metadata) => {
                    assert!(is_read, "{length}");
                    assert_eq!(content.into_inner().len() as u64, metadata.len());
                }
                Opened::Large(_, metadata) => {
                    assert!(!is_read, "{length}");
                    assert_eq!(metadata.len(), length as u64);
                }
            }
        }
    }

    /// From the beginning and from the middle, as much as was announced or an error.
    #[tokio::test]
    async fn a_file_that_changes_while_it_is_sent_has_the_length_that_was_announced() {
        use tokio::io::AsyncSeekExt;
        let announced = SMALL + 10;
        for (length_then, is_cut) in [
            (announced, false),
            (announced + 1, false),
            (announced * 2, false),
            (announced - 1, true),
            (5, true),
            (0, true),
        ] {
            for begin in [0, 7] {
                let mut file = tempfile::NamedTempFile::new().unwrap();
                let content = vec![b'x'; usize::try_from(announced).unwrap()];
                file.write_all(&content).unwrap();
                let mut opened = open(file.path()).unwrap();
                opened.seek(io::SeekFrom::Start(begin)).await.unwrap();
                file.as_file().set_len(length_then).unwrap();
                let mut sent = Vec::new();
                let read = opened.read_to_end(&mut sent).await;
                let what = format!("{length_then} from {begin}");
                match read {
                    Ok(_) => {
                        assert!(!is_cut, "{what}");
                        assert_eq!(sent.len() as u64, announced - begin, "{what}");
                    }
                    Err(error) => {
                        assert!(is_cut, "{what}");
                        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{what}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_one_version() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "a".repeat(50_000)).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _inside = runtime.enter();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..200 {
                    let letter = ["b", "c"][round % 2];
                    fs::write(&path, letter.repeat(50_000 + 100 * round)).unwrap();
                }
            });
            for _ in 0..200 {
                if let Opened::Small(content, metadata) = open(&path).unwrap() {
                    assert_eq!(content.get_ref().len() as u64, metadata.len());
                }
            }
        });
    }
}
