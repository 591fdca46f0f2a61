//! The places that logs are written to: the standard streams, and files that are opened without waiting for anybody.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tokio::sync::Mutex;

use super::access::Target;

/// The most bytes that one log writes to standard error at a time, where another one waits for its turn.
const TURN: usize = 64 * 1024;

/// The turns of those who write to standard error, in the order in which they came. The lock of the standard library
/// has none: a log that always has more would keep it, and without a lock a full pipe would mix their lines.
static TURNS: Mutex<()> = Mutex::const_new(());

/// An open place for lines.
pub enum Out {
    Stdout,
    Stderr,
    File(Lines<File>),
}

/// A file of whole lines.
pub struct Lines<F> {
    file: F,
    /// Whether its last line has no end: the disk was full.
    is_cut: bool,
}

impl<F: Write> Lines<F> {
    /// Appends whole lines. Where that fails in the middle of one, the next lines begin on a line of their own.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.is_cut {
            self.file.write_all(b"\n")?;
            self.is_cut = false;
        }
        let mut rest = lines;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.is_cut = rest[written - 1] != b'\n';
                    rest = &rest[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Out {
    pub fn open(target: &Target) -> io::Result<Self> {
        Ok(match target {
            Target::Stdout => Self::Stdout,
            Target::Stderr => Self::Stderr,
            Target::File(path) => Self::File(Lines {
                file: append_to(path)?,
                is_cut: is_cut(path),
            }),
        })
    }

    /// Writes whole lines, which may take as long as whoever reads them likes: for threads of their own.
    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().write_all(lines),
            Self::Stderr => in_turns(lines),
            Self::File(file) => file.write(lines),
        }
    }
}

impl Target {
    /// The file of this name. It is a standard stream where it is the pipe or the socket behind one, as `/dev/stdout`
    /// is in a container: a socket cannot be opened by a name, and the stream has turns.
    pub fn named(path: &Path) -> Self {
        let behind = |stream| std::fs::metadata(path).is_ok_and(|file| is_behind(&file, stream));
        match () {
            () if behind(Stream::Stdout) => Self::Stdout,
            () if behind(Stream::Stderr) => Self::Stderr,
            () => Self::File(path.to_owned()),
        }
    }

    /// Whether lines could be written there, of which nothing is left: a file that is not there yet is not made, but
    /// another one beside it, for a moment.
    pub fn check(&self) -> io::Result<()> {
        let Self::File(path) = self else {
            return Ok(());
        };
        is_file(path)?;
        match OpenOptions::new().append(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.map(drop),
        }
        // A link to nothing: the file is made where it leads. Those that lead to each other are another error.
        if let Ok(to) = std::fs::read_link(path) {
            if to.as_os_str().as_encoded_bytes().ends_with(b"/") {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            return Self::File(path.with_file_name(to)).check();
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.check-{}", std::process::id()));
        // Never a file that somebody else has put there.
        OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&beside)?;
        std::fs::remove_file(&beside)
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    is_file(path)?;
    OpenOptions::new().create(true).append(true).open(path)
}

/// Whether the last line of a file has no end. One that may not be read is taken for whole.
fn is_cut(path: &Path) -> bool {
    let last = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut last = [b'\n'];
        file.read_exact(&mut last)?;
        Ok::<_, io::Error>(last)
    };
    path.is_file() && last().is_ok_and(|last| last != *b"\n")
}

/// To open a named pipe is to wait for who reads it, perhaps for ever.
fn is_file(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() && !is_device(&found) => {
            let message = "it is neither a regular file nor a device such as /dev/null";
            Err(io::Error::other(message))
        }
        // A file that is not there is made.
        _ => Ok(()),
    }
}

fn in_turns(mut lines: &[u8]) -> io::Result<()> {
    while !lines.is_empty() {
        let (turn, rest) = lines.split_at(end_of_turn(lines));
        let _turn = TURNS.blocking_lock();
        io::stderr().write_all(turn)?;
        lines = rest;
    }
    Ok(())
}

/// The end of those first lines that fit into one turn, or of the first one alone.
fn end_of_turn(lines: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let Some(first) = lines.get(..TURN) else {
        return lines.len();
    };
    let end = first.iter().rposition(is_end);
    let end = end.or_else(|| lines.iter().position(is_end));
    end.map_or(lines.len(), |end| end + 1)
}

#[derive(Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

#[cfg(unix)]
fn is_device(file: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    file.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
}

/// Whether a file is the pipe or the socket that this process was given as a stream.
#[cfg(unix)]
fn is_behind(file: &Metadata, stream: Stream) -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;
    if file.is_file() || is_device(file) {
        return false;
    }
    let owned = match stream {
        Stream::Stdout => io::stdout().as_fd().try_clone_to_owned(),
        Stream::Stderr => io::stderr().as_fd().try_clone_to_owned(),
    };
    let given = owned.and_then(|owned| File::from(owned).metadata());
    given.is_ok_and(|given| (given.dev(), given.ino()) == (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn is_behind(_: &Metadata, _: Stream) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_of_whole_lines() {
        let line = |length: usize| [vec![b'a'; length - 1], vec![b'\n']].concat();
        for (name, lines, end) in [
            ("few", line(10), 10),
            (
                "as many as fit",
                [line(TURN - 5), line(10)].concat(),
                TURN - 5,
            ),
            (
                "a long one alone",
                [line(TURN + 5), line(10)].concat(),
                TURN + 5,
            ),
            ("one without an end", vec![b'a'; TURN + 1], TURN + 1),
        ] {
            assert_eq!(end_of_turn(&lines), end, "{name}");
        }
    }

    /// `--check` and the start agree about a link that leads to nothing yet.
    #[cfg(unix)]
    #[test]
    fn a_link_is_checked_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("logs")).unwrap();
        for (name, to, is_good) in [
            ("a", "new.log", true),
            ("b", "logs/new.log", true),
            ("c", "gone/new.log", false),
            ("d", "new/", false),
            ("e", "e", false),
            ("f", "logs", false),
        ] {
            let link = folder.path().join(name);
            std::os::unix::fs::symlink(to, &link).unwrap();
            assert_eq!(
                Target::File(link.clone()).check().is_ok(),
                is_good,
                "{name}"
            );
            assert_eq!(append_to(&link).is_ok(), is_good, "{name}");
        }
    }

    /// A disk with room for so many bytes.
    struct Disk {
        room: usize,
        held: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room);
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= fits;
            self.held.extend(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn after_a_full_disk_lines_begin_on_lines_of_their_own() {
        for (room, held) in [
            (9, "one\ntwo\nt\nfour\n"),
            (8, "one\ntwo\nfour\n"),
            (0, "four\n"),
        ] {
            let held_before = Vec::new();
            let file = Disk {
                room,
                held: held_before,
            };
            let mut lines = Lines {
                file,
                is_cut: false,
            };
            lines.write(b"one\ntwo\nthree\n").unwrap_err();
            // No better yet.
            lines.write(b"lost\n").unwrap_err();
            lines.file.room = 100;
            lines.write(b"four\n").unwrap();
            assert_eq!(std::str::from_utf8(&lines.file.held), Ok(held), "{room}");
        }
    }

    #[test]
    fn a_file_that_was_cut_before_is_gone_on_with_on_a_new_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        for (before, after) in [
            ("one\nt", "one\nt\ntwo\n"),
            ("one\n", "one\ntwo\n"),
            ("", "two\n"),
        ] {
            std::fs::write(&path, before).unwrap();
            let mut out = Out::open(&Target::File(path.clone())).unwrap();
            out.write(b"two\n").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_checked_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let fifo = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(fifo.unwrap().success());
        std::fs::write(at("there"), "a line\n").unwrap();
        for (link, to) in [
            ("to new", "new"),
            ("to no folder", "none/new"),
            ("to itself", "to itself"),
        ] {
            std::os::unix::fs::symlink(to, at(link)).unwrap();
        }
        for (path, is_good) in [
            (at("new"), true),
            (at("there"), true),
            ("/dev/null".into(), true),
            (at("fifo"), false),
            (at("none/new"), false),
            (at("to new"), true),
            (at("to no folder"), false),
            (at("to itself"), false),
            (folder.path().to_owned(), false),
        ] {
            assert_eq!(Target::named(&path).check().is_ok(), is_good, "{path:?}");
            let opened = Out::open(&Target::File(path.clone()));
            assert_eq!(opened.is_ok(), is_good, "{path:?}");
            let _not_made = std::fs::remove_file(at("new"));
        }
        assert_eq!(std::fs::read(at("there")).unwrap(), b"a line\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5);
    }
}
