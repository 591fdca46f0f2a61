//! The CORS vectors through the four front doors: the answers are those over a socket, and right.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;
use same_origin::cors::CorsBuilder;
use serde_json::{Value, json};

use crate::browser::Response as Browser;
use crate::expect::complaints;
use crate::runtime_api::Function;
use crate::shapes::{Asked, SHAPES, STAGE, Shape};
use crate::socket::Server;

const BINARY: &str = env!("CARGO_BIN_EXE_vectors_app");

fn groups() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/cors/behaviour");
    let paths = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = paths.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path| serde_json::from_slice::<Vec<Value>>(&std::fs::read(path).unwrap()).unwrap();
    paths.into_iter().flat_map(read).collect()
}

/// The requests of a case; what the application is to answer is in the query.
fn asked(case: &Value) -> Vec<Asked> {
    let requests = match case.get("requests") {
        Some(requests) => requests.as_array().unwrap().clone(),
        None => vec![case["request"].clone()],
    };
    let one = |request: Value| {
        let of = |key: &str| request.get(key).or_else(|| case.get(key)).cloned();
        let inner = json!({"status": of("inner_status"), "headers": of("inner_headers")});
        let value = |value: &Value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => {
                let part = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
                let times = usize::try_from(value["times"].as_u64().unwrap()).unwrap();
                [part("prefix"), part("repeat").repeat(times), part("suffix")].concat()
            }
        };
        let fields = request["headers"].as_array().unwrap().iter();
        let fields = fields.map(|field| {
            // As parsers leave it.
            let value = value(&field[1]).trim_matches([' ', '\t']).to_owned();
            (field[0].as_str().unwrap().to_owned(), value)
        });
        Asked {
            method: request["method"].as_str().unwrap().to_owned(),
            path: format!("/t/{}", case["id"].as_str().unwrap()),
            query: format!("inner={}", URL_SAFE_NO_PAD.encode(inner.to_string())),
            fields: fields.collect(),
            body: String::new(),
        }
    };
    requests.into_iter().map(one).collect()
}

type Comparable = (u16, BTreeMap<String, Vec<String>>, String);

/// A response without the fields of its connection and with one line for each header.
fn comparable(response: &Response<Vec<u8>>) -> Comparable {
    let of_connection = [
        "connection",
        "content-length",
        "date",
        "transfer-encoding",
        "via",
    ];
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in response.headers() {
        if !of_connection.contains(&name.as_str()) {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            fields.entry(name.to_string()).or_default().push(value);
        }
    }
    for (name, lines) in &mut fields {
        if name != "set-cookie" {
            *lines = vec![lines.join(", ")];
        }
    }
    let body = String::from_utf8_lossy(response.body()).into_owned();
    (response.status().as_u16(), fields, body)
}

/// All that differs between a door and the socket, for one policy.
async fn failures(group: &Value, counts: &mut [usize; 4]) -> Vec<String> {
    let settings: CorsBuilder = match serde_json::from_value(group["policy"].clone()) {
        Ok(settings) => settings,
        Err(error) => return vec![format!("{}: {error}", group["policy"])],
    };
    if settings.build().is_err() {
        let may_reject = group["may_reject"].as_bool() == Some(true);
        return if may_reject {
            Vec::new()
        } else {
            vec![format!("refused: {}", group["policy"])]
        };
    }
    let policy = group["policy"].to_string();
    let variables = [("CORS", policy.as_str())];
    let (function, server) = (
        Function::start(BINARY, &variables).await,
        Server::start(BINARY, &variables),
    );
    let mut failures = Vec::new();
    for case in group["cases"].as_array().unwrap() {
        for (shape, count) in SHAPES.into_iter().zip(&mut *counts) {
            *count += 1;
            failures.extend(differences(case, shape, &function, &server).await);
        }
    }
    failures
}

async fn differences(
    case: &Value,
    shape: Shape,
    function: &Function,
    server: &Server,
) -> Vec<String> {
    let mut failures = Vec::new();
    let malformed = case["malformed"].as_bool() == Some(true);
    let requests = asked(case);
    let mut last = None;
    for request in &requests {
        let Some(expected) = server.send(request).await else {
            assert!(malformed, "no request: {case}");
            return failures;
        };
        let answer = match function.invoke(shape.event(request)).await {
            Ok(answer) => shape.response(&answer),
            Err(error) => {
                failures.push(format!("{shape:?} {}: {error}", case["id"]));
                continue;
            }
        };
        let (got, mut wanted) = (comparable(&answer), comparable(&expected));
        if let (Shape::Rest | Shape::Http, Some(to)) = (shape, wanted.1.get_mut("location")) {
            // The one thing that is not the same: it is below the stage.
            if to[0].starts_with('/') {
                to[0].insert_str(0, &format!("/{STAGE}"));
            }
        }
        // A server may refuse a malformed one before the router sees it.
        if got != wanted && !(malformed && expected.status().is_client_error()) {
            failures.push(format!(
                "{shape:?} {}:\n  {got:?}\nnot {wanted:?}",
                case["id"]
            ));
        }
        last = Some(answer);
    }
    // The behaviour of a shared cache over a sequence is of the layer, and tested there.
    if let (Some(answer), false, 1) = (last, malformed, requests.len()) {
        for complaint in complaints(&case["expect"], &Browser::new(&answer)) {
            failures.push(format!("{shape:?} {}: {complaint}", case["id"]));
        }
    }
    failures
}

#[tokio::test]
async fn every_door_answers_the_vectors_as_a_socket_does() {
    // Groups whose policies a strict builder refuses are not run.
    let mut counts = [0; 4];
    let mut all = Vec::new();
    for group in groups() {
        all.extend(failures(&group, &mut counts).await);
    }
    assert!(
        counts.iter().all(|count| *count >= 733),
        "only {counts:?} cases were run"
    );
    assert!(
        all.is_empty(),
        "{} failures:\n{}",
        all.len(),
        all.join("\n")
    );
}
