//! Server-sent events, each of which waits until the page has told that it got the one before.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use http::{HeaderMap, StatusCode};
use tokio::sync::watch;

use super::api::Api;

#[derive(Clone)]
pub struct Events {
    /// The number of the last event that the page has acknowledged.
    acknowledged: Arc<watch::Sender<u64>>,
    /// The number of open streams.
    pub open: Arc<watch::Sender<usize>>,
}

/// The number of events of one stream; the page comes again for more.
pub const EVENTS: u64 = 3;

impl Default for Events {
    fn default() -> Self {
        Self {
            acknowledged: Arc::new(watch::Sender::new(0)),
            open: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Events {
    pub async fn stream(State(api): State<Api>, headers: HeaderMap) -> Response {
        let last = headers.get("last-event-id");
        let last = last.map_or(Ok(0), |id| id.to_str().unwrap_or_default().parse());
        let Ok(last) = last else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let state = (last, api.events.acknowledged.subscribe(), Open::new(&api));
        let events = unfold(state, move |(sent, mut acknowledged, open)| async move {
            if sent - last == EVENTS {
                return None;
            }
            acknowledged.wait_for(|known| *known >= sent).await.ok()?;
            let event = Event::default()
                .id((sent + 1).to_string())
                .data(format!("event {}", sent + 1))
                .retry(std::time::Duration::from_millis(1));
            Some((Ok::<_, Infallible>(event), (sent + 1, acknowledged, open)))
        });
        Sse::new(events).into_response()
    }

    pub async fn acknowledge(State(api): State<Api>, Query(got): Query<Vec<(String, u64)>>) {
        for (_, number) in got {
            api.events.acknowledged.send_replace(number);
        }
    }
}

/// A stream, until nobody reads it any more.
struct Open(Arc<watch::Sender<usize>>);

impl Open {
    fn new(api: &Api) -> Self {
        api.events.open.send_modify(|open| *open += 1);
        Self(api.events.open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}
