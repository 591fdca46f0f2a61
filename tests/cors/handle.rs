//! Changing the policy of a running server, and trying another one beside it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Request;
use http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use same_origin::cors::{CorsLayer, CorsPolicy};
use tower::{Layer as _, Service as _, service_fn};

fn policy(origins: &[&str]) -> CorsPolicy {
    CorsPolicy::builder()
        .allow_origins(origins)
        .build()
        .unwrap()
}

/// The origin that the response to a page allows.
fn allowed(layer: &CorsLayer, origin: &str) -> Option<String> {
    let mut service = layer.layer(service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(http::Response::new(())))
    }));
    let request = Request::builder()
        .header("origin", origin)
        .body(())
        .unwrap();
    let response = futures_now(service.call(request));
    let value = response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN)?;
    Some(value.to_str().unwrap().to_owned())
}

fn futures_now<T>(future: impl Future<Output = Result<T, Infallible>>) -> T {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        std::task::Poll::Ready(Ok(value)) => value,
        std::task::Poll::Pending => unreachable!("nothing to wait for"),
    }
}

const OLD: &str = "https://old.example";
const NEW: &str = "https://new.example";

#[test]
fn a_replacement_counts_for_all_services() {
    let layer = CorsLayer::new(policy(&[OLD]));
    let clone = layer.clone();
    assert_eq!(allowed(&clone, OLD).as_deref(), Some(OLD));
    layer.handle().replace(policy(&[NEW]));
    assert_eq!(allowed(&clone, OLD), None);
    assert_eq!(allowed(&clone, NEW).as_deref(), Some(NEW));
    assert_eq!(
        clone.handle().policy().to_string(),
        policy(&[NEW]).to_string()
    );
    layer.handle().replace(policy(&[OLD]));
    assert_eq!(allowed(&clone, OLD).as_deref(), Some(OLD));
}

#[test]
fn each_request_is_judged_by_one_policy() {
    let layer = CorsLayer::new(policy(&[OLD]));
    let handle = layer.handle();
    let done = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let (layer, done) = (layer.clone(), Arc::clone(&done));
        move || {
            let mut judged = 0_u32;
            while !done.load(Ordering::Relaxed) || judged == 0 {
                // The origin that both policies have is allowed at any time.
                assert_eq!(allowed(&layer, OLD).as_deref(), Some(OLD));
                judged += 1;
            }
        }
    });
    for i in 0..1000 {
        handle.replace(if i % 2 == 0 {
            policy(&[OLD, NEW])
        } else {
            policy(&[OLD])
        });
    }
    done.store(true, Ordering::Relaxed);
    reader.join().unwrap();
}

#[test]
fn a_candidate_is_judged_and_not_obeyed() {
    let layer = CorsLayer::new(policy(&[OLD, "https://both.example"]));
    let handle = layer.handle();
    assert_eq!(handle.differences(), None);
    handle.report_only(policy(&[NEW, "https://both.example"]));
    assert_eq!(allowed(&layer, OLD).as_deref(), Some(OLD));
    assert_eq!(allowed(&layer, OLD).as_deref(), Some(OLD));
    assert_eq!(allowed(&layer, NEW), None);
    assert!(allowed(&layer, "https://both.example").is_some());
    assert_eq!(allowed(&layer, "https://neither.example"), None);
    let differences = handle.differences().unwrap();
    assert_eq!(
        (differences.newly_refused, differences.newly_allowed),
        (2, 1)
    );
    assert_eq!(differences.other_credentials, 0);

    let credentialed = CorsPolicy::builder()
        .allow_origins([OLD])
        .allow_credentials(true)
        .build();
    handle.report_only(credentialed.unwrap());
    allowed(&layer, OLD);
    assert_eq!(handle.differences().unwrap().other_credentials, 1);

    handle.report_only(None);
    assert_eq!(handle.differences(), None);
    assert_eq!(allowed(&layer, OLD).as_deref(), Some(OLD));
}
