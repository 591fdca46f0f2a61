//! The gateway's process in front of an API and a bucket, with a page of its own.

use std::path::Path;

use crate::identity::Identity;
use crate::process::Process;
use crate::program;
use crate::upstreams::Upstreams;

/// The one origin of all three.
pub const ORIGIN: &str = "https://app.test";

/// As the README shows it for one domain; `app.test` has to be mapped to its address.
pub fn gateway(upstreams: &Upstreams, identity: &Identity, folder: &Path) -> Process {
    identity.write(folder);
    let dist = folder.join("dist/assets");
    std::fs::create_dir_all(&dist).expect("a folder to write to");
    for (name, text) in [
        ("../index.html", include_str!("one_origin/index.html")),
        ("page.js", include_str!("page.js")),
        ("app.js", include_str!("one_origin/app.js")),
    ] {
        std::fs::write(dist.join(name), text).expect("a folder to write to");
    }
    let config = format!(
        r#"
tls = {{ cert = "cert.pem", key = "key.pem" }}

[[routes]]
prefix = "/api"
upstream = "{}"

[[routes]]
prefix = "/files"
upstream = "{}"
remove_request_headers = ["authorization", "cookie"]

[[routes]]
prefix = "/"
dir = "dist"
spa = true
"#,
        upstreams.api_url, upstreams.bucket_url
    );
    let file = folder.join("gateway.toml");
    std::fs::write(&file, config).expect("a folder to write to");
    let file = file.to_str().expect("a path in UTF-8");
    Process::start(
        &program::gateway(),
        &["--config", file, "--listen", "127.0.0.1:0"],
    )
}
