//! Distance: a relay of TCP in which every byte takes its time, in both directions.
//!
//! It delays what a longer line delays, TLS handshakes and preflights included; Chromium's own emulation
//! (`Network.emulateNetworkConditions`) delays requests, however many round trips they took.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// The bytes that are taken at once, and how often before any have arrived.
const CHUNK: usize = 64 * 1024;
const ON_THE_WAY: usize = 256;

/// Relays until dropped.
pub struct Relay {
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Relay {
    pub async fn start(server: SocketAddr, one_way: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("the port");
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, one_way));
            }
        });
        Self { address, accepting }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(client: TcpStream, server: SocketAddr, one_way: Duration) {
    // The client believes that it is connected at once. What it sends would have waited for SYN and
    // SYN-ACK to cross.
    let connected = Instant::now() + 2 * one_way;
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("a socket");
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        one_direction(from_client, to_server, connected, one_way),
        one_direction(from_server, to_client, connected, one_way),
    );
}

/// Ends as the stream does: its end takes its time too.
async fn one_direction(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    connected: Instant,
    one_way: Duration,
) {
    let (sent, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let sending = async move {
        let mut bytes = vec![0; CHUNK];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            let due = Instant::now().max(connected) + one_way;
            if sent.send((due, bytes[..count].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let receiving = async move {
        while let Some((due, bytes)) = arriving.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // A peer that is gone needs no goodbye.
        let _ = to.shutdown().await;
    };
    tokio::join!(sending, receiving);
}
