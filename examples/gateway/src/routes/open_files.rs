//! Files that are being sent. Each takes a descriptor for as long as its client likes, and a connection of HTTP/2
//! has many of them: 165 connections that read nothing would take all that the process may have, and with them the
//! connections to upstreams and those of everybody else.

use crate::server::limits::Limits;
use crate::server::network;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// The most files of one client that has a bound. Each takes some 200 KiB while it is not read.
const OF_CLIENT: usize = 1024;

/// The files that are being sent, by client.
#[derive(Default)]
pub struct OpenFiles(Mutex<Open>);

#[derive(Default)]
struct Open {
    most: usize,
    most_of_client: usize,
    count: usize,
    of_clients: HashMap<IpAddr, usize>,
}

/// A file's place, until it is dropped.
pub struct OpenFile {
    files: Arc<OpenFiles>,
    client: IpAddr,
}

impl OpenFiles {
    pub fn new(limits: &Limits) -> Arc<Self> {
        let files = Self::default();
        files.limit(limits);
        Arc::new(files)
    }

    /// Other limits from now on: a quarter as many as connections: the rest of the descriptors is for upstreams. Of
    /// these [one client](Limits::client_share) has its share, and [`OF_CLIENT`] at most.
    pub fn limit(&self, limits: &Limits) {
        let most = (limits.connections / 4).max(1);
        let share = (most as f64 * limits.client_share) as usize;
        let most_of_client = if share < most {
            share.clamp(1, OF_CLIENT)
        } else {
            most
        };
        let mut open = self.lock();
        (open.most, open.most_of_client) = (most, most_of_client);
    }

    /// A place for a file that this client asks for.
    ///
    /// # Errors
    ///
    /// The status that says whether it is this client or everybody who has too many.
    pub fn take(self: &Arc<Self>, client: IpAddr) -> Result<OpenFile, StatusCode> {
        let client = network(client);
        let mut open = self.lock();
        if open.count >= open.most {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        let most_of_client = open.most_of_client;
        let of_client = open.of_clients.entry(client).or_default();
        if *of_client >= most_of_client {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        *of_client += 1;
        open.count += 1;
        Ok(OpenFile {
            files: Arc::clone(self),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut open = self.files.lock();
        open.count -= 1;
        if let Some(of_client) = open.of_clients.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                open.of_clients.remove(&self.client);
            }
        }
    }
}

pin_project! {
    /// The content of a file, with which its place is given back.
    pub struct Sent<B> {
        #[pin]
        content: B,
        place: OpenFile,
    }
}

impl OpenFile {
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
    fn one_client_has_its_share_of_the_files() {
        let files = OpenFiles::new(&Limits {
            connections: 32,
            client_share: 0.5,
            ..Limits::default()
        });
        let take = |client: &str| files.take(client.parse().unwrap());
        let refused = |client| take(client).err();
        let mut held: Vec<_> = (0..4).map(|_| take("192.0.2.1").unwrap()).collect();
        assert_eq!(refused("192.0.2.1"), Some(StatusCode::TOO_MANY_REQUESTS));
        held.extend((0..4).map(|n| take(&format!("2001:db8::{n}")).unwrap()));
        assert_eq!(
            refused("2001:db8::9"),
            Some(StatusCode::SERVICE_UNAVAILABLE)
        );
        held.remove(0);
        assert_eq!(refused("2001:db8::9"), Some(StatusCode::TOO_MANY_REQUESTS));
        assert!(take("192.0.2.1").is_ok());
        drop(held);
        assert!(files.lock().of_clients.is_empty());
    }
}
