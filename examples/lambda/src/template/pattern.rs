//! Origins with a `*` inside: a policy here takes them for patterns, and AWS does not.

use same_origin::cors::CorsPolicy;

use super::places::Kind;
use super::problem::Problem;
use super::values::Member;

/// Takes the origins out of a block that would be patterns in a policy, and tells each.
///
/// A policy that takes them over would allow more than the block does: nobody has ever come in by a REST API's
/// `https://*.example.com`, which is sent as it is written.
pub(super) fn refuse(
    origins: &mut Vec<Member>,
    kind: Kind,
    credentials: bool,
    problems: &mut Vec<Problem>,
) {
    origins.retain(|origin| {
        let is_pattern = origin.text != "*" && origin.text.contains('*');
        if is_pattern {
            problems.push(problem(origin, kind, credentials));
        }
        !is_pattern
    });
}

fn problem(origin: &Member, kind: Kind, credentials: bool) -> Problem {
    let (reason, remedy) = match (kind, &*origin.text) {
        // The two that an HTTP API knows.
        (Kind::Http, scheme @ ("https://*" | "http://*")) => {
            let remedy = match credentials {
                true => "name the origins that may read with the visitor's credentials",
                false => {
                    "name the origins, or leave \"*\" alone in the list for all, of any scheme"
                }
            };
            let scheme = scheme.trim_end_matches('*');
            let reason = format!(
                "allows every origin that begins with {scheme:?}, for which a policy here has no pattern"
            );
            (reason, remedy.to_owned())
        }
        (kind, text) => (reason(kind).to_owned(), remedy(text, credentials)),
    };
    Problem::new(origin.line, &origin.key, &reason, &remedy).with_value(&*origin.text)
}

fn reason(kind: Kind) -> &'static str {
    match kind {
        Kind::Quoted => {
            "has a \"*\" inside an origin, which API Gateway sends as it is written, and no browser takes for a pattern"
        }
        Kind::Http => {
            "has a \"*\" inside an origin, where an HTTP API takes origins in full, \"*\", \"https://*\" and \"http://*\""
        }
        Kind::FunctionUrl => {
            "has a \"*\" inside an origin, where a function URL takes origins in full, or \"*\""
        }
    }
}

/// Names the pattern, if a policy takes it.
fn remedy(text: &str, credentials: bool) -> String {
    let policy = CorsPolicy::builder()
        .allow_origins([text])
        .allow_credentials(credentials);
    match policy.build() {
        Ok(_) => format!(
            "write the origin in full; if all are meant that {text:?} covers in a policy here, give the function its \
             policy in its environment, with that in allow_origins"
        ),
        Err(_) => "write the origin in full".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::template::read;

    fn told(kind: &str, block: &str) -> String {
        let template =
            format!("Resources: {{ It: {{ Type: {kind}, Properties: {{ {block} }} }} }}");
        let problems = read(&template).expect_err(block);
        assert_eq!(problems.iter().count(), 1, "{problems}");
        problems.to_string()
    }

    #[test]
    fn a_star_inside_an_origin_is_not_taken_for_a_pattern() {
        const REST: &str = "AWS::Serverless::Api";
        const HTTP: &str = "AWS::Serverless::HttpApi";
        const URL: &str = "AWS::Lambda::Url";
        for (kind, block, wanted) in [
            (
                REST,
                r#"Cors: { AllowOrigin: "'https://*.example.com'", AllowCredentials: true }"#,
                &[
                    "Cors.AllowOrigin: \"https://*.example.com\" has a \"*\" inside an origin, which API Gateway sends",
                    "if all are meant that \"https://*.example.com\" covers",
                ][..],
            ),
            (
                REST,
                r#"Cors: "'https://*.example.com'""#,
                &["Properties.Cors: \"https://*.example.com\" has"],
            ),
            (
                REST,
                r#"Cors: "'https://*'""#,
                &["which API Gateway sends", "origin in full"],
            ),
            (
                REST,
                r#"Cors: "'*.example.com'""#,
                &["which API Gateway sends", "origin in full"],
            ),
            (
                HTTP,
                "CorsConfiguration: { AllowOrigins: ['https://a.example', 'http://localhost:*'] }",
                &[
                    "AllowOrigins[1]: \"http://localhost:*\" has a \"*\" inside an origin, where an HTTP API takes",
                    "that \"http://localhost:*\" covers",
                ],
            ),
            (
                HTTP,
                "CorsConfiguration: { AllowOrigins: ['https://*.github.io'], AllowCredentials: true }",
                &[
                    "an HTTP API takes origins in full, \"*\", \"https://*\" and \"http://*\": write the origin in full",
                ],
            ),
            (
                HTTP,
                "CorsConfiguration: { AllowOrigins: ['https://*'] }",
                &[
                    "\"https://*\" allows every origin that begins with \"https://\", for which",
                    "leave \"*\" alone",
                ],
            ),
            (
                HTTP,
                "CorsConfiguration: { AllowOrigins: ['http://*'], AllowCredentials: true }",
                &[
                    "begins with \"http://\"",
                    "name the origins that may read with",
                ],
            ),
            (
                URL,
                "Cors: { AllowOrigins: ['https://*.example.com'] }",
                &["where a function URL takes origins in full, or \"*\""],
            ),
            (
                URL,
                "Cors: { AllowOrigins: ['https://*'] }",
                &["where a function URL takes origins in full, or \"*\""],
            ),
        ] {
            let told = told(kind, block);
            for part in wanted {
                assert!(told.contains(part), "{block}: {part}\n{told}");
            }
        }
    }
}
