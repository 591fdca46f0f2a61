//! The two properties of a shared cache: what is for one client is given to no other one, and what is given
//! from memory is what the upstream would have said.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use same_origin::cache::Outcome;
use tokio::runtime::Runtime;

use crate::support::{Got, Site, get, request, response};

/// An upstream's answers for one resource, and the first request for it.
#[derive(Clone, Debug)]
struct Scene {
    status: u16,
    fields: Vec<(&'static str, String)>,
    authorized: bool,
    method: &'static str,
}

impl Scene {
    fn control(&self) -> String {
        let lines = self
            .fields
            .iter()
            .filter(|(name, _)| *name == "cache-control");
        lines
            .map(|(_, value)| value.to_lowercase())
            .collect::<Vec<_>>()
            .join(",")
    }

    fn has(&self, directive: &str) -> bool {
        let control = self.control();
        control.split(',').any(|said| {
            let name = said.split('=').next().unwrap_or_default();
            name.trim() == directive
        })
    }

    /// Whether the answer may be given to nobody else, by RFC 9111 3 and 3.5 and by what is documented. Written
    /// without a look at the cache, and for well-formed fields, which is what the strategy makes.
    fn is_secret(&self, method: &str, authorized: bool) -> bool {
        let varies_by_client = self.fields.iter().any(|(name, value)| {
            *name == "vary"
                && (value.contains('*') || value.to_lowercase().contains("x-forwarded-for"))
        });
        let for_authorized =
            self.has("public") || self.has("must-revalidate") || self.has("s-maxage");
        self.has("private")
            || self.has("no-store")
            || varies_by_client
            || self.fields.iter().any(|(name, _)| *name == "set-cookie")
            || authorized && !for_authorized
            || method != "GET"
    }
}

fn scene() -> impl Strategy<Value = Scene> {
    // Some more often than others, so that much of it may be stored.
    let directive = prop::sample::select(vec![
        "max-age=60",
        "max-age=60",
        "max-age=60",
        "max-age=60",
        "s-maxage=60",
        "public, max-age=60",
        "s-maxage=60",
        "public",
        "private",
        "no-store",
        "no-cache",
        "must-revalidate",
        "proxy-revalidate",
        "immutable",
        "max-age=0",
        "MAX-AGE=90",
        "Private",
        "private=\"x-a, x-b\"",
        "No-Store",
        "stale-while-revalidate=60",
        "stale-if-error=60",
        "foo=\"bar, baz\"",
        "foo",
    ]);
    let field = prop_oneof![
        9 => prop::collection::vec(directive, 1..3)
            .prop_map(|directives| ("cache-control", directives.join(", "))),
        1 => Just(("vary", "accept".to_owned())),
        1 => Just(("vary", "accept, *".to_owned())),
        1 => Just(("vary", "X-Forwarded-For".to_owned())),
        1 => Just(("set-cookie", "session=1".to_owned())),
        1 => Just(("etag", "\"a\"".to_owned())),
        1 => Just(("expires", "Thu, 18 Aug 2050 02:01:18 GMT".to_owned())),
        1 => Just(("pragma", "no-cache".to_owned())),
        1 => Just(("age", "5".to_owned())),
    ];
    (
        prop::sample::select(vec![200_u16, 200, 200, 203, 301, 404, 410, 500]),
        prop::collection::vec(field, 1..4),
        any::<bool>(),
        prop::sample::select(vec!["GET", "GET", "GET", "GET", "POST", "OPTIONS", "PUT"]),
    )
        .prop_map(|(status, fields, authorized, method)| Scene {
            status,
            fields,
            authorized,
            method,
        })
}

/// An origin whose every answer is another one, so that it shows whose an answer was.
fn origin(scene: &Scene) -> Site {
    let scene = scene.clone();
    Site::new(move |seen| {
        let fields: Vec<_> = scene
            .fields
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        if seen.headers.contains_key("if-none-match") {
            return response(304, &fields, "");
        }
        response(
            scene.status,
            &fields,
            format!("{:04} is the number of this request", seen.number),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_for_one_client_is_given_to_no_other_one(scene in scene()) {
        Runtime::new().unwrap().block_on(async {
            let site = origin(&scene);
            let mut secrets = Vec::new();
            let credentials: &[_] = if scene.authorized { &[("authorization", "Bearer 1")] } else { &[] };
            for (method, fields) in [
                (scene.method, credentials),
                ("GET", &[]),
                ("GET", &[("authorization", "Bearer 2")]),
                ("GET", &[("authorization", "Bearer 3")]),
                ("GET", &[("cache-control", "max-stale")]),
                ("GET", &[("cache-control", "only-if-cached")]),
                ("GET", &[("range", "bytes=0-5")]),
                ("GET", &[("if-none-match", "\"b\"")]),
                ("HEAD", &[]),
                ("GET", &[]),
            ] {
                let got = site.ask(request(method, "/a", fields)).await;
                let Some(number) = got.body.get(..4) else {
                    continue;
                };
                prop_assert!(!secrets.contains(&number.to_vec()), "{:?}: {:?}", fields, got);
                let authorized = fields.iter().any(|(name, _)| *name == "authorization");
                if scene.is_secret(method, authorized) {
                    secrets.push(number.to_vec());
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn what_is_given_from_memory_is_what_the_upstream_said(scene in scene()) {
        Runtime::new().unwrap().block_on(async {
            let site = origin(&scene);
            let first = site.get("/a").await;
            let second = site.get("/a").await;
            if matches!(second.outcome, Some(Outcome::Hit | Outcome::Stale)) {
                prop_assert_eq!(second.status, first.status);
                prop_assert_eq!(&second.body, &first.body);
                prop_assert_eq!(comparable(&second), comparable(&first));
            } else if second.outcome != Some(Outcome::Revalidated) {
                prop_assert_ne!(&second.body, &first.body);
            }
            Ok(())
        })?;
    }
}

/// Neither would show anything if every scene were a secret, or none.
#[test]
fn the_scenes_are_of_all_kinds() {
    let mut runner = TestRunner::deterministic();
    let (mut secrets, mut hits, mut authorized) = (0, 0, 0);
    for _ in 0..300 {
        let scene = scene().new_tree(&mut runner).unwrap().current();
        secrets += usize::from(scene.is_secret("GET", false));
        let runtime = Runtime::new().unwrap();
        let (hit, known) = runtime.block_on(async {
            let site = origin(&scene);
            site.get("/a").await;
            let credentials = [("authorization", "Bearer 2")];
            let known = site.ask(get("/a", &credentials)).await;
            (site.get("/a").await, known)
        });
        hits += usize::from(hit.outcome == Some(Outcome::Hit));
        authorized += usize::from(known.outcome == Some(Outcome::Hit));
    }
    assert!(secrets > 60, "{secrets}");
    assert!(hits > 30, "{hits}");
    assert!(authorized > 10, "{authorized}");
}

/// The fields but for those that a cache has to write.
fn comparable(got: &Got) -> Vec<(String, String)> {
    let own = ["age", "cache-status", "date"];
    let fields = got
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()));
    fields
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn what_strangers_may_have_is_not_what_credentials_would_get() {
    let by = |control: &'static str| {
        Site::new(move |seen| {
            let who = seen.field("authorization").unwrap_or("nobody").to_owned();
            response(200, &[("cache-control", control)], who)
        })
    };
    let site = by("max-age=60");
    site.get("/a").await;
    let known = site.ask(get("/a", &[("authorization", "me")])).await;
    assert_eq!(known.text(), "me");
    // Of this one the upstream says that it is for everybody.
    let site = by("max-age=60, public");
    site.get("/a").await;
    let known = site.ask(get("/a", &[("authorization", "me")])).await;
    assert_eq!(known.text(), "nobody");
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_makes_it_private_ends_it() {
    for field in [
        ("cache-control", "private"),
        ("set-cookie", "session=1"),
        ("vary", "*"),
    ] {
        let site = Site::new(move |seen| match seen.field("if-none-match") {
            Some(_) => response(304, &[("etag", "\"a\""), field], ""),
            None => response(
                200,
                &[
                    ("cache-control", "max-age=5, stale-if-error=99"),
                    ("etag", "\"a\""),
                ],
                "body",
            ),
        });
        site.get("/a").await;
        tokio::time::advance(Duration::from_secs(6)).await;
        let own = site.get("/a").await;
        assert_eq!((own.status.as_u16(), own.text()), (200, "body"));
        assert_eq!(own.field(field.0), Some(field.1));
        let other = site.get("/a").await;
        assert_eq!(other.outcome, Some(Outcome::Miss), "{field:?}");
        assert_eq!(other.field("set-cookie"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_validate_do_not_take_it_from_others() {
    let site = Site::new(|seen| match seen.field("if-none-match") {
        Some(_) => response(
            304,
            &[("etag", "\"a\""), ("cache-control", "max-age=5")],
            "",
        ),
        None => response(
            200,
            &[("cache-control", "max-age=5"), ("etag", "\"a\"")],
            "body",
        ),
    });
    site.get("/a").await;
    tokio::time::advance(Duration::from_secs(6)).await;
    // Not even the validator of what was said to strangers is sent with them.
    site.ask(get("/a", &[("authorization", "me")])).await;
    assert_eq!(site.seen()[1].field("if-none-match"), None);
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Revalidated));
}

/// Without a word of the upstream a page may be one user's, and a 304 would give it to the next one.
#[tokio::test]
async fn a_page_that_nobody_marked_is_given_to_no_other_user() {
    const MODIFIED: (&str, &str) = ("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT");
    const TAG: (&str, &str) = ("etag", "\"template\"");
    for (fields, known_by) in [
        (&[MODIFIED][..], "cookie"),
        (&[MODIFIED], "x-user"),
        (&[MODIFIED, ("cache-control", "no-cache")], "cookie"),
        (&[MODIFIED, ("cache-control", "max-age=0")], "x-user"),
        (&[MODIFIED, TAG], "cookie"),
        (&[TAG, ("cache-control", "no-cache")], "cookie"),
        (
            &[TAG, ("cache-control", "max-age=0, must-revalidate")],
            "authorization",
        ),
    ] {
        let site = Site::new(move |seen| {
            let asked = ["if-modified-since", "if-none-match"];
            if asked.iter().any(|name| seen.headers.contains_key(*name)) {
                return response(304, fields, "");
            }
            response(200, fields, seen.field(known_by).unwrap().to_owned())
        });
        for user in ["alice", "bob", "alice"] {
            let got = site.ask(get("/me", &[(known_by, user)])).await;
            assert_eq!(got.text(), user, "{fields:?} {known_by}");
        }
        assert_eq!(site.cache.stats().stored, 0, "{fields:?} {known_by}");
    }
}

/// What a stranger got is validated for all by its tag, and a user's own page does not take its place.
#[tokio::test]
async fn a_user_validates_the_page_of_strangers() {
    let site = Site::new(|seen| {
        let (body, tag) = match seen.field("cookie") {
            Some("user=alice") => ("alice's", "\"alice\""),
            _ => ("everybody's", "\"all\""),
        };
        if seen.field("if-none-match") == Some(tag) {
            return response(304, &[("etag", tag)], "");
        }
        response(200, &[("etag", tag)], body)
    });
    site.get("/a").await;
    for (cookie, outcome, text) in [
        ("tracked=1", Outcome::Revalidated, "everybody's"),
        ("tracked=2", Outcome::Revalidated, "everybody's"),
        ("user=alice", Outcome::Miss, "alice's"),
        ("tracked=3", Outcome::Miss, "everybody's"),
    ] {
        let got = site.ask(get("/a", &[("cookie", cookie)])).await;
        assert_eq!((got.outcome, got.text()), (Some(outcome), text), "{cookie}");
    }
    // The first one shows that it may be stored again, and the second one is stored.
    site.get("/a").await;
    site.get("/a").await;
    site.ask(request("HEAD", "/a", &[("cookie", "tracked=4")]))
        .await;
    assert_eq!(site.get("/a").await.outcome, Some(Outcome::Revalidated));
}
