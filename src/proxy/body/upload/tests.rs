//! Tests of an upload: its limit, its gate, and a client that gives nothing.

use http_body_util::BodyExt;
use http_body_util::channel::Channel;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(60);

fn upload(
    body: impl Into<Body>,
    limit: Option<u64>,
    expects_continue: bool,
) -> (Upload, Arc<Progress>) {
    let rules = UploadRules {
        limit,
        announced: None,
        expects_continue,
        is_told_when_sent: false,
        is_stream: false,
        withheld: Arc::new([]),
        patience: TIMEOUT,
    };
    Upload::new(body.into(), rules)
}

fn kind_of(error: &BoxError) -> ProxyErrorKind {
    error.downcast_ref::<ProxyError>().unwrap().kind()
}

#[tokio::test]
async fn the_limit_is_the_last_byte_that_passes() {
    let (passes, progress) = upload("12345", Some(5), false);
    assert!(progress.last_moved().is_none());
    assert_eq!(passes.collect().await.unwrap().to_bytes(), "12345");
    assert!(progress.last_moved().is_some());

    let (fails, _) = upload("123456", Some(5), false);
    let error = fails.collect().await.unwrap_err();
    assert_eq!(kind_of(&error), ProxyErrorKind::BodyTooLarge);
}

#[tokio::test(start_paused = true)]
async fn a_body_waits_until_it_is_wanted() {
    let (mut upload, progress) = upload("x", None, true);
    let early = tokio::time::timeout(Duration::from_millis(900), upload.frame()).await;
    assert!(early.is_err());
    progress.open();
    assert!(upload.frame().await.unwrap().unwrap().is_data());
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let (mut upload, _progress) = upload("x", None, true);
    assert!(upload.frame().await.unwrap().unwrap().is_data());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_longer_wanted_ends_in_an_error() {
    let (mut upload, progress) = upload("x", None, true);
    let waiting = tokio::spawn(async move { upload.frame().await });
    tokio::task::yield_now().await;
    progress.abandon_unwanted();
    assert!(waiting.await.unwrap().unwrap().is_err());
}

/// A frame of one byte after so many seconds each, then silence.
fn dripping(pauses: &'static [u64]) -> Body {
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
    tokio::spawn(async move {
        for pause in pauses {
            sleep(Duration::from_secs(*pause)).await;
            let _ = sender.send_data(Bytes::from_static(b"x")).await;
        }
        std::future::pending::<()>().await;
    });
    Body::new(body)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gives_nothing_is_waited_for_no_longer_than_the_timeout() {
    let begun = Instant::now();
    let (slow, _progress) = upload(dripping(&[59, 59, 4]), None, false);
    let error = slow.collect().await.unwrap_err();
    assert_eq!(kind_of(&error), ProxyErrorKind::ClientTimeout);
    assert_eq!(begun.elapsed().as_secs(), 59 + 59 + 4 + 60);
}

#[tokio::test(start_paused = true)]
async fn only_time_in_which_it_is_asked_counts() {
    let (mut upload, _progress) = upload(dripping(&[1, 1, 50]), None, false);
    upload.frame().await.unwrap().unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(1), upload.frame()).await;
    assert!(waits.is_err());
    // The upstream takes nothing for an hour; then the client has its time anew.
    sleep(TIMEOUT * 60).await;
    upload.frame().await.unwrap().unwrap();
    upload.frame().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_conversation_may_be_silent() {
    let (mut upload, progress) = upload(dripping(&[1]), None, false);
    progress.set_conversation(true);
    upload.frame().await.unwrap().unwrap();
    let silent = tokio::time::timeout(TIMEOUT * 60, upload.frame()).await;
    assert!(silent.is_err());
    progress.set_conversation(false);
    assert!(upload.frame().await.unwrap().is_err());
}
