//! Demands on an answer, and on what the upstream saw.

use http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderMap};
use http::{Request, Response};
use serde_json::Value;

use super::Asked;
use super::world::put;

pub(super) fn allows_status(expect: &Value, status: u16) -> bool {
    let is_it = |value: &Value| value.as_u64() == Some(u64::from(status));
    expect["status"]
        .as_array()
        .is_some_and(|list| list.iter().any(is_it))
}

/// The first complaint.
pub(super) fn check(
    expect: &Value,
    asked: &Asked,
    response: &Response<String>,
    seen: &[Request<String>],
) -> Result<(), String> {
    if let Some(tries) = expect["any_of"].as_array() {
        let complaints: Vec<_> = tries
            .iter()
            .filter_map(|expect| check(expect, asked, response, seen).err())
            .collect();
        let all_fail = complaints.len() == tries.len();
        return if all_fail {
            Err(complaints.join(" | "))
        } else {
            Ok(())
        };
    }
    let verdict = expect["verdict"].as_str().expect("a verdict");
    let status = response.status().as_u16();
    let usual: &[u16] = match verdict {
        "pass" => &[200],
        "tunnel" => &[101, 200],
        "refused" => &[403],
        "misdirected" => &[421],
        _ => &[],
    };
    let is_right = match &expect["status"] {
        Value::Array(_) => allows_status(expect, status),
        _ => usual.is_empty() || usual.contains(&status),
    };
    let forbidden = expect["status_not"].as_array().into_iter().flatten();
    let is_forbidden = forbidden
        .into_iter()
        .any(|code| code.as_u64() == Some(status.into()));
    if !is_right || is_forbidden {
        return Err(format!("status {status}"));
    }
    let reach = matches!(verdict, "pass" | "tunnel");
    if seen.len() != usize::from(reach) {
        return Err(format!("the upstream was asked {} times", seen.len()));
    }
    if let [request] = seen {
        upstream(expect, asked, request, verdict)?;
    }
    fields(&expect["headers"], response.headers())?;
    discloses(expect, response)?;
    cors(expect, response.headers())
}

fn upstream(
    expect: &Value,
    asked: &Asked,
    request: &Request<String>,
    verdict: &str,
) -> Result<(), String> {
    let body = asked
        .body
        .as_ref()
        .map(super::Text::get)
        .unwrap_or_default();
    let method = if asked.websocket {
        "GET"
    } else {
        &asked.method
    };
    if request.method() != method || *request.body() != body {
        return Err(String::from("the upstream saw another method or body"));
    }
    let is_upgrade = request.headers().contains_key("upgrade") || asked.websocket;
    if is_upgrade != (verdict == "tunnel") {
        return Err(String::from("an upgrade, or none"));
    }
    for name in ["origin", "sec-fetch-site"] {
        let sent = asked
            .headers
            .iter()
            .filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
        let sent: Vec<_> = sent.map(|(_, value)| put(value.get().trim())).collect();
        let got = request.headers().get_all(name).iter();
        let got: Vec<_> = got
            .map(|value| value.to_str().unwrap_or_default().trim())
            .collect();
        if expect["upstream"].get(name).is_none() && sent != got {
            return Err(format!(
                "the upstream saw {name} {got:?}, sent was {sent:?}"
            ));
        }
    }
    fields(&expect["upstream"], request.headers())
}

fn fields(rules: &Value, headers: &HeaderMap) -> Result<(), String> {
    for (name, rule) in rules.as_object().into_iter().flatten() {
        let lines: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap_or_default())
            .collect();
        let value = (!lines.is_empty()).then(|| lines.join(", "));
        let text = |rule: &str| put(rule);
        for (kind, want) in rule.as_object().expect("rules") {
            let holds = match (kind.as_str(), want) {
                ("equals", Value::String(want)) => value == Some(text(want)),
                ("not_equals", Value::String(want)) => value != Some(text(want)),
                ("absent", _) => value.is_none(),
                ("starts_with", Value::String(want)) => value
                    .as_deref()
                    .is_some_and(|value| value.starts_with(want)),
                ("in", Value::Array(list)) => {
                    list.iter().any(|want| value.as_deref() == want.as_str())
                }
                ("tokens_include", Value::Array(list)) => list.iter().all(|want| {
                    let mut tokens = lines.iter().flat_map(|line| line.split(','));
                    let want = want.as_str().expect("a token");
                    tokens.any(|token| token.trim().eq_ignore_ascii_case(want))
                }),
                _ => panic!("{kind} is not known"),
            };
            if !holds {
                return Err(format!(
                    "{name} is {value:?}, and {kind} {want} does not hold"
                ));
            }
        }
    }
    Ok(())
}

fn discloses(expect: &Value, response: &Response<String>) -> Result<(), String> {
    let whole = format!("{:?} {}", response.headers(), response.body());
    for text in expect["discloses_not"].as_array().into_iter().flatten() {
        let text = put(text.as_str().expect("a text"));
        if whole.contains(&text) {
            return Err(format!("the answer discloses {text:?}"));
        }
    }
    Ok(())
}

/// Fetch #cors-check.
fn cors(expect: &Value, headers: &HeaderMap) -> Result<(), String> {
    for check in expect["cors_check"].as_array().into_iter().flatten() {
        let credentials = check["credentials"] == true;
        let origin = check["origin"].as_str().expect("an origin");
        let passes = match headers.get(ACCESS_CONTROL_ALLOW_ORIGIN) {
            None => false,
            Some(value) if value == "*" => !credentials,
            Some(value) => {
                let allowed = headers.get(ACCESS_CONTROL_ALLOW_CREDENTIALS);
                value == origin && (!credentials || allowed.is_some_and(|value| value == "true"))
            }
        };
        if passes != (check["result"] == "pass") {
            return Err(format!("the CORS check for {origin} passes: {passes}"));
        }
    }
    Ok(())
}
