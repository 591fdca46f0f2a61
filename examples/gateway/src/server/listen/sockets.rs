//! Sockets that a service manager has bound and passes on (`LISTEN_FDS`, as systemd does), so that one process
//! can follow another while no connection is refused.
//!
//! A socket is for the key that its name says (`LISTEN_FDNAMES`, systemd's `FileDescriptorName=`): `listen` or
//! `admin`. Those with other names, which systemd makes of the unit's, are for what is left in this order.

use listenfd::ListenFd;
use std::io;
use std::net::TcpListener;

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
        let is_set = std::env::var_os("LISTEN_FDS").is_some_and(|count| count != "0");
        let mut passed = ListenFd::from_env();
        if is_set && passed.len() == 0 {
            tracing::info!("LISTEN_FDS is for another process (LISTEN_PID), and not taken");
        }
        let names: Vec<&str> = names.split(':').collect();
        let places = places(passed.len(), &names)?;
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
        Ok(Self { listen, admin })
    }
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
    use super::places;

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
