//! A TCP connection to a destination: its addresses, tried as RFC 8305 says.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::proxy::client::stream::socket::Socket;
use crate::proxy::upstream::destination::Destination;

/// The time that the addresses of the first family have before those of the other are tried beside them
/// (RFC 8305 5 recommends 250 ms; this is what hyper-util and Go wait).
const FALLBACK_DELAY: Duration = Duration::from_millis(300);

/// The reason why there is no TCP connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// The name was not resolved.
    Resolve(io::Error),
    /// No address could be connected to; the error is that of the last one.
    Connect(io::Error),
}

/// Connects to a destination's address, or to the first that answers of those that the system knows for
/// its host.
pub(crate) async fn dial(destination: &Destination) -> Result<Socket, DialError> {
    if let Some(address) = destination.address() {
        return Socket::connect(address).await.map_err(DialError::Connect);
    }
    let (host, port) = (destination.host(), destination.port());
    if let Ok(ip) = host.parse::<IpAddr>() {
        let address = SocketAddr::new(ip, port);
        return Socket::connect(address).await.map_err(DialError::Connect);
    }
    let addresses = tokio::net::lookup_host((host, port)).await;
    let addresses = addresses.map_err(DialError::Resolve)?.collect::<Vec<_>>();
    race(addresses, Socket::connect)
        .await
        .map_err(DialError::Connect)
}

/// The first connection of two families' addresses. The family of the first address, which the system
/// prefers, has a start.
async fn race<T, F>(addresses: Vec<SocketAddr>, connect: impl Fn(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let prefers_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (preferred, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == prefers_ipv4);
    let mut preferred = pin!(one_of(preferred, &connect));
    if others.is_empty() {
        return preferred.await;
    }
    let others = one_of(others, &connect);
    match timeout(FALLBACK_DELAY, &mut preferred).await {
        Ok(Ok(connected)) => return Ok(connected),
        Ok(Err(_)) => return others.await,
        Err(_) => {}
    }
    let mut others = pin!(others);
    tokio::select! {
        connected = &mut preferred => match connected {
            Ok(connected) => Ok(connected),
            Err(_) => others.await,
        },
        connected = &mut others => match connected {
            Ok(connected) => Ok(connected),
            Err(_) => preferred.await,
        },
    }
}

/// The first connection of several addresses, one after the other.
async fn one_of<T, F>(
    addresses: Vec<SocketAddr>,
    connect: &impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match connect(address).await {
            Ok(connected) => return Ok(connected),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Addresses by their last number: how long connecting takes, in milliseconds, and whether it works.
    async fn connect(address: SocketAddr) -> io::Result<SocketAddr> {
        sleep(Duration::from_millis(address.port().into())).await;
        match address.ip() {
            IpAddr::V4(ip) if ip.octets()[3] == 0 => Err(io::ErrorKind::ConnectionRefused.into()),
            IpAddr::V6(ip) if ip.segments()[7] == 0 => Err(io::ErrorKind::ConnectionRefused.into()),
            _ => Ok(address),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_is_taken() {
        struct Case {
            name: &'static str,
            addresses: &'static [&'static str],
            want: Option<&'static str>,
            after: u64,
        }
        for case in [
            Case {
                name: "the first family is quick enough",
                addresses: &["[::1]:290", "127.0.0.1:1"],
                want: Some("[::1]:290"),
                after: 290,
            },
            Case {
                name: "the other family is quicker",
                addresses: &["[::1]:900", "127.0.0.1:1"],
                want: Some("127.0.0.1:1"),
                after: 301,
            },
            Case {
                name: "the first family fails at once",
                addresses: &["[::0]:1", "127.0.0.1:1"],
                want: Some("127.0.0.1:1"),
                after: 2,
            },
            Case {
                name: "the other family fails",
                addresses: &["[::1]:900", "127.0.0.0:1"],
                want: Some("[::1]:900"),
                after: 900,
            },
            Case {
                name: "the second of a family",
                addresses: &["127.0.0.0:5", "127.0.0.1:5"],
                want: Some("127.0.0.1:5"),
                after: 10,
            },
            Case {
                name: "all fail",
                addresses: &["127.0.0.0:400", "[::0]:1"],
                want: None,
                after: 400,
            },
            Case {
                name: "none",
                addresses: &[],
                want: None,
                after: 0,
            },
        ] {
            let addresses = case.addresses.iter().map(|it| it.parse().unwrap());
            let begun = Instant::now();
            let connected = race(addresses.collect(), connect).await.ok();
            assert_eq!(
                connected,
                case.want.map(|it| it.parse().unwrap()),
                "{}",
                case.name
            );
            assert_eq!(
                begun.elapsed().as_millis(),
                case.after.into(),
                "{}",
                case.name
            );
        }
    }
}
