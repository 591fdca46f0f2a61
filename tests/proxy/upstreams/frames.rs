//! An upstream of HTTP/2 that is made of frames.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
/// `END_STREAM` and `END_HEADERS`.
pub(super) const WHOLE: u8 = 5;
const REFUSED_STREAM: u32 = 7;

/// After an answer: it ends the connection.
pub(super) const END: &[u8] = b"(end)";

/// A frame (RFC 9113 4.1).
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `:status: 200` and nothing else (RFC 7541 A).
pub(super) fn ok(stream: u32) -> Vec<u8> {
    frame(HEADERS, WHOLE, stream, &[0x88])
}

pub(super) fn reset(stream: u32, reason: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &reason.to_be_bytes())
}

pub(super) fn refused(stream: u32) -> Vec<u8> {
    reset(stream, REFUSED_STREAM)
}

/// A last stream, and no error.
pub(super) fn goaway(last: u32) -> Vec<u8> {
    goaway_for(last, 0)
}

/// A last stream, and the reason.
pub(super) fn goaway_for(last: u32, reason: u32) -> Vec<u8> {
    let payload = [last.to_be_bytes(), reason.to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, &payload)
}

/// A stream that begins.
pub(super) struct Begun {
    pub(super) connection: usize,
    pub(super) stream: u32,
    /// Whether the client has acknowledged the settings.
    pub(super) settings_known: bool,
}

/// An upstream made of frames. `answer` says what to write when a stream begins.
pub(super) async fn upstream<A>(settings: &'static [u8], answer: A) -> SocketAddr
where
    A: Fn(&Begun) -> Vec<u8> + Clone + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(speak(stream, connection, settings, answer.clone()));
        }
    });
    address
}

async fn speak(
    mut stream: TcpStream,
    connection: usize,
    settings: &[u8],
    answer: impl Fn(&Begun) -> Vec<u8>,
) {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    // Late, so that the client has all the time to presume what they are.
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream
        .write_all(&frame(SETTINGS, 0, 0, settings))
        .await
        .unwrap();
    let mut settings_known = false;
    let mut head = [0; 9];
    // Until the proxy has gone.
    while stream.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let reply = match (head[3], head[4] & 1) {
            (HEADERS, _) => answer(&Begun {
                connection,
                stream: id,
                settings_known,
            }),
            (SETTINGS, 0) => frame(SETTINGS, 1, 0, &[]),
            (SETTINGS, _) => {
                settings_known = true;
                continue;
            }
            _ => continue,
        };
        let end = reply.strip_suffix(END);
        stream.write_all(end.unwrap_or(&reply)).await.unwrap();
        if end.is_some() {
            return;
        }
    }
}
