//! Words for the service manager, where there is one that listens (`NOTIFY_SOCKET`, systemd's `Type=notify`).

/// Connections are taken.
pub const READY: &str = "READY=1";
/// It is going to stop.
pub const STOPPING: &str = "STOPPING=1";

/// Tells the service manager. Nobody is told of a failure: it would have to be told by the same way.
pub fn tell(state: &str) {
    #[cfg(unix)]
    if let Some(path) = std::env::var_os("NOTIFY_SOCKET") {
        let sent = unix::send(&path, state);
        if let Err(error) = sent {
            tracing::debug!(%error, "the service manager does not listen");
        }
    }
    #[cfg(not(unix))]
    let _ = state;
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    pub fn send(path: &OsStr, state: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.send_to_addr(state.as_bytes(), &address(path)?)?;
        Ok(())
    }

    /// A path, or after an `@` a name in Linux's abstract namespace.
    fn address(path: &OsStr) -> io::Result<SocketAddr> {
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt;
            use std::os::unix::ffi::OsStrExt;
            if let Some(name) = path.as_bytes().strip_prefix(b"@") {
                return SocketAddr::from_abstract_name(name);
            }
        }
        SocketAddr::from_pathname(path)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::{READY, unix};

    #[test]
    fn the_manager_hears_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        unix::send(path.as_os_str(), READY).unwrap();
        let mut heard = [0; 64];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], READY.as_bytes());
    }
}
