//! Sockets that a service manager has bound and passes on (`LISTEN_FDS`, as systemd does), so that one process
//! can follow another while no connection is refused.
//!
//! A socket is for the key that its name says (`LISTEN_FDNAMES`, systemd's `FileDescriptorName=`): `listen` or
//! `admin`. Those with other names, which systemd makes of the unit's, are for what is left in this order.

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;

/// The keys that a socket can be for, in the order of those that have no name of them.
const NAMES: [&str; 2] = ["listen", "admin"];

/// Sockets that were passed, each for its key.
#[derive(Debug, Default)]
pub struct Sockets {
    pub listen: Option<TcpListener>,
    pub admin: Option<TcpListener>,
}

impl Sockets {
    /// Takes what was passed to this process. Before there is a second thread: the variables are removed, so
    /// that no child takes them for its own.
    ///
    /// # Errors
    ///
    /// The passed sockets are not the expected ones.
    pub fn from_env() -> Result<Self, String> {
        // Read first, as it belongs to the others.
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let text = |name| {
            let value = std::env::var_os(name);
            value.map(|value| value.to_string_lossy().into_owned())
        };
        let (count, process) = (text("LISTEN_FDS"), text("LISTEN_PID"));
        let count = passed(count.as_deref(), process.as_deref(), std::process::id())?;
        if count.is_none() {
            tracing::info!("LISTEN_FDS is for another process (LISTEN_PID), and not taken");
        }
        let names: Vec<&str> = names.split(':').collect();
        let places = places(count.unwrap_or(0), &names)?;
        let mut passed = ListenFd::from_env();
        let mut sockets = [None, None];
        for (index, place) in places.into_iter().enumerate() {
            let name = NAMES[place];
            let socket = passed
                .take_tcp_listener(index)
                .map_err(|error| error.to_string());
            let socket = socket.and_then(|socket| {
                let socket = socket.ok_or("it is not there")?;
                match listens(&socket) {
                    Ok(true) => Ok(socket),
                    Ok(false) => Err("it does not listen".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            });
            let socket = socket.map_err(|error| {
                format!(
                    "LISTEN_FDS: socket {} is not one to take connections from ({error}); \
                     pass a TCP socket that listens (systemd: ListenStream=) for {name}",
                    index + 1
                )
            })?;
            sockets[place] = Some(socket);
        }
        let [listen, admin] = sockets;
        Self { listen, admin }.apart()
    }

    /// Refuses one address for both, as the file's check does: half of the public connections would reach the admin
    /// pages.
    fn apart(self) -> Result<Self, String> {
        let address = |socket: &Option<TcpListener>| socket.as_ref()?.local_addr().ok();
        match (address(&self.listen), address(&self.admin)) {
            (Some(listen), Some(admin)) if listen == admin => Err(format!(
                "LISTEN_FDS: both sockets are bound to {listen}; pass one of another port for `admin`"
            )),
            _ => Ok(self),
        }
    }
}

/// The number of sockets that were passed to this process; `None` if they are for another one. `ListenFd` takes what
/// is not a number for nothing, and the process would bind a port of its own.
fn passed(count: Option<&str>, process: Option<&str>, own: u32) -> Result<Option<usize>, String> {
    let Some(count) = count.filter(|count| !count.is_empty()) else {
        return Ok(Some(0));
    };
    if let Some(process) = process.filter(|process| !process.is_empty()) {
        let process: u32 = process.parse().map_err(|_| {
            format!(
                "LISTEN_PID: {process:?} is not the number of a process; unset it, or pass the one that the sockets are for"
            )
        })?;
        if process != own {
            return Ok((count == "0").then_some(0));
        }
    }
    let number = count.parse::<u32>().map_err(|_| {
        format!(
            "LISTEN_FDS: {count:?} is not a number of sockets; pass one for `listen`, and a second one for `admin` at most"
        )
    })?;
    Ok(Some(number as usize))
}

/// Whether a socket takes connections, where the system tells.
fn listens(socket: &TcpListener) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    return socket2::SockRef::from(socket).is_listener();
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    return socket.local_addr().map(|_| true);
}

/// For each of `count` sockets, which key it is for.
fn places(count: usize, names: &[&str]) -> Result<Vec<usize>, String> {
    if count > NAMES.len() {
        return Err(format!(
            "LISTEN_FDS: {count} sockets were passed; pass one for `listen`, and a second one for `admin` at most"
        ));
    }
    let named = |index: usize| {
        let name = names.get(index)?;
        NAMES.iter().position(|known| known == name)
    };
    let named: Vec<Option<usize>> = (0..count).map(named).collect();
    let mut free = (0..NAMES.len()).filter(|place| !named.contains(&Some(*place)));
    let mut places = Vec::new();
    for place in &named {
        // As many are free as there are sockets without a name, unless two have the same one.
        let place = place.or_else(|| free.next()).unwrap_or_default();
        if places.contains(&place) {
            return Err(format!(
                "LISTEN_FDNAMES: two sockets are named {:?}; name one `listen` and the other one `admin`",
                NAMES[place]
            ));
        }
        places.push(place);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::{Sockets, passed, places};

    #[test]
    fn one_address_is_not_both_public_and_admin() {
        let bound = || TcpListener::bind("127.0.0.1:0").unwrap();
        let both = |listen: TcpListener, admin| Sockets {
            listen: Some(listen),
            admin,
        };
        let socket = bound();
        let again = socket.try_clone().unwrap();
        let told = both(socket, Some(again)).apart().unwrap_err();
        assert!(told.contains("pass one of another port"), "{told}");
        assert!(both(bound(), Some(bound())).apart().is_ok());
        assert!(both(bound(), None).apart().is_ok());
    }

    #[test]
    fn what_is_not_a_number_of_sockets_is_refused() {
        for (count, process, wanted) in [
            (None, None, Ok(Some(0))),
            (Some(""), None, Ok(Some(0))),
            (Some("0"), Some("7"), Ok(Some(0))),
            (Some("2"), None, Ok(Some(2))),
            (Some("2"), Some(""), Ok(Some(2))),
            (Some("2"), Some("7"), Ok(Some(2))),
            (Some("2"), Some("8"), Ok(None)),
            (Some("abc"), Some("8"), Ok(None)),
            (Some("0"), Some("8"), Ok(Some(0))),
            (Some("abc"), Some("7"), Err("LISTEN_FDS: \"abc\"")),
            (Some("abc"), None, Err("LISTEN_FDS: \"abc\"")),
            (Some("-1"), None, Err("LISTEN_FDS: \"-1\"")),
            (Some("99999999999"), None, Err("LISTEN_FDS: ")),
            (Some("1"), Some("me"), Err("LISTEN_PID: \"me\"")),
        ] {
            match (passed(count, process, 7), wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{count:?} {process:?}"),
                (Err(found), Err(words)) => assert!(found.starts_with(words), "{found}"),
                (found, wanted) => panic!("{count:?} {process:?}: {found:?}, not {wanted:?}"),
            }
        }
    }

    #[test]
    fn sockets_are_told_apart_by_name_and_then_by_order() {
        for (count, names, wanted) in [
            (0, &[""][..], Ok(&[][..])),
            (1, &[""], Ok(&[0])),
            (1, &["listen"], Ok(&[0])),
            (1, &["admin"], Ok(&[1])),
            (1, &["same-origin-gateway.socket"], Ok(&[0])),
            (2, &["a.socket", "a.socket"], Ok(&[0, 1])),
            (2, &["admin", "listen"], Ok(&[1, 0])),
            (2, &["admin", "unknown"], Ok(&[1, 0])),
            (2, &["unknown", "listen"], Ok(&[1, 0])),
            (2, &[], Ok(&[0, 1])),
            (2, &["admin", "admin"], Err("two sockets")),
            (3, &[], Err("3 sockets")),
        ] {
            match (places(count, names), wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{names:?}"),
                (Err(found), Err(words)) => assert!(found.contains(words), "{found}"),
                (found, wanted) => panic!("{names:?}: {found:?}, not {wanted:?}"),
            }
        }
    }
}
