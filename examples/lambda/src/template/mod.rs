//! The CORS blocks of a SAM or CloudFormation template, as policies of this crate.
//!
//! | block | its keys | how values are written |
//! |---|---|---|
//! | `AWS::Serverless::Api` `Cors`, `Globals: Api` | `AllowOrigin`, `AllowMethods`, `AllowHeaders`, `MaxAge`, `AllowCredentials`; or one text, the origin, with SAM's defaults for the rest | texts in a second pair of quotes, lists in one text: `"'GET,PUT'"` |
//! | `AWS::Serverless::HttpApi` `CorsConfiguration`, `Globals: HttpApi` | `AllowOrigins`, `AllowMethods`, `AllowHeaders`, `ExposeHeaders`, `MaxAge`, `AllowCredentials`; or `true`, all origins | lists and numbers |
//! | `AWS::ApiGatewayV2::Api` `CorsConfiguration` | the same | lists and numbers |
//! | `FunctionUrlConfig: Cors` of `AWS::Serverless::Function`, `AWS::Lambda::Url` `Cors` | the same | lists and numbers |
//!
//! | key | here |
//! |---|---|
//! | `AllowOrigin`, `AllowOrigins` | `allow_origins`; a REST API without it allows all |
//! | `AllowMethods` | `allow_methods`; of a REST API without it all that SAM could add: `DELETE`, `PATCH`, `PUT` |
//! | `AllowHeaders` | `allow_headers` |
//! | `ExposeHeaders` | `expose_headers` |
//! | `MaxAge` | `max_age`, in seconds |
//! | `AllowCredentials` | `allow_credentials` |
//!
//! A block of `Globals` is merged into each resource of its kind as SAM does it, and stands for itself where there is
//! none: maps key by key, lists one after the other, and of anything else the resource's own is left. A map that is
//! merged by `<<` is read in its place. A block that an intrinsic function or an included template may bring is told,
//! because it is known only later; a `Fn::ForEach` is not, if none of the resources that it makes has a block.
//!
//! A block in the OpenAPI document of an HTTP API (`x-amazon-apigateway-cors`) is not read, and told: in the template, and
//! in a local file ([`read_in`]) that `DefinitionUri`, `BodyS3Location` or an `AWS::Include` names. Of a document
//! elsewhere it is told that it may have one.
//!
//! A `*` inside an origin is told, too: in a policy here it is a pattern, and at AWS it is not. A REST API sends it as it
//! is written, and of the others HTTP APIs alone know `https://*` and `http://*`.
//!
//! Take the block out of the template once a function answers by such a policy: an HTTP API and a function URL
//! that have one answer preflights themselves, and put their own headers in the place of the function's.
//!
//! ```
//! let template = r#"
//! Resources:
//!   Api:
//!     Type: AWS::Serverless::Api
//!     Properties:
//!       Cors: { AllowOrigin: "'https://app.example.com'", AllowMethods: "'GET,PUT'", MaxAge: "'600'" }
//! "#;
//! let blocks = lambda::template::read(template)?;
//! assert_eq!(blocks[0].path(), "Resources.Api.Properties.Cors");
//! let policy = blocks[0].policy();
//! assert!(policy.to_string().contains("https://app.example.com"));
//! # Ok::<(), lambda::template::Problems>(())
//! ```

mod block;
mod escapes;
mod node;
mod openapi;
mod pattern;
mod places;
mod problem;
mod remedy;
mod values;

use std::collections::HashSet;
use std::path::Path;

pub use block::Block;
use node::Node;
pub use problem::{Problem, Problems};
use saphyr::{LoadableYamlNode as _, MarkedYaml};

/// Reads the CORS blocks of a template, in YAML or JSON.
///
/// # Errors
///
/// All that cannot be meant, or not be known before the template is deployed.
pub fn read(template: &str) -> Result<Vec<Block>, Problems> {
    read_beside(template, None)
}

/// Reads those of a template in this folder, and looks into the OpenAPI documents there that it names.
///
/// # Errors
///
/// As [`read`], and a document that cannot be read.
pub fn read_in(template: &str, folder: &Path) -> Result<Vec<Block>, Problems> {
    read_beside(template, Some(folder))
}

fn read_beside(template: &str, folder: Option<&Path>) -> Result<Vec<Block>, Problems> {
    let template = escapes::without_pairs(template);
    let documents = MarkedYaml::load_from_str(&template).map_err(|error| {
        let line = error.marker().line();
        Problems::from(Problem::new(
            line,
            "",
            &format!("is not YAML: {}", error.info()),
            "mend the template",
        ))
    })?;
    let mut problems = Vec::new();
    let mut blocks = Vec::new();
    for root in &documents {
        for place in places::find(&Node::root(root), folder, &mut problems) {
            blocks.extend(block::read(&place, &mut problems));
        }
    }
    // Several resources can have the same mistake from `Globals`.
    let mut told = HashSet::new();
    problems.retain(|problem| told.insert(problem.clone()));
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() {
        Ok(blocks)
    } else {
        Err(Problems(problems))
    }
}

#[cfg(test)]
mod tests;
