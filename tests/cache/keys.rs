//! Nobody can make another client's answer.

use axum::body::Body;
use http::Request;
use same_origin::cache::Outcome;

use crate::support::{FRESH, Site, get, response};

/// An origin that builds its answer of a field that it should not trust, and lets it be stored.
fn gullible(field: &'static str) -> Site {
    Site::new(move |seen| {
        let said = seen.field(field).unwrap_or("nothing").to_owned();
        response(200, &[FRESH], format!("<script src=//{said}/app.js>"))
    })
}

#[tokio::test]
async fn what_a_client_says_of_its_place_poisons_its_own_copy_only() {
    for field in [
        "host",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-prefix",
    ] {
        let site = gullible(field);
        let evil = site.ask(get("/a", &[(field, "evil.example")])).await;
        assert!(evil.text().contains("evil"), "{field}");
        let victim = site.get("/a").await;
        assert!(!victim.text().contains("evil"), "{field}");
        assert_eq!(victim.outcome, Some(Outcome::Miss), "{field}");
        // And the other way round.
        let evil = site.ask(get("/a", &[(field, "other.example")])).await;
        assert!(evil.text().contains("other"), "{field}");
    }
    for value in [
        "host=evil",
        "for=a;Host=\"evil\"",
        "for=a, for=b;proto=evil",
    ] {
        let site = gullible("forwarded");
        site.ask(get("/a", &[("forwarded", value)])).await;
        let victim = site.ask(get("/a", &[("forwarded", "for=a")])).await;
        assert!(!victim.text().contains("evil"), "{value}");
    }
}

#[tokio::test]
async fn an_answer_that_varies_by_the_client_is_for_that_client() {
    for field in ["x-forwarded-for", "x-real-ip", "via", "forwarded"] {
        let site = Site::new(move |seen| {
            let said = seen.field(field).unwrap_or("nothing").to_owned();
            response(200, &[FRESH, ("vary", field)], said)
        });
        site.ask(get("/a", &[(field, "for=192.0.2.1")])).await;
        let other = site.ask(get("/a", &[(field, "for=192.0.2.2")])).await;
        assert_eq!(other.text(), "for=192.0.2.2", "{field}");
    }
}

/// Fields that are in no key, although some servers answer by them: the upstream has to leave them alone,
/// to name them in `Vary`, or to have them removed by the proxy. The module's documentation says so, and
/// this test, which of them these are.
#[tokio::test]
async fn fields_that_are_left_to_the_upstream_are_known() {
    const LEFT: [&str; 9] = [
        "x-original-url",
        "x-rewrite-url",
        "x-original-host",
        "x-host",
        "x-forwarded-server",
        "x-forwarded-scheme",
        "x-http-method-override",
        "true-client-ip",
        "x-forwarded-for",
    ];
    for field in LEFT {
        let site = gullible(field);
        site.ask(get("/a", &[(field, "evil")])).await;
        assert!(site.get("/a").await.text().contains("evil"), "{field}");
        if field == "x-forwarded-for" {
            continue;
        }
        let careful = Site::new(move |seen| {
            let said = seen.field(field).unwrap_or("nothing").to_owned();
            response(200, &[FRESH, ("vary", field)], said)
        });
        careful.ask(get("/a", &[(field, "evil")])).await;
        assert_eq!(careful.get("/a").await.text(), "nothing", "{field}");
    }
}

#[tokio::test]
async fn a_body_or_a_doubled_host_is_not_looked_up() {
    let site = gullible("x-any");
    let with_body = Request::get("/a").body(Body::from("evil")).unwrap();
    assert_eq!(site.ask(with_body).await.outcome, Some(Outcome::Bypass));
    let doubled = get("/a", &[("host", "a"), ("host", "b")]);
    assert_eq!(site.ask(doubled).await.outcome, Some(Outcome::Bypass));
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Miss));
}

#[tokio::test]
async fn two_spellings_are_two_targets() {
    let site = gullible("x-any");
    for target in ["/a", "/%61", "/a?", "/a?b", "/a/", "//a", "/A", "/a;b"] {
        assert_eq!(
            site.get(target).await.outcome,
            Some(Outcome::Miss),
            "{target}"
        );
    }
}

#[tokio::test]
async fn variants_of_one_resource_are_bounded() {
    let site = Site::new(|seen| {
        let said = seen.field("x-any").unwrap_or_default().to_owned();
        response(200, &[FRESH, ("vary", "x-any")], said)
    });
    for number in 0..1000 {
        let value = number.to_string();
        assert_eq!(
            site.ask(get("/a", &[("x-any", &value)])).await.text(),
            value
        );
    }
    assert!(
        site.cache.stats().bytes < 50_000,
        "{:?}",
        site.cache.stats()
    );
    let last = site.ask(get("/a", &[("x-any", "999")])).await;
    assert_eq!(last.outcome, Some(Outcome::Hit));
}

/// A client that sends a long field would otherwise have it read some hundred times for one answer.
#[test]
fn a_long_field_is_not_read_for_each_variant() {
    const LENGTH: usize = 20_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let site = Site::new(|_| response(200, &[FRESH, ("vary", "x-a, x-b")], "a"));
    let ask = |number: usize| {
        let field = format!("{}{number}", "a".repeat(LENGTH));
        runtime.block_on(site.ask(get("/a", &[("x-a", &field)])));
    };
    (0..40).for_each(ask);
    let measured = allocation_counter::measure(|| ask(40));
    let times = measured.bytes_total / LENGTH as u64;
    assert!(times < 20, "{times} times its length");
}
