//! The commands that the README gives.

use std::path::Path;
use std::process::Command;

#[test]
fn cargo_run_knows_which_binary_is_meant() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(manifest)
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "lambda");
    assert_eq!(package.unwrap()["default_run"], "lambda");
}

/// SAM writes the permissions of its own events, and of a function URL.
#[test]
fn an_alb_may_call_the_function_of_the_template() {
    let template = include_str!("../../template.yaml");
    let (permission, target) = template.split_once("TargetGroup:\n").unwrap();
    assert!(permission.contains("Principal: elasticloadbalancing.amazonaws.com"));
    assert!(target.contains("DependsOn: AlbPermission"));
}

#[test]
fn a_template_without_cors_is_told_from_one_with_it() {
    let folder = std::env::temp_dir().join(format!("template_cors-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let api = "Resources: {A: {Type: AWS::Serverless::HttpApi, Properties: {CorsConfiguration: ";
    for (block, out, err) in [
        (
            "{AllowOrigins: ['https://a.example']}",
            "Resources.A.Properties.CorsConfiguration {\"allow_origins\":[\"https://a.example\"]",
            "",
        ),
        ("false", "", "does not have a CORS block\n"),
    ] {
        let path = folder.join("template.yaml");
        std::fs::write(&path, format!("{api}{block}}}}}}}\n")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_template_cors"))
            .arg(&path)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        assert!(output.status.success(), "{block}");
        assert!(text(output.stdout).starts_with(out), "{block}");
        let told = text(output.stderr);
        assert!(
            told.ends_with(err) && told.is_empty() == err.is_empty(),
            "{block}: {told}"
        );
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_documents_beside_a_template_are_looked_into() {
    let folder = std::env::temp_dir().join(format!("template_cors-beside-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let template =
        "Resources: {A: {Type: AWS::Serverless::HttpApi, Properties: {DefinitionUri: api.yaml}}}\n";
    std::fs::write(folder.join("template.yaml"), template).unwrap();
    std::fs::write(folder.join("api.yaml"), "x-amazon-apigateway-cors: {}\n").unwrap();
    // By a path, and from its own folder.
    for (path, here) in [
        (folder.join("template.yaml"), ".".into()),
        ("template.yaml".into(), folder.clone()),
    ] {
        let command = &mut Command::new(env!("CARGO_BIN_EXE_template_cors"));
        let output = command.arg(path).current_dir(here).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.contains("\"api.yaml\" has a CORS block of OpenAPI at line 1"),
            "{told}"
        );
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn one_template_is_read_at_a_time() {
    for words in [&[][..], &["--help"], &["a.yaml", "b.yaml"]] {
        let command = &mut Command::new(env!("CARGO_BIN_EXE_template_cors"));
        let output = command.args(words).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(told.contains("template_cors TEMPLATE"), "{words:?} {told}");
    }
}
