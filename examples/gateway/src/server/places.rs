//! Places for what is dear, shared by clients: so many for all, and so many for one of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::clients::network;

/// The places, and who has them.
#[derive(Default)]
pub struct Places(Mutex<Taken>);

/// The most places that are taken at once.
#[derive(Clone, Copy, Default)]
pub struct Bounds {
    pub all: usize,
    pub of_client: usize,
}

#[derive(Default)]
struct Taken {
    bounds: Bounds,
    count: usize,
    of_clients: HashMap<IpAddr, usize>,
}

/// The reason why there is not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Everybody together has all of them.
    ForAll,
    /// The client has all that one may have.
    ForClient,
}

/// A place, until it is dropped.
pub struct Place {
    places: Arc<Places>,
    client: IpAddr,
}

impl Places {
    pub fn new(bounds: Bounds) -> Arc<Self> {
        let places = Self::default();
        places.limit(bounds);
        Arc::new(places)
    }

    /// Sets other bounds, from now on. Places that are taken stay so.
    pub fn limit(&self, bounds: Bounds) {
        self.lock().bounds = bounds;
    }

    /// A place for a client: an address of IPv4, or a network of IPv6.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn take(self: &Arc<Self>, client: IpAddr) -> Result<Place, Full> {
        let client = network(client);
        let mut taken = self.lock();
        if taken.count >= taken.bounds.all {
            return Err(Full::ForAll);
        }
        let most_of_client = taken.bounds.of_client;
        let of_client = taken.of_clients.entry(client).or_default();
        if *of_client >= most_of_client {
            return Err(Full::ForClient);
        }
        *of_client += 1;
        taken.count += 1;
        Ok(Place {
            places: Arc::clone(self),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.count -= 1;
        if let Some(of_client) = taken.of_clients.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                taken.of_clients.remove(&self.client);
            }
        }
    }
}

pin_project! {
    /// A content, with which its place is given back.
    pub struct Sent<B> {
        #[pin]
        content: B,
        place: Place,
    }
}

impl Place {
    pub fn until_sent<B>(self, content: B) -> Sent<B> {
        Sent {
            content,
            place: self,
        }
    }
}

impl<B: Body> Body for Sent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().content.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_has_its_own_places_and_not_those_of_another() {
        let places = Places::new(Bounds {
            all: 8,
            of_client: 4,
        });
        let take = |client: &str| places.take(client.parse().unwrap());
        let refused = |client| take(client).err();
        let mut held: Vec<_> = (0..4).map(|_| take("192.0.2.1").unwrap()).collect();
        assert_eq!(refused("192.0.2.1"), Some(Full::ForClient));
        held.extend((0..4).map(|n| take(&format!("2001:db8::{n}")).unwrap()));
        assert_eq!(refused("2001:db8::9"), Some(Full::ForAll));
        held.remove(0);
        assert_eq!(refused("2001:db8::9"), Some(Full::ForClient));
        assert!(take("192.0.2.1").is_ok());
        places.limit(Bounds {
            all: 9,
            of_client: 5,
        });
        assert!(take("2001:db8::9").is_ok());
        drop(held);
        assert!(places.lock().of_clients.is_empty());
    }
}
