//! Answers from memory are what the upstream would have said: to whatever request, byte for byte.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::Frame;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use same_origin::cache::Outcome;
use tokio::runtime::Runtime;

use crate::support::{Got, Seen, Site, frames, get};

/// An answer that may be kept, of anything that a head and a body can hold.
#[derive(Clone, Debug)]
struct Said {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    chunks: Vec<Vec<u8>>,
    trailers: Vec<(String, Vec<u8>)>,
}

fn field() -> impl Strategy<Value = (String, Vec<u8>)> {
    // Few names, so that there are lines of one name; all bytes of values (RFC 9110 5.5).
    let name = prop::sample::select(vec![
        "x-a",
        "x-b",
        "link",
        "server",
        "etag",
        "content-type",
        "date",
        "via",
        "warning",
        "cache-status",
    ]);
    let byte = prop_oneof![4 => 0x21_u8..0x7f, 1 => 0x80_u8.., 1 => Just(b' '), 1 => Just(b',')];
    let value = prop::collection::vec(byte, 0..20).prop_map(|value| value.trim_ascii().to_vec());
    (name.prop_map(str::to_owned), value)
}

fn said() -> impl Strategy<Value = Said> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    (
        prop::sample::select(vec![200_u16, 203, 299, 301, 404, 410, 503]),
        prop::collection::vec(field(), 0..8),
        prop::collection::vec(bytes, 0..5),
        prop::collection::vec(field(), 0..3),
    )
        .prop_map(|(status, fields, chunks, trailers)| Said {
            status,
            fields,
            chunks,
            trailers,
        })
}

fn map(fields: &[(String, Vec<u8>)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    map
}

impl Said {
    fn response(&self) -> Response<Body> {
        let chunks = self.chunks.iter().cloned();
        let chunks = chunks.map(|chunk| Ok(Frame::data(Bytes::from(chunk))));
        let trailers =
            (!self.trailers.is_empty()).then(|| Ok(Frame::trailers(map(&self.trailers))));
        let mut response = Response::new(frames(chunks.chain(trailers)));
        *response.status_mut() = self.status.try_into().unwrap();
        *response.headers_mut() = map(&self.fields);
        let fresh = HeaderValue::from_static("max-age=600");
        response.headers_mut().append("cache-control", fresh);
        response
    }

    /// Asks twice; gives the outcome of the second time.
    async fn compare(&self) -> Result<Option<Outcome>, TestCaseError> {
        let said = self.clone();
        let site = Site::new(move |_| said.response());
        site.get("/a").await;
        let second = site.get("/a").await;
        let bare = Got::of(self.response()).await;
        prop_assert_eq!(second.status, bare.status);
        prop_assert_eq!(&second.body, &bare.body);
        prop_assert_eq!(&second.trailers, &bare.trailers);
        // Of its own fields the cache adds a line, and writes a date where there is none.
        let lines = |headers: &HeaderMap| {
            let mut headers = headers.clone();
            headers.remove("age");
            if !bare.headers.contains_key("date") {
                headers.remove("date");
            }
            let names: Vec<_> = headers.keys().cloned().collect();
            let of = |name: HeaderName| {
                let values: Vec<_> = headers.get_all(&name).iter().cloned().collect();
                (name.to_string(), values)
            };
            let mut lines: Vec<_> = names.into_iter().map(of).collect();
            lines.sort();
            lines
        };
        let mut expected = bare.headers.clone();
        let own = second.headers.get_all("cache-status").iter().next_back();
        expected.append("cache-status", own.cloned().unwrap());
        prop_assert_eq!(lines(&second.headers), lines(&expected));
        Ok(second.outcome)
    }
}

/// A client's fields: those that a key has, and those that it may not have.
type Fields = Vec<(&'static str, &'static str)>;

const IN_KEY: [&str; 5] = [
    "host",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
];

fn client() -> impl Strategy<Value = Fields> {
    let names = IN_KEY.into_iter().chain([
        "x-forwarded-for",
        "x-real-ip",
        "via",
        "cookie",
        "origin",
        "accept-language",
        "x-original-url",
        "x-host",
    ]);
    let names: Vec<_> = names.collect();
    let most = names.len();
    let values = prop::collection::vec(prop::sample::select(vec!["a", "b"]), most);
    let names = prop::sample::subsequence(names, 0..=4);
    (names, values).prop_map(|(names, values)| names.into_iter().zip(values).collect())
}

/// Fields by which an upstream makes its answer, beside those of the key: it names them.
fn vary() -> impl Strategy<Value = Vec<&'static str>> {
    let names = vec![
        "x-forwarded-for",
        "via",
        "cookie",
        "origin",
        "x-original-url",
        "x-host",
    ];
    prop::sample::subsequence(names, 0..=2)
}

/// An upstream that believes all that is in the key, and all that it names.
fn believing(vary: &[&'static str]) -> impl Fn(&Seen) -> Response<Body> + use<> {
    let (believed, named): (Vec<_>, _) = (
        IN_KEY.iter().chain(vary).copied().collect(),
        vary.join(", "),
    );
    move |seen| {
        let lines = believed
            .iter()
            .map(|name| format!("{name}: {:?}\n", seen.field(name)));
        let text: String = lines.collect();
        crate::support::response(
            200,
            &[("cache-control", "max-age=600"), ("vary", &named)],
            text,
        )
    }
}

/// Each of some clients, one after the other, and then all of them again.
async fn ask_all(clients: &[Fields], vary: &[&'static str]) -> Result<usize, TestCaseError> {
    let site = Site::new(believing(vary));
    let bare = Site::new(believing(vary));
    let mut hits = 0;
    for (number, client) in clients.iter().chain(clients).enumerate() {
        let got = site.ask(get("/a", client)).await;
        // A target of its own is always asked for.
        let wanted = bare.ask(get(&format!("/{number}"), client)).await;
        prop_assert_eq!(got.text(), wanted.text());
        hits += usize::from(got.outcome == Some(Outcome::Hit));
    }
    Ok(hits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_hit_is_the_upstreams_answer_byte_for_byte(said in said()) {
        Runtime::new().unwrap().block_on(said.compare())?;
    }

    #[test]
    fn whatever_clients_send_each_gets_its_own_answer(
        clients in prop::collection::vec(client(), 1..5),
        vary in vary(),
    ) {
        Runtime::new().unwrap().block_on(ask_all(&clients, &vary))?;
    }
}

/// A property of a cache that stores nothing would hold, too.
#[tokio::test]
async fn most_of_what_the_properties_look_at_comes_from_memory() {
    let mut runner = TestRunner::deterministic();
    let (mut hits, mut answered) = (0, 0);
    for _ in 0..100 {
        let said = said().new_tree(&mut runner).unwrap().current();
        let outcome = said.compare().await.unwrap();
        hits += usize::from(outcome == Some(Outcome::Hit));
        let clients = prop::collection::vec(client(), 1..5);
        let clients = clients.new_tree(&mut runner).unwrap().current();
        let vary = vary().new_tree(&mut runner).unwrap().current();
        answered += ask_all(&clients, &vary).await.unwrap();
    }
    assert!(hits > 60, "{hits}");
    assert!(answered > 100, "{answered}");
}
