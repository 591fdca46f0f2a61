//! Requests over HTTP/1.1 whose clients go before they are answered.
//!
//! The connection of such a request can only be closed, and this side keeps its port for a minute if it does
//! that first. A client that resets streams all day would use up all ports. So an exchange that was given up
//! has a moment to come to its end, which gives the connection back; after that, and where too many are given
//! up at once, the connection is reset, which frees the port. To reset each of them at once would be simpler,
//! and could take a request from an upstream that has not read it yet: clients that send a request and do not
//! wait for its answer rely on that.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body as _;
use tokio::runtime::Handle;

use super::exchange::Answering;
use super::pooled_body::put_back_when_ready;
use crate::proxy::client::pool::Pool;
use crate::proxy::client::pool::connection::Http1;

/// The longest time for which an exchange goes on that nobody waits for.
const GRACE: Duration = Duration::from_millis(250);
/// The most bytes of its answer that are read.
const MOST_READ: u64 = 64 * 1024;

/// Lets an exchange that was given up come to its end, if that is soon.
pub(super) fn abandon(answer: Answering, connection: Http1, pool: &Arc<Pool>) {
    connection.meter.reset_on_close(true);
    let (Some(place), Ok(runtime)) = (Place::take(pool), Handle::try_current()) else {
        return connection.meter.abort();
    };
    runtime.spawn(async move {
        if let Ok(true) = tokio::time::timeout(GRACE, finish(answer)).await {
            connection.meter.reset_on_close(false);
            put_back_when_ready(connection, &place.0, None);
        } else {
            connection.meter.abort();
        }
    });
}

/// Reads an answer that nobody waits for, and tells whether it came to its end.
async fn finish(answer: Answering) -> bool {
    let Ok(answer) = answer.await else {
        return false;
    };
    let mut body = answer.into_body();
    let mut left = MOST_READ;
    loop {
        if body.is_end_stream() {
            return true;
        }
        let len = match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
        };
        match left.checked_sub(len) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
}

/// A place among the few exchanges that go on although they were given up, until it is dropped.
struct Place(Arc<Pool>);

impl Place {
    fn take(pool: &Arc<Pool>) -> Option<Self> {
        pool.begin_abandoned().then(|| Self(Arc::clone(pool)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.end_abandoned();
    }
}
