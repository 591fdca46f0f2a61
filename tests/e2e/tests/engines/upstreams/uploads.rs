//! Uploads that go on only when the page has seen how far they are.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};

use super::api::Api;
use super::bucket::hex;

/// The bytes that are taken before the page has seen progress.
pub const FIRST: usize = 1024 * 1024;

#[derive(Clone)]
pub struct Uploads {
    progress: Arc<Notify>,
    /// The bytes of streams that have arrived, of all of them.
    received: Arc<watch::Sender<usize>>,
    /// Whether each stream came to its end.
    pub ended: Arc<watch::Sender<Vec<bool>>>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            progress: Arc::default(),
            received: Arc::new(watch::Sender::new(0)),
            ended: Arc::new(watch::Sender::new(Vec::new())),
        }
    }
}

impl Uploads {
    /// Gives the length and the hash of what arrived.
    pub async fn take(State(api): State<Api>, mut body: Body) -> Json<Value> {
        let (mut length, mut hash, mut waiting) = (0, Sha256::new(), true);
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else {
                continue;
            };
            length += data.len();
            hash.update(&data);
            if waiting && length >= FIRST {
                api.uploads.progress.notified().await;
                waiting = false;
            }
        }
        Json(json!({ "length": length, "sha256": hex(&hash.finalize()) }))
    }

    pub async fn acknowledge(State(api): State<Api>) {
        api.uploads.progress.notify_one();
    }

    /// Takes what arrives when it arrives.
    pub async fn stream(State(api): State<Api>, mut body: Body) -> String {
        let mut end = End(&api.uploads, false);
        let mut text = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return "cut".to_owned();
            };
            let data = frame.into_data().unwrap_or_default();
            text.extend_from_slice(&data);
            let received = &api.uploads.received;
            received.send_modify(|received| *received += data.len());
        }
        end.1 = true;
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Answers when so many bytes have arrived.
    pub async fn arrived(State(api): State<Api>, Query(bytes): Query<Vec<(String, usize)>>) {
        let mut received = api.uploads.received.subscribe();
        for (_, bytes) in bytes {
            let arrived = received.wait_for(|received| *received >= bytes).await;
            arrived.expect("the API lives");
        }
    }
}

/// Tells the end of a stream, also when nobody waits for its answer any more.
struct End<'a>(&'a Uploads, bool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ended.send_modify(|ended| ended.push(self.1));
    }
}
