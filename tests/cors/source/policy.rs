//! The policy beside a source: what it may lack, and how it is replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use same_origin::cors::source::OriginSource;
use same_origin::cors::{Any, CorsPolicy, PolicyErrorKind};

use super::{CUSTOMER, LISTED, STRANGER, counted, get, settings};

#[test]
fn a_source_needs_no_list_and_bears_no_star() {
    let source = || OriginSource::new(|_| async { true });
    assert!(CorsPolicy::builder().layer_with_source(source()).is_ok());
    let errors = CorsPolicy::builder()
        .allow_origins(Any)
        .layer_with_source(source())
        .unwrap_err();
    assert_eq!(
        errors.iter().next().unwrap().kind(),
        PolicyErrorKind::StarWithSource
    );
}

#[tokio::test]
async fn the_policy_can_be_replaced_under_the_source() {
    let layer = settings()
        .layer_with_source(counted(&Arc::default()))
        .unwrap();
    layer.handle().replace(
        CorsPolicy::builder()
            .allow_origins(["https://new.example"])
            .build()
            .unwrap(),
    );
    assert_eq!(get(&layer, LISTED).await, None);
    assert!(get(&layer, "https://new.example").await.is_some());
    assert!(get(&layer, CUSTOMER).await.is_some());
}

/// One policy has the customer in its list, the other leaves it to the source. By two of them one in some thousands was
/// refused.
#[tokio::test]
async fn one_policy_decides_about_a_request() {
    let listing = |origin: &str| settings().allow_origins([LISTED, origin]).build();
    let policies = [CUSTOMER, "https://other.example"].map(|origin| listing(origin).unwrap());
    let layer = settings().layer_with_source(counted(&Arc::default()));
    let layer = layer.unwrap();
    let (handle, is_over) = (layer.handle(), Arc::new(AtomicBool::new(false)));
    let replaced = Arc::clone(&is_over);
    let replacing = thread::spawn(move || {
        for policy in policies.iter().cycle() {
            handle.replace(policy.clone());
            if replaced.load(Ordering::Relaxed) {
                break;
            }
        }
    });
    let mut refused = 0;
    for _ in 0..30_000 {
        refused += usize::from(get(&layer, CUSTOMER).await.is_none());
    }
    is_over.store(true, Ordering::Relaxed);
    replacing.join().unwrap();
    assert_eq!(refused, 0);
}

#[tokio::test]
async fn a_policy_without_a_list_is_built_again_beside_its_source() {
    let asked = Arc::new(AtomicUsize::new(0));
    let settings = CorsPolicy::builder().allow_credentials(true);
    let layer = settings.layer_with_source(counted(&asked)).unwrap();
    let handle = layer.handle();
    let settings = handle.policy().settings().max_age(Duration::from_secs(7));
    handle.replace(settings.build_with_source().unwrap());
    assert_eq!(
        handle.policy().to_string(),
        "max_age = 7\nallow_credentials = true\n"
    );
    assert_eq!(handle.policy().settings(), settings);
    assert_eq!(get(&layer, CUSTOMER).await.as_deref(), Some(CUSTOMER));
    assert_eq!(get(&layer, STRANGER).await, None);
    // Without a source it would be for nobody.
    let errors = settings.build().unwrap_err();
    assert_eq!(
        errors.iter().next().unwrap().kind(),
        PolicyErrorKind::NoOrigins
    );
}

#[test]
fn a_star_is_refused_beside_a_source_in_a_replacement_too() {
    let settings = CorsPolicy::builder().allow_origins(Any);
    let errors = settings.build_with_source().unwrap_err();
    assert_eq!(
        errors.iter().next().unwrap().kind(),
        PolicyErrorKind::StarWithSource
    );
}

#[test]
fn a_source_that_could_never_be_asked_is_refused() {
    let never = || counted(&Arc::default()).max_in_flight(0);
    for (settings, kinds) in [
        (settings(), &[PolicyErrorKind::NoLookups][..]),
        (
            settings().allow_origins(Any),
            &[PolicyErrorKind::StarWithSource, PolicyErrorKind::NoLookups],
        ),
    ] {
        let errors = settings.layer_with_source(never()).unwrap_err();
        let said: Vec<_> = errors.iter().map(|error| error.kind()).collect();
        assert_eq!(said, kinds, "{errors}");
    }
}

#[tokio::test]
async fn the_policy_in_place_says_whether_insecure_origins_are_asked_about() {
    let insecure = "http://shop.example";
    let settings = settings()
        .allow_credentials(true)
        .dangerously_allow_insecure_origins(true);
    let layer = settings
        .layer_with_source(counted(&Arc::default()))
        .unwrap();
    let handle = layer.handle();
    // The switch is among the settings that are read back, although nothing in the list needs it.
    let again = handle.policy().settings();
    handle.replace(again.build_with_source().unwrap());
    assert_eq!(get(&layer, insecure).await.as_deref(), Some(insecure));
    let without = again.dangerously_allow_insecure_origins(false);
    handle.replace(without.build_with_source().unwrap());
    assert_eq!(get(&layer, insecure).await, None);
    assert_eq!(get(&layer, CUSTOMER).await.as_deref(), Some(CUSTOMER));
}
