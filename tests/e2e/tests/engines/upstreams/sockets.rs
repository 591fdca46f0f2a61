//! A WebSocket that says what it hears, until it hears "close".

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::sync::watch;

use super::api::Api;

/// The subprotocol that it takes, and how it closes.
pub const PROTOCOL: &str = "echo";
pub const CLOSING: (u16, &str) = (4001, "as you wish");

#[derive(Clone)]
pub struct Sockets {
    /// The code and the reason by which each page has closed.
    pub closed: Arc<watch::Sender<Vec<(u16, String)>>>,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            closed: Arc::new(watch::Sender::new(Vec::new())),
        }
    }
}

impl Sockets {
    pub async fn open(State(api): State<Api>, upgrade: WebSocketUpgrade) -> Response {
        upgrade
            .protocols([PROTOCOL])
            .on_upgrade(|socket| async move { api.sockets.echo(socket).await })
    }

    async fn echo(&self, mut socket: WebSocket) {
        while let Some(Ok(message)) = socket.recv().await {
            let answer = match message {
                Message::Text(text) if text == "close" => Message::Close(Some(CloseFrame {
                    code: CLOSING.0,
                    reason: CLOSING.1.into(),
                })),
                Message::Close(frame) => {
                    let said = frame.map(|frame| (frame.code, frame.reason.to_string()));
                    self.closed.send_modify(|closed| closed.extend(said));
                    continue;
                }
                other => other,
            };
            if socket.send(answer).await.is_err() {
                return;
            }
        }
    }
}
