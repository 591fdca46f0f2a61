//! Requests on the wire, as Chromium's own network log has them (the DevTools protocol's `Network`),
//! with the preflights that no page gets to see.

use std::collections::HashMap;

use serde_json::Value;

use crate::browsers::chromium::Chromium;

/// A request as the browser sent it; each hop of a redirect is one.
#[derive(Clone, Debug, Default)]
#[allow(dead_code, reason = "not all who look at requests look at connections")]
pub struct Sent {
    pub method: String,
    pub url: String,
    pub is_preflight: bool,
    /// Whether it had to wait for a connection of its own.
    pub connected: bool,
}

/// The requests since the last call, in the order in which they were sent.
pub async fn requests(browser: &Chromium) -> Vec<Sent> {
    let mut all: Vec<Sent> = Vec::new();
    let mut last: HashMap<String, usize> = HashMap::new();
    for event in browser.network().await {
        let params = &event["params"];
        let id = params["requestId"].as_str().unwrap_or_default().to_owned();
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                if let Some(&hop) = last.get(&id) {
                    all[hop].answered(&params["redirectResponse"]);
                }
                last.insert(id, all.len());
                all.push(Sent::new(params));
            }
            Some("Network.responseReceived") => {
                if let Some(&hop) = last.get(&id) {
                    all[hop].answered(&params["response"]);
                }
            }
            _ => {}
        }
    }
    all
}

impl Sent {
    fn new(params: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            method: text(&params["request"]["method"]),
            url: text(&params["request"]["url"]),
            is_preflight: params["initiator"]["type"] == "preflight",
            connected: false,
        }
    }

    fn answered(&mut self, response: &Value) {
        self.connected = response["connectionReused"] == false;
    }
}
