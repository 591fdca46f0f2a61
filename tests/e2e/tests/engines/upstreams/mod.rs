//! An API and a bucket as they stand behind a gateway, or beside a page.

#![allow(
    dead_code,
    reason = "the comparison of set-ups takes less of it than the tests of the gateway"
)]

pub mod api;
pub mod bucket;
pub mod events;
pub mod sockets;
mod uploads;

use std::net::Ipv4Addr;

use api::Api;
use bucket::Bucket;
use tokio::net::{TcpListener, TcpSocket};

use crate::server::Server;
use crate::support::world::World;

/// The names of the servers in the log.
pub const API: &str = "api";
pub const BUCKET: &str = "bucket";

/// Both, without TLS and without CORS, at names of the loopback.
pub struct Upstreams {
    pub api: Api,
    /// The base of the API's URLs, with a path that a gateway takes away.
    pub api_url: String,
    pub bucket: Bucket,
    pub bucket_url: String,
    /// The requests that have arrived at either.
    pub log: World,
    _servers: [Server; 2],
}

impl Upstreams {
    pub fn start() -> Self {
        let [(api_port, api_url), (bucket_port, bucket_url)] = [listen(), listen()];
        let bucket = Bucket::new();
        let api = Api::new(&api_url, &bucket_url, bucket.signer.clone());
        let log = World::default()
            .site(API, api.router())
            .site(BUCKET, bucket.router());
        let site = |name| log.sites[name].clone();
        let servers = [
            Server::on(api_port, site(API), None),
            Server::on(bucket_port, site(BUCKET), None),
        ];
        Self {
            api_url: format!("{api_url}{}", api::BASE),
            api,
            bucket,
            bucket_url,
            log,
            _servers: servers,
        }
    }
}

/// The bytes that the system takes in for an application that does not read; so an upload cannot end before
/// it is read.
const RECEIVED: u32 = 64 * 1024;

/// A port, and its URL by name: cookies can have no IP address for a domain.
fn listen() -> (TcpListener, String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(RECEIVED).expect("a size");
    socket
        .bind((Ipv4Addr::LOCALHOST, 0).into())
        .expect("a free port");
    let listener = socket.listen(128).expect("a free port");
    let port = listener.local_addr().expect("the port").port();
    (listener, format!("http://localhost:{port}"))
}
