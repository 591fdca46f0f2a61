//! Files that are being sent. Each takes a descriptor for as long as its client likes, and a connection of HTTP/2
//! has many of them: 165 connections that read nothing would take all that the process may have, and with them the
//! connections to upstreams and those of everybody else.

use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;

use crate::server::limits::Limits;
use crate::server::places::{Bounds, Full, Place, Places};

/// The most files of one client that has a bound. Each takes some 180 KiB while it is not read.
const OF_CLIENT: usize = 1024;

/// The files that are being sent, by client.
#[derive(Clone)]
pub struct OpenFiles(Arc<Places>);

impl OpenFiles {
    pub fn new(limits: &Limits) -> Self {
        Self(Places::new(bounds(limits)))
    }

    /// Sets other limits, from now on.
    pub fn limit(&self, limits: &Limits) {
        self.0.limit(bounds(limits));
    }

    /// A place for a file that this client asks for.
    ///
    /// # Errors
    ///
    /// The status that says whether it is this client or everybody who has too many.
    pub fn take(&self, client: IpAddr) -> Result<Place, StatusCode> {
        self.0.take(client).map_err(|full| match full {
            Full::ForAll => StatusCode::SERVICE_UNAVAILABLE,
            Full::ForClient => StatusCode::TOO_MANY_REQUESTS,
        })
    }
}

/// A quarter as many as connections: the rest of the descriptors is for upstreams. Of these
/// [one client](Limits::client_share) has its share, and [`OF_CLIENT`] at most.
fn bounds(limits: &Limits) -> Bounds {
    let all = (limits.connections / 4).max(1);
    let share = limits.client_share_of(all);
    let of_client = if share < all {
        share.min(OF_CLIENT)
    } else {
        all
    };
    Bounds { all, of_client }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_connections_may_be_files_and_half_of_them_one_clients() {
        for (connections, client_share, all, of_client) in [
            (32, 0.5, 8, 4),
            (32, 1.0, 8, 8),
            (1, 0.1, 1, 1),
            (16_384, 0.5, 4096, OF_CLIENT),
            (16_384, 1.0, 4096, 4096),
        ] {
            let bounds = bounds(&Limits {
                connections,
                client_share,
                ..Limits::default()
            });
            assert_eq!((bounds.all, bounds.of_client), (all, of_client));
        }
    }
}
