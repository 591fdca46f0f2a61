//! The values of a block's keys, out of the quotes that they are written in.

use same_origin::origin::Origin;

use super::node::{Node, Value};
use super::places::Kind;
use super::problem::Problem;
use super::remedy::written;

/// One member of a list, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) text: String,
    pub(super) key: String,
    pub(super) line: usize,
}

const NOT_QUOTED: &str =
    "is not in a second pair of quotes, so that API Gateway takes it for a mapping";

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

/// A kind of values, for remedies.
pub(super) struct Sample {
    /// One that is right wherever it is written.
    example: &'static str,
    /// Whether a text is one.
    is_one: fn(&str) -> bool,
}

pub(super) const ORIGIN: Sample = Sample {
    example: "https://app.example.com",
    is_one: |text| text == "*" || text.parse::<Origin>().is_ok(),
};

pub(super) const METHODS: Sample = Sample {
    example: "GET,PUT",
    is_one: are_names,
};

pub(super) const HEADERS: Sample = Sample {
    example: "content-type,x-id",
    is_one: are_names,
};

const SECONDS: Sample = Sample {
    example: "600",
    is_one: |text| text.parse::<u64>().is_ok(),
};

/// Names, and not a mapping such as `method.request.header.Origin`.
fn are_names(text: &str) -> bool {
    let is_name = |name: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_*".contains(c);
        !name.is_empty() && name.chars().all(is_part)
    };
    text.split(',').map(str::trim).all(is_name)
}

/// The text between the inner quotes. Without them API Gateway takes a text for a mapping, and
/// `method.request.header.Origin` is one that allows everybody.
fn unquoted<'a>(node: &Node<'a>, text: &'a str, sample: &Sample) -> Result<&'a str, Problem> {
    let inner = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    inner.ok_or_else(|| {
        let bare = text.trim_matches(['\'', '"', ' ']);
        let remedy = match (sample.is_one)(bare) {
            true => format!("write {}", written(bare, Kind::Quoted)),
            false => format!(
                "write a value such as {}",
                written(sample.example, Kind::Quoted)
            ),
        };
        wrong(node, &Value::Text(text), NOT_QUOTED, &remedy)
    })
}

/// A list, in the way of the block's kind; the members that can be read of one that has problems.
pub(super) fn list(
    node: &Node<'_>,
    kind: Kind,
    sample: &Sample,
    problems: &mut Vec<Problem>,
) -> Vec<Member> {
    let member = |text: &str, node: &Node<'_>| Member {
        text: text.to_owned(),
        key: node.key.clone(),
        line: node.line,
    };
    match (kind, node.value()) {
        (_, value @ Value::Unknown(_)) => problems.push(unknown(node, &value)),
        (Kind::Quoted, Value::Text(text)) => match unquoted(node, text, sample) {
            Ok(inner) => {
                let members = inner.split(',').map(str::trim);
                let members = members.filter(|text| !text.is_empty());
                return members.map(|text| member(text, node)).collect();
            }
            Err(problem) => problems.push(problem),
        },
        (Kind::Quoted, value) => {
            let reason = "is not a text";
            let example = written(sample.example, kind);
            let remedy = format!("write one text with all members, such as {example}");
            problems.push(wrong(node, &value, reason, &remedy));
        }
        (_, Value::List(nodes)) => {
            let mut members = Vec::new();
            for node in &nodes {
                match node.value() {
                    Value::Text(text) => members.push(member(text, node)),
                    value @ Value::Unknown(_) => problems.push(unknown(node, &value)),
                    // In quotes it would be an origin that everybody has.
                    value @ Value::Null => {
                        problems.push(wrong(node, &value, "is not a text", "remove it"));
                    }
                    value => problems.push(wrong(node, &value, "is not a text", "quote it")),
                }
            }
            return members;
        }
        (_, value) => {
            let reason = "is not a list";
            problems.push(wrong(node, &value, reason, "write a list of texts"));
        }
    }
    Vec::new()
}

/// The origin of a REST API, which is one.
pub(super) fn origin(node: &Node<'_>, problems: &mut Vec<Problem>) -> Vec<Member> {
    let value = node.value();
    if !matches!(value, Value::Text(_) | Value::Unknown(_)) {
        let first = match &value {
            Value::List(nodes) => nodes.first().and_then(Node::text),
            _ => None,
        };
        let first = first.map(|text| text.trim_matches(['\'', '"', ' ']));
        let first = first.filter(|text| (ORIGIN.is_one)(text));
        let example = written(first.unwrap_or(ORIGIN.example), Kind::Quoted);
        let remedy = format!("write one origin, such as {example}");
        problems.push(wrong(node, &value, "is not a text", &remedy));
        return Vec::new();
    }
    let before = problems.len();
    let members = list(node, Kind::Quoted, &ORIGIN, problems);
    if members.len() == 1 || problems.len() > before {
        return members;
    }
    if members.is_empty() {
        let example = written(ORIGIN.example, Kind::Quoted);
        let remedy = format!("write one, such as {example}");
        problems.push(wrong(node, &value, "does not hold an origin", &remedy));
        return members;
    }
    problems.push(wrong(
        node,
        &value,
        "is not one origin, and no browser takes a list in Access-Control-Allow-Origin",
        "allow one, and the others in the policy of the function",
    ));
    Vec::new()
}

/// A number of seconds; CloudFormation takes texts for it, too.
pub(super) fn seconds(node: &Node<'_>, kind: Kind, problems: &mut Vec<Problem>) -> Option<u64> {
    let value = node.value();
    let number = match (&value, kind) {
        (Value::Unknown(_), _) => {
            problems.push(unknown(node, &value));
            return None;
        }
        (Value::Text(text), Kind::Quoted) => match unquoted(node, text, &SECONDS) {
            Ok(inner) => inner.trim().parse().ok(),
            Err(problem) => {
                problems.push(problem);
                return None;
            }
        },
        (Value::Number(_), Kind::Quoted) => {
            problems.push(wrong(node, &value, NOT_QUOTED, &in_seconds(&value, kind)));
            return None;
        }
        (Value::Text(text), _) => text.parse().ok(),
        (Value::Number(number), _) => u64::try_from(*number).ok(),
        _ => None,
    };
    if number.is_none() {
        let remedy = in_seconds(&value, kind);
        problems.push(wrong(node, &value, "is not a number of seconds", &remedy));
    }
    number
}

/// The remedy for a value that is not a number of seconds.
fn in_seconds(value: &Value<'_>, kind: Kind) -> String {
    let number = match value {
        Value::Number(number) => Some(*number),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e9 => Some(*number as i64),
        Value::Text(text) => text.trim_matches(['\'', ' ']).parse().ok(),
        _ => None,
    };
    // HTTP APIs take -1, at which browsers do not remember the answer.
    let number = number.map_or(600, |number| number.max(0)).to_string();
    match kind {
        Kind::Quoted => format!("write {}", written(&number, kind)),
        Kind::Http | Kind::FunctionUrl => format!("write {number}"),
    }
}

/// A switch; CloudFormation takes texts for it, too.
pub(super) fn switch(node: &Node<'_>, problems: &mut Vec<Problem>) -> bool {
    match node.value() {
        Value::Bool(on) => return on,
        Value::Text("true") => return true,
        Value::Text("false") => {}
        value @ Value::Unknown(_) => problems.push(unknown(node, &value)),
        value => {
            let remedy = "write true or false";
            problems.push(wrong(node, &value, "is not a switch", remedy));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use crate::template::read;

    #[test]
    fn a_number_that_is_not_whole_is_told_at_once() {
        for (kind, block, wanted) in [
            (
                "HttpApi",
                "CorsConfiguration: { AllowOrigins: ['*'], MaxAge: 1.5 }",
                "MaxAge: \"1.5\" is not a number of seconds: write 600",
            ),
            (
                "Api",
                "Cors: { MaxAge: 1.5 }",
                "MaxAge: \"1.5\" is not a number of seconds: write \"'600'\"",
            ),
            (
                "HttpApi",
                "CorsConfiguration: { AllowOrigins: ['*'], MaxAge: 6e2 }",
                "MaxAge: \"600.0\" is not a number of seconds: write 600",
            ),
            (
                "HttpApi",
                "CorsConfiguration: { AllowOrigins: ['*'], MaxAge: -1 }",
                "MaxAge: \"-1\" is not a number of seconds: write 0",
            ),
            (
                "Api",
                "Cors: { MaxAge: \"'-1'\" }",
                "MaxAge: \"'-1'\" is not a number of seconds: write \"'0'\"",
            ),
            (
                "HttpApi",
                "CorsConfiguration: { AllowOrigins: ['https://a.example', null] }",
                "AllowOrigins[1]: \"null\" is not a text: remove it",
            ),
            (
                "HttpApi",
                "CorsConfiguration: { AllowOrigins: [1.5] }",
                "AllowOrigins[0]: \"1.5\" is not a text: quote it",
            ),
            (
                "HttpApi",
                "CorsConfiguration: { AllowOrigins: ['*'], MaxAge: .nan }",
                "MaxAge: \"NaN\" is not a number of seconds",
            ),
            (
                "HttpApi",
                "CorsConfiguration: 1.5",
                "CorsConfiguration: \"1.5\" is not a CORS block",
            ),
        ] {
            let told = read(&format!("Resources: {{ It: {{ Type: AWS::Serverless::{kind}, Properties: {{ {block} }} }} }}"))
                .expect_err(block)
                .to_string();
            assert!(told.contains(wanted) && told.lines().count() == 1, "{told}");
        }
    }
}
