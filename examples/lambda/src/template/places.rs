//! The places of a template where CORS is set up.

use std::path::Path;

use super::node::{MERGE, Node, Value};
use super::openapi;
use super::problem::Problem;
use super::values::unknown;

/// The way of writing a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a REST API: what SAM puts between the quotes of a mapping.
    Quoted,
    /// Of an HTTP API. `true` in place of a block: SAM allows all origins.
    Http,
    FunctionUrl,
}

/// A CORS block and the way it is written.
pub(super) struct Place<'a> {
    /// The way to it; of a resource that has its block from `Globals`, the way to where it would stand.
    pub(super) path: String,
    pub(super) block: Node<'a>,
    pub(super) kind: Kind,
    /// Read by SAM, and not by CloudFormation itself.
    is_sam: bool,
}

impl Place<'_> {
    /// SAM passes over a block in which there is nothing.
    pub(super) fn is_off(&self, block: &Value<'_>) -> bool {
        match block {
            Value::Bool(false) => self.kind == Kind::Http,
            Value::Null => self.is_sam,
            Value::Map(pairs) => self.is_sam && pairs.is_empty(),
            _ => false,
        }
    }
}

/// A kind of resource, and the way from its properties to the block.
struct Row {
    resource: &'static str,
    /// Its section in `Globals`.
    section: Option<&'static str>,
    way: &'static [&'static str],
    kind: Kind,
}

const ROWS: [Row; 5] = [
    Row {
        resource: "AWS::Serverless::Api",
        section: Some("Api"),
        way: &["Cors"],
        kind: Kind::Quoted,
    },
    Row {
        resource: "AWS::Serverless::HttpApi",
        section: Some("HttpApi"),
        way: &["CorsConfiguration"],
        kind: Kind::Http,
    },
    Row {
        resource: "AWS::Serverless::Function",
        section: Some("Function"),
        way: &["FunctionUrlConfig", "Cors"],
        kind: Kind::FunctionUrl,
    },
    Row {
        resource: "AWS::ApiGatewayV2::Api",
        section: None,
        way: &["CorsConfiguration"],
        kind: Kind::Http,
    },
    Row {
        resource: "AWS::Lambda::Url",
        section: None,
        way: &["Cors"],
        kind: Kind::FunctionUrl,
    },
];

impl Row {
    /// The block below a resource's properties, or a section of `Globals`.
    fn block<'a>(&self, properties: Node<'a>, problems: &mut Vec<Problem>) -> Option<Node<'a>> {
        let mut node = properties;
        for name in self.way {
            node = child(&node, name, problems)?;
        }
        Some(node)
    }

    fn place<'a>(&self, path: String, block: Node<'a>) -> Place<'a> {
        Place {
            path,
            block,
            kind: self.kind,
            is_sam: self.section.is_some(),
        }
    }
}

/// The node under a key. A function in the place of the map, or in it, could bring the key along.
fn child<'a>(node: &Node<'a>, name: &str, problems: &mut Vec<Problem>) -> Option<Node<'a>> {
    pairs(node, problems)
        .into_iter()
        .find_map(|(key, node)| (key == name).then_some(node))
}

/// The pairs of a map, without functions among them, such as `Fn::ForEach::Apis`, which are told, as a `<<` is that
/// does not bring a map.
fn pairs<'a>(node: &Node<'a>, problems: &mut Vec<Problem>) -> Vec<(&'a str, Node<'a>)> {
    match node.value() {
        Value::Map(pairs) => without_functions(pairs, problems),
        value @ Value::Unknown(_) => {
            problems.push(unknown(node, &value));
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn without_functions<'a>(
    mut pairs: Vec<(&'a str, Node<'a>)>,
    problems: &mut Vec<Problem>,
) -> Vec<(&'a str, Node<'a>)> {
    pairs.retain(|(name, node)| {
        let is_function = name.starts_with("Fn::");
        if is_function {
            problems.push(unknown(node, &Value::Unknown((*name).to_owned())));
        }
        let is_merge = *name == MERGE;
        if is_merge {
            let reason = "does not bring a map to merge";
            let problem = Problem::new(node.line, &node.key, reason, "write its keys");
            problems.push(problem.with_value(node.value().shown()));
        }
        !is_function && !is_merge
    });
    pairs
}

/// The resources, without loops that make others of kinds that have no block.
fn resources_of<'a>(node: &Node<'a>, problems: &mut Vec<Problem>) -> Vec<(&'a str, Node<'a>)> {
    let mut written = node.as_written().unwrap_or_default();
    let before = written.len();
    written.retain(|(name, node)| !(is_loop(name) && makes_no_block(node)));
    match written.len() == before {
        true => pairs(node, problems),
        false => without_functions(written, problems),
    }
}

/// `Fn::ForEach::Topics: [Name, [A, B], { "Topic${Name}": … }]`, of the transform `AWS::LanguageExtensions`.
fn is_loop(name: &str) -> bool {
    name.starts_with("Fn::ForEach::")
}

/// Whether all resources that a loop makes are known to have no block.
fn makes_no_block(node: &Node<'_>) -> bool {
    let Value::List(parts) = node.value() else {
        return false;
    };
    let body = parts.get(2).and_then(Node::as_written);
    body.is_some_and(|body| {
        !body.is_empty()
            && body.iter().all(|(name, node)| match is_loop(name) {
                true => makes_no_block(node),
                false => !name.starts_with("Fn::") && has_no_block(node),
            })
    })
}

fn has_no_block(resource: &Node<'_>) -> bool {
    let kind = resource.get("Type");
    // The loop's variable may be a part of it.
    let kind = kind
        .as_ref()
        .and_then(Node::text)
        .filter(|kind| !kind.contains('{'));
    let Some(kind) = kind else { return false };
    let Some(row) = ROWS.iter().find(|row| row.resource == kind) else {
        return true;
    };
    let mut unknown = Vec::new();
    let properties = child(resource, "Properties", &mut unknown);
    let block = properties.and_then(|properties| row.block(properties, &mut unknown));
    block.is_none() && unknown.is_empty()
}

/// All blocks; a template that is not one is a problem.
///
/// A block of `Globals` is a part of the resources of its kind, and stands for itself only where the template
/// has none, such as an API that SAM makes of a function's events.
pub(super) fn find<'a>(
    root: &Node<'a>,
    folder: Option<&Path>,
    problems: &mut Vec<Problem>,
) -> Vec<Place<'a>> {
    if !matches!(root.value(), Value::Map(_)) {
        let problem = Problem::new(root.line, "", "is not a template", "begin with Resources:");
        problems.push(problem.with_value(root.value().shown()));
        return Vec::new();
    }
    let globals = child(root, "Globals", problems);
    let resources = child(root, "Resources", problems);
    let resources = resources.map_or_else(Vec::new, |node| resources_of(&node, problems));
    for (_, resource) in &resources {
        if let value @ Value::Unknown(_) = resource.value() {
            problems.push(unknown(resource, &value));
        }
    }
    let mut places = Vec::new();
    for row in &ROWS {
        let section = row.section.zip(globals.as_ref());
        let section = section.and_then(|(name, globals)| child(globals, name, problems));
        let mut is_used = false;
        for (_, resource) in &resources {
            let is = resource
                .get("Type")
                .and_then(|node| node.text().map(str::to_owned));
            if is.as_deref() != Some(row.resource) {
                continue;
            }
            is_used = true;
            let properties = match (child(resource, "Properties", problems), &section) {
                (Some(own), section) => own.over(section.clone()),
                (None, Some(section)) => section.clone(),
                (None, None) => continue,
            };
            refuse_misnamed(row, &properties, problems);
            if row.kind == Kind::Http {
                openapi::refuse(&properties, folder, problems);
            }
            if let Some(block) = row.block(properties, problems) {
                let path = format!("{}.Properties.{}", resource.key, row.way.join("."));
                places.push(row.place(path, block));
            }
        }
        let Some(section) = section.filter(|_| !is_used) else {
            continue;
        };
        refuse_misnamed(row, &section, problems);
        if let Some(block) = row.block(section, problems) {
            places.push(row.place(block.key.clone(), block));
        }
    }
    places.sort_by_key(|place| place.block.line);
    places
}

/// Tells of a block under a name that this kind of resource does not have, such as the other kind's.
fn refuse_misnamed(row: &Row, properties: &Node<'_>, problems: &mut Vec<Problem>) {
    let Value::Map(pairs) = properties.value() else {
        return;
    };
    let is_block = |name: &str| {
        let names = ["Cors", "CorsConfiguration"];
        name != row.way[0] && names.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    let misnamed = pairs.iter().filter(|(name, _)| is_block(name));
    problems.extend(misnamed.map(|(_, node)| {
        let reason = format!("is not a key of {}", row.resource);
        let remedy = format!(
            "write {}",
            row.way.join(": { ") + &" }".repeat(row.way.len() - 1)
        );
        Problem::new(node.line, &node.key, &reason, &remedy)
    }));
}

#[cfg(test)]
mod tests {
    use crate::template::read;

    #[test]
    fn a_block_under_another_name_is_told() {
        for (kind, block, remedy) in [
            ("Serverless::HttpApi", "Cors", "write CorsConfiguration"),
            (
                "Serverless::HttpApi",
                "corsConfiguration",
                "write CorsConfiguration",
            ),
            ("Serverless::Api", "CorsConfiguration", "write Cors"),
            (
                "Serverless::Function",
                "Cors",
                "write FunctionUrlConfig: { Cors }",
            ),
            ("Lambda::Url", "cors", "write Cors"),
        ] {
            let template = format!(
                "Resources: {{ It: {{ Type: AWS::{kind}, Properties: {{ {block}: true }} }} }}"
            );
            let told = read(&template).expect_err(&template).to_string();
            let wanted = format!("It.Properties.{block}: is not a key of AWS::{kind}: {remedy}");
            assert!(told.ends_with(&wanted), "{told}");
        }
        let told = read("Globals: { HttpApi: { Cors: x } }").unwrap_err();
        assert!(
            told.to_string()
                .contains("Globals.HttpApi.Cors: is not a key"),
            "{told}"
        );
    }

    #[test]
    fn a_loop_over_resources_without_cors_is_passed_over() {
        let topics = "'Fn::ForEach::Topics': [N, [A], { 'T${N}': { Type: AWS::SNS::Topic } }]";
        let functions = "'Fn::ForEach::Functions': [N, [A], { 'F${N}': { Type: AWS::Serverless::Function, Properties: { Runtime: x } } }]".to_owned();
        let nested = format!("'Fn::ForEach::Outer': [M, [A], {{ {topics} }}]");
        let api =
            "Api: { Type: AWS::Serverless::HttpApi, Properties: { CorsConfiguration: true } }"
                .to_owned();
        for (resources, blocks) in [
            (topics.to_owned(), 0),
            (format!("{topics}, {api}"), 1),
            (format!("{api}, {functions}, {nested}"), 1),
        ] {
            let template = format!("Resources: {{ {resources} }}");
            let read = read(&template).unwrap_or_else(|problems| panic!("{template}\n{problems}"));
            assert_eq!(read.len(), blocks, "{template}");
        }
        let cors = "Properties: { CorsConfiguration: true }";
        for body in [
            format!("'A${{N}}': {{ Type: AWS::Serverless::HttpApi, {cors} }}"),
            "'A${N}': { Type: AWS::Serverless::HttpApi, Properties: !If [A, {}, {}] }".to_owned(),
            format!("'A${{N}}': {{ Type: 'AWS::Serverless::${{N}}', {cors} }}"),
            format!(
                "'Fn::ForEach::Inner': [M, [A], {{ 'A${{M}}': {{ Type: AWS::Serverless::HttpApi, {cors} }} }}]"
            ),
            "'Fn::Transform': { Name: AWS::Include }".to_owned(),
        ] {
            let template =
                format!("Resources: {{ {topics}, 'Fn::ForEach::Apis': [N, [A], {{ {body} }}] }}");
            let told = read(&template).expect_err(&template).to_string();
            let wanted = "Resources.Fn::ForEach::Apis: \"Fn::ForEach::Apis\" is known only";
            assert!(told.contains(wanted) && told.lines().count() == 1, "{told}");
        }
    }
}
