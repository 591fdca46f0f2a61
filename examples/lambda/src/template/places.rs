//! The places of a template where CORS is set up.

use super::node::{Node, Value};
use super::problem::Problem;

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
    pub(super) block: Node<'a>,
    pub(super) kind: Kind,
}

/// The places of the block in each kind of resource.
const RESOURCES: [(&str, &[&str], Kind); 5] = [
    ("AWS::Serverless::Api", &["Cors"], Kind::Quoted),
    (
        "AWS::Serverless::HttpApi",
        &["CorsConfiguration"],
        Kind::Http,
    ),
    ("AWS::ApiGatewayV2::Api", &["CorsConfiguration"], Kind::Http),
    (
        "AWS::Serverless::Function",
        &["FunctionUrlConfig", "Cors"],
        Kind::FunctionUrl,
    ),
    ("AWS::Lambda::Url", &["Cors"], Kind::FunctionUrl),
];

const GLOBALS: [(&[&str], Kind); 3] = [
    (&["Api", "Cors"], Kind::Quoted),
    (&["HttpApi", "CorsConfiguration"], Kind::Http),
    (
        &["Function", "FunctionUrlConfig", "Cors"],
        Kind::FunctionUrl,
    ),
];

fn descend<'a>(node: &Node<'a>, way: &[&str]) -> Option<Node<'a>> {
    way.iter()
        .try_fold(node.clone(), |node, name| node.get(name))
}

/// All blocks; a template that is not one is a problem.
pub(super) fn find<'a>(root: &Node<'a>, problems: &mut Vec<Problem>) -> Vec<Place<'a>> {
    if !matches!(root.value(), Value::Map(_)) {
        let problem = Problem::new(root.line, "", "is not a template", "begin with Resources:");
        problems.push(problem.with_value(root.value().shown()));
        return Vec::new();
    }
    let globals = GLOBALS.iter().filter_map(|(way, kind)| {
        let block = descend(&root.get("Globals")?, way)?;
        Some(Place { block, kind: *kind })
    });
    let resources = root.get("Resources").map(|resources| resources.pairs());
    let resources = resources.iter().flatten().filter_map(|(_, resource)| {
        let is = resource.get("Type")?.text()?;
        let (_, way, kind) = RESOURCES.iter().find(|(name, ..)| *name == is)?;
        let block = descend(&resource.get("Properties")?, way)?;
        Some(Place { block, kind: *kind })
    });
    globals.chain(resources).collect()
}
