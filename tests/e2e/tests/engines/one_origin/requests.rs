//! Methods, bodies and headers that cost a preflight everywhere else.

use serde_json::{Value, json};

use super::{Protocol, Site};
use crate::gateway::ORIGIN;
use crate::network::requests;

pub async fn none_is_preflighted(protocol: Protocol) {
    let site = Site::start(protocol).await;
    let json = json!([["content-type", "application/json"]]);
    let token = json!([["authorization", "Bearer token"], ["x-request-id", "7"]]);
    let all = [
        ("GET", token.clone(), Value::Null, "fetch"),
        ("HEAD", token.clone(), Value::Null, "fetch"),
        ("POST", json.clone(), json!("{\"a\":1}"), "fetch"),
        ("PUT", json.clone(), json!("{\"a\":2}"), "fetch"),
        ("PATCH", json, json!("{\"a\":3}"), "fetch"),
        ("DELETE", token, Value::Null, "fetch"),
        ("POST", json!([]), json!("with a listener"), "xhr"),
    ];
    for (method, headers, body, kind) in &all {
        let url = "/api/obey/here?s=200";
        let step = json!({
            "kind": kind, "method": method, "url": url, "headers": headers, "body": body,
            "credentials": "same-origin",
        });
        assert_eq!(site.fetch(step).await["status"], 200, "{method}");
    }

    let arrived = site.arrived();
    let methods: Vec<_> = arrived.iter().map(|request| &*request.method).collect();
    assert_eq!(methods, all.each_ref().map(|(method, ..)| *method));
    for (request, (_, headers, ..)) in arrived.iter().zip(&all) {
        assert_eq!(request.path, "/prod/obey/here");
        for header in headers.as_array().expect("pairs") {
            let name = header[0].as_str().expect("a name");
            assert_eq!(
                request.header(name).as_deref(),
                header[1].as_str(),
                "{request:?}"
            );
        }
        // Fetch #append-a-request-origin-header: a same-origin GET has none.
        let origin = !matches!(&*request.method, "GET" | "HEAD");
        let origin = origin.then(|| ORIGIN.to_owned());
        assert_eq!(request.header("origin"), origin, "{request:?}");
        let via = format!("{} same-origin", protocol.via());
        assert_eq!(request.header("via"), Some(via), "{request:?}");
    }

    // Nor did the browser send any that did not get so far.
    let sent = requests(&site.browser).await;
    let to_api: Vec<_> = sent
        .iter()
        .filter(|sent| sent.url.contains("/api/"))
        .collect();
    assert_eq!(to_api.len(), all.len());
    assert!(
        sent.iter().all(|sent| sent.method != "OPTIONS"),
        "{sent:#?}"
    );
}
