//! Fields that a route of files sets and removes.

use http::StatusCode;

use crate::client::{get, send_from};
use crate::gateway;

#[tokio::test]
async fn fields_are_set_for_all_answers_and_for_some_paths() {
    let site = tempfile::tempdir().unwrap();
    std::fs::create_dir(site.path().join("assets")).unwrap();
    for file in ["index.html", "assets/app.js"] {
        std::fs::write(site.path().join(file), "x").unwrap();
    }
    let dir = site.path();
    let gateway = gateway::with(&format!(
        "[cors]\nallow_origins = ['https://a.example']\n\
         [[routes]]\nprefix = '/'\ndir = {dir:?}\nspa = true\n\
         remove_response_headers = ['last-modified']\n\
         set_response_headers = [\n\
           {{ cache-control = 'no-cache', cross-origin-opener-policy = 'same-origin', vary = 'accept' }},\n\
           {{ path = '/assets/*', cache-control = 'public, max-age=31536000, immutable' }},\n\
         ]\n"
    ));
    let forever = "public, max-age=31536000, immutable";
    for (path, status, kept) in [
        ("/", StatusCode::OK, "no-cache"),
        ("/some/page", StatusCode::OK, "no-cache"),
        ("/assets/app.js", StatusCode::OK, forever),
        // The file system finds it by this spelling, too.
        ("/%61ssets/app.js", StatusCode::OK, forever),
        ("/assets/missing.js", StatusCode::NOT_FOUND, "no-cache"),
        ("/.env", StatusCode::NOT_FOUND, "no-cache"),
    ] {
        let answer = get(format!("{}{path}", gateway.origin)).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.field("cache-control"), kept, "{path}");
        assert_eq!(answer.field("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.field("last-modified"), "", "{path}");
    }
    let url = format!("{}/assets/app.js", gateway.origin);
    let answer = send_from("GET", "https://a.example", url, &[]).await;
    assert_eq!(
        answer.field("access-control-allow-origin"),
        "https://a.example"
    );
    let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
    let vary = format!("{vary:?}").to_ascii_lowercase();
    for name in ["accept-encoding", "\"accept\"", "origin"] {
        assert_eq!(vary.matches(name).count(), 1, "{name} in {vary}");
    }
}
