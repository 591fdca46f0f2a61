//! The expectations of a case about a response.

use serde_json::Value;

use crate::browser::Response;

/// All that the response is not as it should be.
pub(crate) fn complaints(expect: &Value, response: &Response) -> Vec<String> {
    let mut all = Vec::new();
    for (key, wanted) in expect.as_object().expect("an object") {
        let met = match key.as_str() {
            "reached" => response.has("x-app") == wanted.as_bool().unwrap(),
            "status" => status(wanted, response.status.as_u16()),
            "cors_check" => each(wanted).iter().all(|c| {
                response.passes_cors_check(text(c, "origin"), flag(c, "credentials")) == passes(c)
            }),
            "preflight" => each(wanted).iter().all(|c| {
                let (origin, method) = (text(c, "origin"), text(c, "method"));
                let names = c.get("headers").map(strings).unwrap_or_default();
                response.passes_preflight(origin, method, &names, flag(c, "credentials"))
                    == passes(c)
            }),
            "exposed" => exposes(wanted, response, true),
            "not_exposed" => exposes(wanted, response, false),
            "max_age" => response.max_age() == wanted.as_u64().unwrap(),
            "vary" => {
                let varies = response.tokens("vary");
                strings(wanted)
                    .iter()
                    .all(|name| varies.contains(name) || varies.iter().any(|v| v == "*"))
            }
            "vary_keeps" => strings(wanted)
                .iter()
                .all(|name| response.tokens("vary").contains(name)),
            "no_vary" => !strings(wanted)
                .iter()
                .any(|name| response.tokens("vary").contains(name)),
            "headers" => {
                let rules = wanted.as_object().unwrap();
                rules
                    .iter()
                    .all(|(name, rule)| header(name, rule, response))
            }
            "no_length_on_204" => {
                response.status != 204
                    || !(response.has("content-length") || response.has("transfer-encoding"))
            }
            "any_of" => each(wanted)
                .iter()
                .any(|one| complaints(one, response).is_empty()),
            // Of servers, over a socket.
            "max_ms" => true,
            unknown => panic!("unknown expectation {unknown}"),
        };
        if !met {
            all.push(format!("{key}: {wanted}, got {response:?}"));
        }
    }
    all
}

fn header(name: &str, rule: &Value, response: &Response) -> bool {
    let value = response.get(name);
    let one_of = |wanted: &Value| value.as_ref().is_some_and(|v| strings(wanted).contains(v));
    rule.as_object()
        .unwrap()
        .iter()
        .all(|(key, wanted)| match key.as_str() {
            "equals" => value.as_deref() == wanted.as_str(),
            "absent" => value.is_none(),
            "in" => one_of(wanted),
            "absent_or_in" => value.is_none() || one_of(wanted),
            "one_line" => response.lines(name).len() == 1,
            "wellformed" => response.extract(name).is_ok(),
            "tokens_include" => strings(wanted)
                .iter()
                .all(|t| response.tokens(name).contains(&t.to_lowercase())),
            "tokens_exclude" => !strings(wanted)
                .iter()
                .any(|t| response.tokens(name).contains(&t.to_lowercase())),
            "max_len" => value
                .as_ref()
                .is_none_or(|v| v.len() as u64 <= wanted.as_u64().unwrap()),
            unknown => panic!("unknown rule {unknown}"),
        })
}

fn status(wanted: &Value, status: u16) -> bool {
    match wanted {
        Value::String(first_digit) => status.to_string().starts_with(first_digit.as_str()),
        Value::Array(any) => any.iter().any(|one| one.as_u64() == Some(status.into())),
        one => one.as_u64() == Some(status.into()),
    }
}

fn exposes(wanted: &Value, response: &Response, shown: bool) -> bool {
    each(wanted).iter().all(|c| {
        let names = strings(&c["names"]);
        names
            .iter()
            .all(|name| response.exposes(name, flag(c, "credentials")) == shown)
    })
}

/// One thing or a list of them.
fn each(value: &Value) -> Vec<&Value> {
    value
        .as_array()
        .map_or_else(|| vec![value], |list| list.iter().collect())
}

fn strings(value: &Value) -> Vec<String> {
    each(value)
        .into_iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn flag(value: &Value, key: &str) -> bool {
    value[key].as_bool().unwrap()
}

fn passes(value: &Value) -> bool {
    value["result"] == "pass"
}
