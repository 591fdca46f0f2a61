//! Refusals leave events, and nothing else does.
#![cfg(feature = "tracing")]

use http::{Request, Response};
use same_origin::cors::{CorsLayer, CorsPolicy};
use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(std::mem::take(&mut log)).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn an_event_for_each_refusal_and_difference() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let policy = |origin: &str| {
        CorsPolicy::builder()
            .allow_origins([origin])
            .build()
            .unwrap()
    };
    let layer = CorsLayer::new(policy("https://app.example.com"));
    let send = async |origin: &str| {
        let application =
            service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
        let request = Request::builder()
            .header("origin", origin.as_bytes())
            .body(())
            .unwrap();
        layer.layer(application).oneshot(request).await.unwrap();
        log.take()
    };
    assert_eq!(send("https://app.example.com").await, "");
    assert_eq!(
        send("https://evil.example\"").await,
        "DEBUG same_origin::cors: not shared refusal=the origin is not allowed preflight=false \
         origin=\"https://evil.example\\\"\"\n"
    );
    layer.handle().report_only(policy("https://new.example"));
    assert_eq!(
        send("https://app.example.com").await,
        " INFO same_origin::cors: the candidate policy differs difference=\"newly refused\" preflight=false \
         origin=\"https://app.example.com\"\n"
    );
}
