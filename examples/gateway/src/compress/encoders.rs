//! The encoders that are at work. Each keeps its window for as long as its client takes to read: a client that reads
//! nothing would fill the memory with them, by answers that cost it a request each. An answer that needs an encoder
//! above the bound is sent plain, which is always right.

use std::net::IpAddr;
use std::sync::Arc;

use crate::server::limits::Limits;
use crate::server::places::{Bounds, Place, Places};

/// The most encoders of the process. With the bytes before and behind it, one of brotli was measured to take 2.7 to
/// 3.3 MiB where nothing is read, one of zstd 1.3 and one of gzip 0.5: that many take 211 MiB at the worst. Readers give
/// one back within milliseconds, so that for them it is far more than the cores could keep at work.
const MOST: usize = 64;

/// The encoders that are at work, by client.
#[derive(Clone)]
pub struct Encoders(Arc<Places>);

/// The right of a request's client to an encoder, among the extensions of the request.
#[derive(Clone)]
pub struct Claim {
    encoders: Encoders,
    client: IpAddr,
}

impl Encoders {
    pub fn new(limits: &Limits) -> Self {
        Self(Places::new(bounds(limits)))
    }

    /// Sets other limits, from now on.
    pub fn limit(&self, limits: &Limits) {
        self.0.limit(bounds(limits));
    }

    pub fn claim(&self, client: IpAddr) -> Claim {
        Claim {
            encoders: self.clone(),
            client,
        }
    }
}

impl Claim {
    /// `None` if the client, or all of them, have as many as they may have.
    pub fn take(&self) -> Option<Place> {
        self.encoders.0.take(self.client).ok()
    }
}

/// [One client](Limits::client_share) has its share of them, as of the connections.
fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        all: MOST,
        of_client: limits.client_share_of(MOST),
    }
}
