//! A client of HTTP/2 that does what no library would: frames as they are (RFC 9113 4.1).

use std::collections::HashMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Process;

const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 1 | 4;

pub struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    pub payload: Vec<u8>,
}

pub struct Http2 {
    pub stream: TcpStream,
    /// The server's, by their identifiers.
    pub settings: HashMap<u16, u32>,
    /// Frames that nobody has asked for yet.
    others: Vec<Frame>,
}

impl Http2 {
    pub async fn connect(gateway: &Process) -> Self {
        let stream = TcpStream::connect(gateway.address()).await.unwrap();
        let mut client = Self {
            stream,
            settings: HashMap::new(),
            others: Vec::new(),
        };
        client.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        client.write(frame(SETTINGS, 0, 0, &[])).await;
        let settings = client.next(SETTINGS, 0).await;
        for setting in settings.payload.chunks(6) {
            let (id, value) = setting.split_at(2);
            let id = u16::from_be_bytes(id.try_into().unwrap());
            let value = u32::from_be_bytes(value.try_into().unwrap());
            client.settings.insert(id, value);
        }
        client.write(frame(SETTINGS, ACK, 0, &[])).await;
        client
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// `GET /` on a new stream.
    pub async fn request(&mut self, stream: u32) {
        self.write(headers(stream)).await;
    }

    /// The next frame of a kind on a stream.
    pub async fn next(&mut self, kind: u8, stream: u32) -> Frame {
        let wanted = |frame: &Frame| frame.kind == kind && frame.stream == stream && !is_ack(frame);
        if let Some(at) = self.others.iter().position(wanted) {
            return self.others.remove(at);
        }
        loop {
            let frame = self.read().await.expect("the connection has ended");
            if wanted(&frame) {
                return frame;
            }
            self.others.push(frame);
        }
    }

    /// Waits for a response of status 200, which is number 8 of HPACK's table (RFC 7541 A).
    pub async fn is_ok(&mut self, stream: u32) {
        assert_eq!(self.next(HEADERS, stream).await.payload[0], 0x88);
    }

    /// The status of a response, by its number in HPACK's table.
    pub async fn status(&mut self, stream: u32) -> u16 {
        match self.next(HEADERS, stream).await.payload[0] {
            0x88 => 200,
            0x8D => 404,
            other => panic!("not a status that is looked for: {other:#x}"),
        }
    }

    /// Reads to the end of the connection.
    pub async fn ended(&mut self) {
        while self.read().await.is_some() {}
    }

    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }
}

fn is_ack(frame: &Frame) -> bool {
    frame.kind == SETTINGS && frame.flags == ACK
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}

/// `GET http://a/`, all of it: three fields of HPACK's table, and `:authority` spelled out.
pub fn headers(stream: u32) -> Vec<u8> {
    let block = [0x82, 0x86, 0x84, 0x01, 1, b'a'];
    frame(HEADERS, END_STREAM_AND_HEADERS, stream, &block)
}
