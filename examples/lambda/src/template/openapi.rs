//! The OpenAPI document of an HTTP API, which can have a CORS block of its own: API Gateway takes it where there is no
//! `CorsConfiguration`, and SAM merges the two.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use saphyr::{LoadableYamlNode as _, MarkedYaml};

use super::escapes;
use super::node::{Node, Value};
use super::problem::Problem;

const BLOCK: &str = "x-amazon-apigateway-cors";

/// The properties that hold the document, or say where it is. The command line tools of AWS upload a file of the
/// template's folder and write its place in S3 instead.
const DOCUMENTS: [&str; 4] = ["DefinitionBody", "DefinitionUri", "Body", "BodyS3Location"];

/// Tells of a block in such a document, and of one that cannot be looked into: `None` for the template's folder is none
/// that is known.
pub(super) fn refuse(properties: &Node<'_>, folder: Option<&Path>, problems: &mut Vec<Problem>) {
    for name in DOCUMENTS {
        let Some(document) = properties.get(name) else {
            continue;
        };
        let place = match (name, document.value()) {
            ("DefinitionBody" | "Body", Value::Map(pairs)) => {
                let has_function = pairs.iter().any(|(key, _)| key.starts_with("Fn::"));
                match pairs.iter().find(|(key, _)| *key == BLOCK) {
                    Some((_, block)) => {
                        let reason = "is a CORS block of OpenAPI, which is not read here";
                        problems.push(as_configuration(block, reason));
                        continue;
                    }
                    None if has_function => None,
                    None => continue,
                }
            }
            ("DefinitionUri" | "BodyS3Location", Value::Text(place)) => Some(place),
            (_, Value::Null) => continue,
            _ => included(&document),
        };
        problems.extend(look_into(&document, place.zip(folder)));
    }
}

/// The place of a document that `AWS::Include` brings.
fn included<'a>(document: &Node<'a>) -> Option<&'a str> {
    let transform = document.argument_of("Transform")?;
    let is_include = transform.get("Name")?.text() == Some("AWS::Include");
    let place = transform.get("Parameters")?.get("Location")?.text()?;
    is_include.then_some(place)
}

/// The problem with a document elsewhere, if it is not a file of the template's folder without a block.
fn look_into(document: &Node<'_>, file: Option<(&str, &Path)>) -> Option<Problem> {
    let file = file.filter(|(place, _)| !place.contains("://"));
    let Some((place, folder)) = file else {
        let remedy = format!(
            "look into it: write its {BLOCK} as CorsConfiguration, or if it has none leave this key out of a copy of \
             the template"
        );
        let reason = "is a document that is not read here, and may have a CORS block";
        let problem = Problem::new(document.line, &document.key, reason, &remedy);
        return Some(problem.with_value(document.value().shown()));
    };
    let wrong = |reason: String| {
        let problem = Problem::new(document.line, &document.key, &reason, "mend the document");
        Some(problem.with_value(place))
    };
    let text = match content(&folder.join(place)) {
        Ok(text) => text,
        Err(error) => return wrong(format!("cannot be read: {error}")),
    };
    let text = escapes::without_pairs(&text);
    let roots = match MarkedYaml::load_from_str(&text) {
        Ok(roots) => roots,
        Err(error) => {
            let line = error.marker().line();
            return wrong(format!("is not YAML: line {line}: {}", error.info()));
        }
    };
    let blocks = roots.iter().find_map(|root| Node::root(root).get(BLOCK));
    let block = blocks?;
    let reason = format!(
        "has a CORS block of OpenAPI at line {}, which is not read here",
        block.line
    );
    Some(as_configuration(document, &reason).with_value(place))
}

/// The most bytes of a document: API Gateway imports 6 MB.
const LARGEST: u64 = 16 << 20;

/// The text of a file, which is not a pipe or a device without an end.
fn content(file: &Path) -> io::Result<String> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    let read = File::open(file)?.take(LARGEST).read_to_string(&mut text)?;
    match read as u64 {
        LARGEST => Err(io::Error::other("it is larger than 16 MiB")),
        _ => Ok(text),
    }
}

fn as_configuration(node: &Node<'_>, reason: &str) -> Problem {
    Problem::new(
        node.line,
        &node.key,
        reason,
        "write it as CorsConfiguration",
    )
}

#[cfg(test)]
mod tests {
    use crate::template::{read, read_in};

    fn template(kind: &str, properties: &str) -> String {
        format!("Resources: {{ It: {{ Type: AWS::{kind}, Properties: {{ {properties} }} }} }}")
    }

    #[test]
    fn a_block_in_the_template_is_told() {
        let block = "x-amazon-apigateway-cors: { allowOrigins: ['https://a.example'] }";
        let own = "CorsConfiguration: { AllowOrigins: ['https://b.example'] }";
        for (kind, properties) in [
            ("ApiGatewayV2::Api", format!("Body: {{ {block} }}")),
            (
                "Serverless::HttpApi",
                format!("DefinitionBody: {{ {block} }}, {own}"),
            ),
        ] {
            let template = template(kind, &properties);
            let told = read(&template).expect_err(&template).to_string();
            let wanted = "Body.x-amazon-apigateway-cors: is a CORS block of OpenAPI, which is not read here: write it";
            assert!(told.contains(wanted) && told.lines().count() == 1, "{told}");
        }
        // API Gateway does not read this block in a REST API.
        for (kind, properties) in [
            ("Serverless::HttpApi", own),
            ("Serverless::HttpApi", "DefinitionBody: { openapi: 3.0.1 }"),
            ("Serverless::Api", "DefinitionUri: openapi.yaml"),
        ] {
            assert!(read(&template(kind, properties)).is_ok(), "{properties}");
        }
    }

    #[test]
    fn a_document_elsewhere_is_told_unless_it_is_a_file_without_a_block() {
        let folder = std::env::temp_dir().join(format!("openapi-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in [
            ("plain.yaml", "openapi: 3.0.1\n"),
            (
                "cors.yaml",
                "openapi: 3.0.1\nx-amazon-apigateway-cors: { allowOrigins: ['*'] }\n",
            ),
            ("cors.json", "{\"x-amazon-apigateway-cors\": {}}"),
            ("bad.yaml", "a: ["),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let include = |place: &str| {
            let include = format!("{{ Name: AWS::Include, Parameters: {{ Location: {place} }} }}");
            (
                format!("DefinitionBody: {{ 'Fn::Transform': {include} }}"),
                format!("DefinitionBody: !Transform {include}"),
            )
        };
        const SAM: &str = "Serverless::HttpApi";
        const PLAIN: &str = "ApiGatewayV2::Api";
        const ELSEWHERE: &str =
            "is a document that is not read here, and may have a CORS block: look into it";
        for (kind, properties, told) in [
            (SAM, "DefinitionUri: plain.yaml", None),
            (SAM, &*include("./plain.yaml").0, None),
            (SAM, &*include("plain.yaml").1, None),
            (PLAIN, "BodyS3Location: plain.yaml", None),
            (
                SAM,
                "DefinitionUri: cors.yaml",
                Some("\"cors.yaml\" has a CORS block of OpenAPI at line 2, "),
            ),
            (
                SAM,
                &*include("cors.json").0,
                Some("\"cors.json\" has a CORS block of OpenAPI at line 1, "),
            ),
            (
                SAM,
                &*include("./cors.yaml").1,
                Some("\"./cors.yaml\" has a CORS block of OpenAPI at line 2, "),
            ),
            (
                PLAIN,
                "BodyS3Location: cors.yaml",
                Some("has a CORS block of OpenAPI"),
            ),
            (
                SAM,
                "DefinitionUri: gone.yaml",
                Some("\"gone.yaml\" cannot be read: "),
            ),
            (
                SAM,
                "DefinitionUri: /dev/zero",
                Some("\"/dev/zero\" cannot be read: it is not a file"),
            ),
            (
                SAM,
                "DefinitionUri: bad.yaml",
                Some("\"bad.yaml\" is not YAML: line "),
            ),
            (SAM, "DefinitionUri: s3://bucket/cors.yaml", Some(ELSEWHERE)),
            (SAM, "DefinitionUri: { Bucket: b, Key: k }", Some(ELSEWHERE)),
            (SAM, "DefinitionUri: !Ref Document", Some(ELSEWHERE)),
            (SAM, &*include("s3://bucket/cors.yaml").0, Some(ELSEWHERE)),
            (
                SAM,
                &*include("!Sub 's3://${Bucket}/cors.yaml'").1,
                Some(ELSEWHERE),
            ),
            (SAM, "DefinitionBody: !If [A, {}, {}]", Some(ELSEWHERE)),
            (
                SAM,
                "DefinitionBody: { openapi: 3.0.1, 'Fn::Transform': { Name: Own } }",
                Some(ELSEWHERE),
            ),
            (PLAIN, "Body: !Ref Document", Some(ELSEWHERE)),
            // The document itself, and not a place.
            (PLAIN, "Body: '{}'", Some(ELSEWHERE)),
            (
                PLAIN,
                "BodyS3Location: { Bucket: b, Key: k }",
                Some(ELSEWHERE),
            ),
        ] {
            let template = template(kind, properties);
            let read_there = read_in(&template, &folder);
            let Some(told) = told else {
                assert!(read_there.unwrap().is_empty(), "{properties}");
                // Without a folder it is not known which file is meant.
                assert!(read(&template).unwrap_err().to_string().contains(ELSEWHERE));
                continue;
            };
            let problems = read_there.expect_err(properties).to_string();
            assert!(problems.contains(told), "{properties}\n{problems}");
            assert_eq!(problems.lines().count(), 1, "{problems}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
