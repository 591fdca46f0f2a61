//! The values of a block's keys, out of the quotes that they are written in.

use super::node::{Node, Value};
use super::places::Kind;
use super::problem::Problem;

/// One member of a list, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) text: String,
    pub(super) key: String,
    pub(super) line: usize,
}

const LATER: (&str, &str) = (
    "is known only when the template is deployed",
    "write the value itself, or give the function its policy in its environment",
);

pub(super) fn unknown(node: &Node<'_>, value: &Value<'_>) -> Problem {
    Problem::new(node.line, &node.key, LATER.0, LATER.1).with_value(value.shown())
}

fn wrong(node: &Node<'_>, value: &Value<'_>, reason: &str, remedy: &str) -> Problem {
    Problem::new(node.line, &node.key, reason, remedy).with_value(value.shown())
}

/// The text between the inner quotes. Without them API Gateway takes a text for a mapping, and
/// `method.request.header.Origin` is one that allows everybody.
fn unquoted<'a>(node: &Node<'a>, text: &'a str) -> Result<&'a str, Problem> {
    let inner = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    inner.ok_or_else(|| {
        wrong(
            node,
            &Value::Text(text),
            "is not in a second pair of quotes, so that API Gateway takes it for a mapping",
            &format!("write \"'{}'\"", text.trim_matches('\'')),
        )
    })
}

/// A list, in the way of the block's kind.
pub(super) fn list(node: &Node<'_>, kind: Kind) -> Result<Vec<Member>, Vec<Problem>> {
    let member = |text: &str, node: &Node<'_>| Member {
        text: text.to_owned(),
        key: node.key.clone(),
        line: node.line,
    };
    match (kind, node.value()) {
        (_, value @ Value::Unknown(_)) => Err(vec![unknown(node, &value)]),
        (Kind::Quoted, Value::Text(text)) => {
            let inner = unquoted(node, text).map_err(|problem| vec![problem])?;
            let members = inner
                .split(',')
                .map(str::trim)
                .filter(|text| !text.is_empty());
            Ok(members.map(|text| member(text, node)).collect())
        }
        (Kind::Quoted, value) => {
            let reason = "is not a text";
            let remedy = "write one text with all members, such as \"'GET,PUT'\"";
            Err(vec![wrong(node, &value, reason, remedy)])
        }
        (_, Value::List(nodes)) => {
            let mut problems = Vec::new();
            let mut members = Vec::new();
            for node in &nodes {
                match node.value() {
                    Value::Text(text) => members.push(member(text, node)),
                    value @ Value::Unknown(_) => problems.push(unknown(node, &value)),
                    value => problems.push(wrong(node, &value, "is not a text", "quote it")),
                }
            }
            if problems.is_empty() {
                Ok(members)
            } else {
                Err(problems)
            }
        }
        (_, value) => {
            let reason = "is not a list";
            Err(vec![wrong(node, &value, reason, "write a list of texts")])
        }
    }
}

/// The origin of a REST API, which is one.
pub(super) fn origin(node: &Node<'_>) -> Result<Vec<Member>, Vec<Problem>> {
    let members = list(node, Kind::Quoted)?;
    if members.len() == 1 {
        return Ok(members);
    }
    Err(vec![wrong(
        node,
        &node.value(),
        "is not one origin, and no browser takes a list in Access-Control-Allow-Origin",
        "allow one, and the others in the policy of the function",
    )])
}

/// A number of seconds.
pub(super) fn seconds(node: &Node<'_>, kind: Kind) -> Result<u64, Vec<Problem>> {
    let value = node.value();
    let number = match (&value, kind) {
        (Value::Unknown(_), _) => return Err(vec![unknown(node, &value)]),
        (Value::Text(text), Kind::Quoted) => {
            let text = unquoted(node, text).map_err(|problem| vec![problem])?;
            text.trim().parse().ok()
        }
        (Value::Number(number), Kind::Quoted) => {
            let remedy = format!("write \"'{number}'\"");
            let reason =
                "is not in a second pair of quotes, so that API Gateway takes it for a mapping";
            return Err(vec![wrong(node, &value, reason, &remedy)]);
        }
        (Value::Number(number), _) => u64::try_from(*number).ok(),
        _ => None,
    };
    let remedy = match kind {
        Kind::Quoted => "write \"'600'\"",
        Kind::Http | Kind::FunctionUrl => "write 600",
    };
    number.ok_or_else(|| vec![wrong(node, &value, "is not a number of seconds", remedy)])
}

/// A switch; CloudFormation takes texts for it, too.
pub(super) fn switch(node: &Node<'_>) -> Result<bool, Vec<Problem>> {
    match node.value() {
        Value::Bool(on) => Ok(on),
        Value::Text("true") => Ok(true),
        Value::Text("false") => Ok(false),
        value @ Value::Unknown(_) => Err(vec![unknown(node, &value)]),
        value => Err(vec![wrong(
            node,
            &value,
            "is not a switch",
            "write true or false",
        )]),
    }
}
