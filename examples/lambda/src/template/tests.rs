//! Templates, and the policies or problems that are in them.

use std::time::Duration;

use same_origin::cors::CorsPolicy;

use super::read;

fn resource(kind: &str, properties: &str) -> String {
    format!("Resources:\n  It:\n    Type: {kind}\n    Properties: {properties}\n")
}

const REST: &str = "AWS::Serverless::Api";
const HTTP: &str = "AWS::Serverless::HttpApi";
const V2: &str = "AWS::ApiGatewayV2::Api";
const FUNCTION: &str = "AWS::Serverless::Function";

#[test]
fn each_way_of_writing_gives_the_policy() {
    let app = CorsPolicy::builder().allow_origins(["https://app.example.com"]);
    let rest = |settings: same_origin::cors::CorsBuilder| {
        settings.allow_methods(["DELETE", "PATCH", "PUT"])
    };
    let listed = app
        .clone()
        .allow_methods(["GET", "PUT"])
        .allow_headers(["content-type"])
        .max_age(Duration::from_secs(600))
        .allow_credentials(true);
    let lists = "AllowOrigins: ['https://app.example.com'], AllowMethods: [GET, PUT, OPTIONS], AllowHeaders: [content-type], MaxAge: 600, AllowCredentials: true";
    let any = CorsPolicy::builder().allow_origins(same_origin::cors::Any);
    for (name, template, wanted) in [
        ("a text", resource(REST, r#"{ Cors: "'https://app.example.com'" }"#), rest(app.clone())),
        (
            "REST",
            resource(REST, r#"{ Cors: { AllowOrigin: "'https://app.example.com'", AllowMethods: "'GET, PUT,OPTIONS'", AllowHeaders: "'content-type'", MaxAge: "'600'", AllowCredentials: true } }"#),
            listed.clone(),
        ),
        ("REST, defaults", resource(REST, r#"{ Cors: { AllowOrigin: "'https://app.example.com'" } }"#), rest(app)),
        ("REST, everybody", resource(REST, r#"{ Cors: { AllowHeaders: "'*'" } }"#), rest(any.clone().allow_headers(same_origin::cors::Any))),
        ("HTTP", resource(HTTP, &format!("{{ CorsConfiguration: {{ {lists} }} }}")), listed.clone()),
        ("HTTP, true", resource(HTTP, "{ CorsConfiguration: true }"), any),
        ("plain", resource(V2, &format!("{{ CorsConfiguration: {{ {lists} }} }}")), listed.clone()),
        ("function", resource(FUNCTION, &format!("{{ FunctionUrlConfig: {{ AuthType: NONE, Cors: {{ {lists} }} }} }}")), listed.clone()),
        ("URL", resource("AWS::Lambda::Url", &format!("{{ Cors: {{ {lists} }} }}")), listed.clone()),
        ("texts", resource(V2, &format!("{{ CorsConfiguration: {{ {} }} }}", lists.replace("600", "'600'").replace("true", "'true'"))), listed.clone()),
        ("globals", format!("Globals:\n  HttpApi:\n    CorsConfiguration: {{ {lists} }}\n"), listed.clone()),
        (
            "JSON",
            r#"{"Resources": {"It": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"CorsConfiguration": {
                "AllowOrigins": ["https://app.example.com"], "AllowMethods": ["GET", "PUT"], "AllowHeaders": ["content-type"],
                "MaxAge": 600, "AllowCredentials": true}}}}}"#.to_owned(),
            listed,
        ),
    ] {
        let blocks = read(&template).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let [block] = &blocks[..] else { panic!("{name}: {blocks:?}") };
        assert_eq!(block.policy().to_string(), wanted.build().unwrap().to_string(), "{name}");
    }
}

#[test]
fn what_cannot_be_meant_is_said_where_it_stands() {
    for (name, template, wanted) in [
        (
            "quotes",
            resource(REST, "{ Cors: { AllowOrigin: 'https://app.example.com' } }"),
            vec![
                "line 4: Resources.It.Properties.Cors.AllowOrigin: \"https://app.example.com\" is not in a second pair of quotes",
            ],
        ),
        (
            "a mapping",
            resource(
                REST,
                "{ Cors: { AllowOrigin: method.request.header.Origin, MaxAge: 600 } }",
            ),
            vec![
                "AllowOrigin: \"method.request.header.Origin\" is not in a second pair",
                "MaxAge: \"600\" is not in a second pair",
            ],
        ),
        (
            "several origins",
            resource(REST, r#"{ Cors: "'https://a.example,https://b.example'" }"#),
            vec!["Cors: \"'https://a.example,https://b.example'\" is not one origin"],
        ),
        (
            "a reference",
            resource(
                REST,
                "{ Cors: { AllowOrigin: !Sub \"'https://${Domain}'\", MaxAge: !Ref Age } }",
            ),
            vec![
                "AllowOrigin: \"!Sub 'https://${Domain}'\" is known only when",
                "MaxAge: \"!Ref Age\" is known only when",
            ],
        ),
        (
            "references in JSON's way",
            resource(
                V2,
                "{ CorsConfiguration: { AllowOrigins: [{ Ref: Origin }, { 'Fn::Sub': 'https://${D}' }], AllowCredentials: { Ref: X } } }",
            ),
            vec![
                "AllowOrigins[0]: \"Ref\" is known",
                "AllowOrigins[1]: \"Fn::Sub\" is known",
                "AllowCredentials: \"Ref\" is known",
            ],
        ),
        (
            "a whole list by reference",
            resource(
                HTTP,
                "{ CorsConfiguration: { AllowOrigins: !Split [',', !Ref Origins] } }",
            ),
            vec!["AllowOrigins: \"!Split\" is known only"],
        ),
        (
            "all at once, of one block and of two",
            format!(
                "{}  Two:\n    Type: {V2}\n    Properties: {{ CorsConfiguration: {{ MaxAge: -1 }} }}\n",
                resource(
                    HTTP,
                    "{ CorsConfiguration: { AllowOrigins: ['https://app.example.com/'], AllowMethods: [put], AllowHeaders: ['a b'] } }"
                )
            ),
            vec![
                "AllowOrigins[0]: \"https://app.example.com/\" ",
                "AllowMethods[0]: \"put\" ",
                "AllowHeaders[0]: \"a b\" ",
                "line 7: Resources.Two.Properties.CorsConfiguration.MaxAge: \"-1\" is not a number of seconds: write 0",
                "Two.Properties.CorsConfiguration.AllowOrigins: no origin is allowed",
            ],
        ),
        (
            "a policy's mistakes beside one of a value",
            resource(
                V2,
                "{ CorsConfiguration: { AllowOrigins: ['https://a.example/', 1], MaxAge: soon, AllowMethods: [put, !Ref M], ExposeHeaders: ['a b'] } }",
            ),
            vec![
                "AllowOrigins[0]: \"https://a.example/\" ",
                "AllowOrigins[1]: \"1\" is not a text",
                "MaxAge: \"soon\" is not a number",
                "AllowMethods[0]: \"put\" ",
                "AllowMethods[1]: \"!Ref M\" is known only",
                "ExposeHeaders[0]: \"a b\" ",
            ],
        ),
        (
            "a list of one origin",
            resource(REST, "{ Cors: { AllowOrigin: ['https://a.example'] } }"),
            vec![
                "AllowOrigin: \"a list\" is not a text: write one origin, such as \"'https://a.example'\"",
            ],
        ),
        (
            "everybody's credentials",
            resource(
                HTTP,
                "{ CorsConfiguration: { AllowOrigins: ['*'], AllowCredentials: true } }",
            ),
            vec!["AllowOrigins[0]: \"*\" has no meaning where credentials are allowed"],
        ),
        (
            "API Gateway's own wildcard",
            resource(V2, "{ CorsConfiguration: { AllowOrigins: ['https://*'] } }"),
            vec!["AllowOrigins[0]: \"https://*\" "],
        ),
        (
            "no origin",
            resource(V2, "{ CorsConfiguration: { AllowMethods: [PUT] } }"),
            vec!["CorsConfiguration.AllowOrigins: no origin is allowed: write the origins"],
        ),
        (
            "keys of another block",
            resource(
                REST,
                r#"{ Cors: { AllowOrigins: "'*'", ExposeHeaders: "'x'" } }"#,
            ),
            vec![
                "Cors.AllowOrigins: is not a key of this block: write one of AllowOrigin, AllowMethods",
                "Cors.ExposeHeaders: is not a key",
            ],
        ),
        (
            "kinds",
            resource(
                HTTP,
                "{ CorsConfiguration: { AllowOrigins: 'https://a.example', AllowCredentials: 1, MaxAge: soon } }",
            ),
            vec![
                "AllowOrigins: \"https://a.example\" is not a list",
                "AllowCredentials: \"1\" is not a switch",
                "MaxAge: \"soon\" is not a number",
            ],
        ),
        (
            "not a block",
            resource(HTTP, "{ CorsConfiguration: yes please }"),
            vec!["CorsConfiguration: \"yes please\" is not a CORS block"],
        ),
        ("not YAML", "Resources: [".to_owned(), vec!["is not YAML"]),
        (
            "not a template",
            "hello".to_owned(),
            vec!["\"hello\" is not a template"],
        ),
    ] {
        let problems = read(&template).expect_err(name);
        let text = problems.to_string();
        assert_eq!(problems.iter().count(), wanted.len(), "{name}:\n{text}");
        for part in wanted {
            assert!(text.contains(part), "{name}: {part}\n{text}");
        }
    }
}

#[test]
fn a_template_without_cors_has_no_blocks() {
    for template in [
        "Resources: {}",
        "{}",
        &resource(REST, "{ StageName: prod }"),
        &resource(HTTP, "{ CorsConfiguration: false }"),
        &resource(REST, "{ Cors: {} }"),
        &resource(REST, "{ Cors: }"),
        &resource(HTTP, "{ CorsConfiguration: {} }"),
        &resource(FUNCTION, "{ FunctionUrlConfig: { Cors: {} } }"),
        include_str!("../../template.yaml"),
    ] {
        assert!(read(template).unwrap().is_empty(), "{template}");
    }
}

#[test]
fn hostile_yaml_is_a_problem_and_no_more() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    read(bomb).unwrap_err();
    let again = "Resources:\n  It: 1\n  It: 2\n";
    read(again).unwrap_err();
}

#[test]
fn globals_are_a_part_of_each_resource_of_their_kind() {
    let origin = "https://app.example.com";
    let app = || CorsPolicy::builder().allow_origins([origin]);
    let globals = |section: &str, more: &str| format!("Globals: {{ {section} }}\n{more}");
    let cors = |block: &str| format!("{{ CorsConfiguration: {block} }}");
    for (name, template, path, wanted) in [
        (
            "maps key by key",
            globals(
                &format!("Api: {{ Cors: {{ AllowOrigin: \"'{origin}'\" }} }}"),
                &resource(
                    REST,
                    "{ StageName: prod, Cors: { AllowMethods: \"'GET,PUT'\" } }",
                ),
            ),
            "Resources.It.Properties.Cors",
            app().allow_methods(["GET", "PUT"]),
        ),
        (
            "lists one after the other",
            globals(
                &format!(
                    "HttpApi: {{ CorsConfiguration: {{ AllowOrigins: ['{origin}'], AllowMethods: [PUT], MaxAge: 5 }} }}"
                ),
                &resource(HTTP, &cors("{ AllowMethods: [DELETE], MaxAge: 600 }")),
            ),
            "Resources.It.Properties.CorsConfiguration",
            app()
                .allow_methods(["PUT", "DELETE"])
                .max_age(Duration::from_secs(600)),
        ),
        (
            "not a block of its own",
            globals(
                &format!("HttpApi: {{ CorsConfiguration: {{ AllowOrigins: ['{origin}'] }} }}"),
                &resource(HTTP, "{}"),
            ),
            "Resources.It.Properties.CorsConfiguration",
            app(),
        ),
        (
            "not even properties",
            globals(
                &format!("HttpApi: {{ CorsConfiguration: {{ AllowOrigins: ['{origin}'] }} }}"),
                &format!("Resources: {{ It: {{ Type: {HTTP} }} }}"),
            ),
            "Resources.It.Properties.CorsConfiguration",
            app(),
        ),
        (
            "a function",
            globals(
                "Function: { FunctionUrlConfig: { Cors: { AllowCredentials: true } } }",
                &resource(
                    FUNCTION,
                    &format!(
                        "{{ FunctionUrlConfig: {{ Cors: {{ AllowOrigins: ['{origin}'] }} }} }}"
                    ),
                ),
            ),
            "Resources.It.Properties.FunctionUrlConfig.Cors",
            app().allow_credentials(true),
        ),
        (
            "another kind",
            globals(
                &format!("HttpApi: {{ CorsConfiguration: {{ AllowOrigins: ['{origin}'] }} }}"),
                &resource(V2, "{}"),
            ),
            "Globals.HttpApi.CorsConfiguration",
            app(),
        ),
    ] {
        let blocks = read(&template).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let [block] = &blocks[..] else {
            panic!("{name}: {blocks:?}")
        };
        assert_eq!(block.path(), path, "{name}");
        assert_eq!(
            block.policy().to_string(),
            wanted.build().unwrap().to_string(),
            "{name}"
        );
    }
    let off = globals(
        "HttpApi: { CorsConfiguration: true }",
        &resource(HTTP, &cors("false")),
    );
    assert!(read(&off).unwrap().is_empty());
}

#[test]
fn a_mistake_of_globals_is_told_once() {
    let problems = read(&format!(
        "Globals: {{ HttpApi: {{ CorsConfiguration: {{ AllowOrigins: ['https://a.example/'] }} }} }}\n\
         Resources: {{ A: {{ Type: {HTTP} }}, B: {{ Type: {HTTP} }} }}\n"
    ))
    .unwrap_err();
    let [problem] = problems.iter().collect::<Vec<_>>()[..] else {
        panic!("{problems}")
    };
    assert_eq!(
        problem.key,
        "Globals.HttpApi.CorsConfiguration.AllowOrigins[0]"
    );
    assert_eq!(problem.line, 1);
}

#[test]
fn a_block_that_a_function_may_bring_is_told() {
    let url = "FunctionUrlConfig: !If [Prod, { Cors: { AllowOrigins: ['https://a.example/'] } }, !Ref AWS::NoValue]";
    for (template, wanted) in [
        (
            resource(FUNCTION, &format!("{{ {url} }}")),
            "Resources.It.Properties.FunctionUrlConfig: \"!If\" is known only",
        ),
        (
            r#"{"Resources": {"It": {"Type": "AWS::Serverless::Function", "Properties": {"FunctionUrlConfig":
                {"Fn::If": ["Prod", {"Cors": {"AllowOrigins": ["*"]}}, {"Ref": "AWS::NoValue"}]}}}}}"#
                .to_owned(),
            "Resources.It.Properties.FunctionUrlConfig: \"Fn::If\" is known only",
        ),
        (resource(HTTP, "!If [Prod, {}, {}]"), "Resources.It.Properties: \"!If\" is known only"),
        (
            resource(HTTP, "{ Name: x, 'Fn::Transform': { Name: AWS::Include } }"),
            "Resources.It.Properties.Fn::Transform: \"Fn::Transform\" is known only",
        ),
        (
            "Resources: { 'Fn::ForEach::Apis': [N, [A], {}] }".to_owned(),
            "Resources: \"Fn::ForEach::Apis\" is known only",
        ),
        (
            resource(HTTP, "{ CorsConfiguration: !If [Prod, {}, {}] }"),
            "CorsConfiguration: \"!If\" is known only",
        ),
        (
            "Resources: { Other: { Type: X }, 'Fn::ForEach::Apis': [N, [A], {}] }".to_owned(),
            "Resources.Fn::ForEach::Apis: \"Fn::ForEach::Apis\" is known only",
        ),
        (
            "Globals: { Function: { FunctionUrlConfig: !If [A, {}, {}] } }".to_owned(),
            "Globals.Function.FunctionUrlConfig: \"!If\" is known only",
        ),
    ] {
        let problems = read(&template).expect_err(&template).to_string();
        assert!(problems.contains(wanted), "{template}\n{problems}");
        assert_eq!(problems.lines().count(), 1, "{problems}");
    }
}
