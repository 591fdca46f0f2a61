//! The times at which a connection of HTTP/2 is asked by a PING whether its other end is still there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::client::conn::http2;
use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioExecutor;
use pin_project_lite::pin_project;
use tokio::time::Instant as Now;

use crate::proxy::client::stream::meter::Meter;

/// The silence after which the other end is asked, while streams wait on it.
const SILENCE: Duration = Duration::from_secs(15);
/// The time that it has for an answer. It is longer than the silence, by which the two waits are told apart.
const PATIENCE: Duration = Duration::from_secs(25);
/// The least time between two PINGs between which no stream has brought anything.
///
/// Servers of gRPC end the connection (`ENHANCE_YOUR_CALM`, "too many pings"), and all calls on it, at the third
/// PING that comes within five minutes of the one before, while they send neither a head nor data: a call that is
/// quiet would be over after four of them (gRPC, `doc/keepalive.md`: `min_recv_ping_interval_without_data`).
const REST: Duration = Duration::from_secs(5 * 60 + 10);
/// PINGs before the rest is over that they bear with until a stream brings something. They are for new requests, which
/// are not to wait for an end that is gone.
const STRIKES: u8 = 2;

/// A dead connection is noticed while streams wait on it.
pub(super) fn keep_alive(builder: &mut http2::Builder<TokioExecutor>, meter: &Arc<Meter>) {
    let meter = Arc::clone(meter);
    builder
        .timer(Pings { meter })
        .keep_alive_interval(SILENCE)
        .keep_alive_timeout(PATIENCE);
}

/// The timer of one connection. hyper has it for nothing but its PINGs.
struct Pings {
    meter: Arc<Meter>,
}

pin_project! {
    /// hyper's wait for the next PING, or for the answer to the last one.
    struct Wait {
        #[pin]
        sleep: tokio::time::Sleep,
        meter: Arc<Meter>,
        last: Option<Last>,
        // PINGs without a rest since a stream has brought something.
        strikes: u8,
        // Whether the last PING has no answer yet.
        is_for_answer: bool,
    }
}

/// The last PING.
#[derive(Clone, Copy)]
struct Last {
    at: Now,
    /// The numbers of requests, and of what was heard, before it.
    requests: usize,
    heard: usize,
}

impl Last {
    fn has_rested(&self) -> bool {
        self.at.elapsed() >= REST
    }
}

impl Timer for Pings {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait {
            sleep: tokio::time::sleep_until(deadline.into()),
            meter: Arc::clone(&self.meter),
            last: None,
            strikes: 0,
            is_for_answer: false,
        })
    }

    fn now(&self) -> Instant {
        Now::now().into()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        if let Some(wait) = sleep.as_mut().downcast_mut_pin::<Wait>() {
            wait.begin(deadline.into());
        }
    }
}

impl Wait {
    fn begin(self: Pin<&mut Self>, deadline: Now) {
        let wait = self.project();
        let at = Now::now();
        *wait.is_for_answer = deadline > at + SILENCE;
        if *wait.is_for_answer {
            let (requests, heard) = (wait.meter.writes(), wait.meter.heard());
            *wait.strikes = match *wait.last {
                Some(last) if last.heard != heard => 0,
                Some(last) if !last.has_rested() => *wait.strikes + 1,
                _ => *wait.strikes,
            };
            *wait.last = Some(Last {
                at,
                requests,
                heard,
            });
        }
        wait.sleep.reset(deadline);
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut wait = self.project();
        loop {
            ready!(wait.sleep.as_mut().poll(cx));
            let (meter, strikes) = (&*wait.meter, *wait.strikes);
            let may_ask = |last: Last| {
                let is_for_another = meter.writes() != last.requests && strikes < STRIKES;
                last.has_rested() || meter.heard() != last.heard || is_for_another
            };
            if *wait.is_for_answer || wait.last.is_none_or(may_ask) {
                return Poll::Ready(());
            }
            wait.sleep.as_mut().reset(Now::now() + SILENCE);
        }
    }
}

impl Sleep for Wait {}

#[cfg(test)]
mod tests {
    use http::Request;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::proxy::body::Body;

    const HEADERS: u8 = 1;
    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    /// A server that answers a request with a head, and tells of each PING that comes in an hour, which it answers
    /// for as long as is said.
    async fn pings(mut io: DuplexStream, answers: usize) -> Vec<Now> {
        io.read_exact(&mut [0; 24]).await.unwrap();
        io.write_all(&frame(4, 0, 0, &[])).await.unwrap();
        let mut seen = Vec::new();
        let serving = async {
            let mut head = [0; 9];
            while io.read_exact(&mut head).await.is_ok() {
                let length = usize::from(head[1]) << 8 | usize::from(head[2]);
                let mut payload = vec![0; length];
                io.read_exact(&mut payload).await.unwrap();
                let answer = match head[3] {
                    HEADERS => frame(HEADERS, 4, head[8], &[0x88]),
                    PING => {
                        seen.push(Now::now());
                        frame(PING, 1, 0, &payload)
                    }
                    _ => continue,
                };
                if seen.len() <= answers {
                    io.write_all(&answer).await.unwrap();
                }
            }
        };
        let _an_hour = timeout(Duration::from_secs(3600), serving).await;
        seen
    }

    /// An event of a connection, and the seconds between two of them.
    type Every = (u64, fn(&Meter));

    /// The seconds between the PINGs of an hour, in which one stream brings nothing, or something happens now and then.
    async fn pauses(every: Option<Every>, answers: usize) -> Vec<u64> {
        let (ours, theirs) = duplex(4096);
        let server = tokio::spawn(pings(theirs, answers));
        let meter = Arc::<Meter>::default();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        keep_alive(&mut builder, &meter);
        let handshake = builder.handshake::<_, Body>(TokioIo::new(ours));
        let (mut sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let mut last = Now::now();
        let request = Request::get("http://up/").body(Body::empty()).unwrap();
        let _response = sender.send_request(request).await.unwrap();
        meter.hears();
        tokio::spawn(async move {
            while let Some((pause, happens)) = every {
                sleep(Duration::from_secs(pause)).await;
                happens(&meter);
            }
        });
        let seen = server.await.unwrap();
        let since = |at| (at - std::mem::replace(&mut last, at)).as_secs();
        seen.into_iter().map(since).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_call_is_asked_no_more_often_than_a_server_of_grpc_lets_it() {
        let pauses = pauses(None, usize::MAX).await;
        assert_eq!(pauses[0], SILENCE.as_secs());
        assert!(pauses.len() > 9, "{pauses:?}");
        assert!(pauses[1..].iter().all(|pause| *pause > 300), "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_brings_something_may_be_asked_again() {
        let pauses = pauses(Some((60, Meter::hears)), usize::MAX).await;
        assert!(pauses[1..].iter().all(|pause| *pause <= 75), "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn new_requests_have_it_asked_as_often_as_a_server_of_grpc_bears() {
        let pauses = pauses(Some((60, Meter::uses)), usize::MAX).await;
        let early = pauses[1..].iter().filter(|pause| **pause <= 300);
        assert_eq!(early.count(), usize::from(STRIKES), "{pauses:?}");
        assert!(pauses[1] <= 75 && pauses[2] <= 75, "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_gone() {
        let begun = Now::now();
        assert_eq!(pauses(None, 0).await.len(), 1);
        assert!(begun.elapsed() <= SILENCE + PATIENCE + Duration::from_secs(1));
    }
}
