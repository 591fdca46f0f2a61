//! Which route answers, and under which CORS policy.

use http::StatusCode;
use tokio::net::TcpListener;

use crate::client::{get, send_from, upstream};
use crate::gateway;

#[tokio::test]
async fn the_longest_prefix_wins_whatever_the_order() {
    let (short, long, root) = (
        upstream("short").await,
        upstream("long").await,
        upstream("root").await,
    );
    let route =
        |prefix, to| format!("[[routes]]\nprefix = '{prefix}'\nupstream = 'http://{to}/base'\n");
    let mut routes = [
        route("/", root),
        route("/api", short),
        route("/api/v1", long),
    ];
    for _ in 0..3 {
        routes.rotate_left(1);
        let gateway = gateway::with(&routes.concat());
        for (path, answer) in [
            ("/api", "short GET /base\n"),
            ("/api/", "short GET /base/\n"),
            ("/api/v1x", "short GET /base/v1x\n"),
            ("/api/v1", "long GET /base\n"),
            ("/api/v1/a%2Fb?c=%20", "long GET /base/a%2Fb?c=%20\n"),
            ("/apix", "root GET /base/apix\n"),
            ("/", "root GET /base/\n"),
        ] {
            let got = get(format!("{}{path}", gateway.origin)).await;
            assert!(got.body.starts_with(answer), "{path}: {}", got.body);
        }
    }
}

#[tokio::test]
async fn what_matches_no_route_is_not_found() {
    let upstream = upstream("up").await;
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n"
    ));
    for path in ["/", "/apix", "/API/x", "/api%2Fx"] {
        let answer = get(format!("{}{path}", gateway.origin)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_name_is_followed_by_dns() {
    let upstream = upstream("up").await;
    let port = upstream.port();
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/api'\nupstream = 'http://localhost:{port}'\ndns = {{ ipv6 = false }}\n"
    ));
    let answer = get(format!("{}/api/x", gateway.origin)).await;
    assert!(
        answer.body.contains(&format!("host: localhost:{port}\n")),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn an_ambiguous_path_is_refused_on_every_kind_of_route() {
    let upstream = upstream("up").await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/api'\nupstream = 'http://{upstream}'\n\
         [[routes]]\nprefix = '/files'\ndir = {:?}\n",
        folder.path()
    ));
    for prefix in ["/api", "/files", "/nowhere"] {
        for rest in ["/../x", "/%2e%2e/x", "/..%2fx", "/..;v=1/x", "/."] {
            let answer = get(format!("{}{prefix}{rest}", gateway.origin)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{prefix}{rest}");
        }
    }
}

#[tokio::test]
async fn a_redirect_to_another_routes_upstream_comes_back_under_that_route() {
    let (api, bucket) = (upstream("api").await, upstream("bucket").await);
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/api'\nupstream = 'http://{api}/prod'\n\
         [[routes]]\nprefix = '/bucket'\nupstream = 'http://{bucket}'\nremove_request_headers = ['cookie']\n"
    ));
    for (location, seen) in [
        (
            format!("http://{bucket}/a%20b?signature=x%2By"),
            "/bucket/a%20b?signature=x%2By",
        ),
        (format!("http://{api}/prod/items"), "/api/items"),
        (
            "https://elsewhere.example/x".to_owned(),
            "https://elsewhere.example/x",
        ),
    ] {
        let answer = get(format!("{}/api/to?{location}", gateway.origin)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let found = answer.field("location").trim_start_matches(&gateway.origin);
        assert_eq!(found, seen);
    }
    let url = format!("{}/bucket/x", gateway.origin);
    let answer = send_from("GET", "https://a.example", url, &[("cookie", "a=b")]).await;
    assert!(!answer.body.contains("cookie"), "{}", answer.body);
}

#[tokio::test]
async fn cors_is_global_a_routes_own_or_off() {
    let upstream = upstream("up").await;
    let gateway = gateway::with(&format!(
        "[cors]\nallow_origins = ['https://app.example']\nallow_methods = ['PUT']\n\
         [[routes]]\nprefix = '/global'\nupstream = 'http://{upstream}'\n\
         [[routes]]\nprefix = '/own'\nupstream = 'http://{upstream}'\n\
         [routes.cors]\nallow_origins = ['https://other.example']\nmax_age = 5\n\
         [[routes]]\nprefix = '/off'\nupstream = 'http://{upstream}'\ncors = false\n"
    ));
    let url = |path: &str| format!("{}{path}", gateway.origin);
    let allowed = "access-control-allow-origin";
    for (path, origin, value) in [
        ("/global/x", "https://app.example", "https://app.example"),
        ("/global/x", "https://other.example", ""),
        ("/own/x", "https://other.example", "https://other.example"),
        ("/own/x", "https://app.example", ""),
        ("/off/x", "https://app.example", ""),
        // A page that may read answers may read that there is none.
        ("/nowhere", "https://app.example", "https://app.example"),
    ] {
        let answer = send_from("GET", origin, url(path), &[]).await;
        assert_eq!(answer.field(allowed), value, "{path} {origin}");
    }

    let asks = [("access-control-request-method", "PUT")];
    let answer = send_from("OPTIONS", "https://app.example", url("/global/x"), &asks).await;
    assert!(
        answer.status.is_success() && answer.body.is_empty(),
        "{answer:?}"
    );
    assert_eq!(answer.field("access-control-allow-methods"), "PUT");
    let answer = send_from("OPTIONS", "https://app.example", url("/own/x"), &asks).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = send_from("OPTIONS", "https://app.example", url("/off/x"), &asks).await;
    assert!(answer.body.starts_with("up OPTIONS /x\n"), "{answer:?}");
}

#[tokio::test]
async fn without_a_policy_the_gateway_leaves_cors_to_the_upstream() {
    let upstream = upstream("up").await;
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n"
    ));
    let asks = [("access-control-request-method", "PUT")];
    let url = format!("{}/x", gateway.origin);
    let answer = send_from("OPTIONS", "https://app.example", url, &asks).await;
    assert!(answer.body.starts_with("up OPTIONS /x\n"), "{answer:?}");
    assert_eq!(answer.field("vary"), "");
}

#[tokio::test]
async fn an_upstream_that_is_down_costs_one_answer() {
    let down = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let up = upstream("up").await;
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/down'\nupstream = 'http://{down}'\n\
         [[routes]]\nprefix = '/up'\nupstream = 'http://{up}'\n"
    ));
    let answer = get(format!("{}/down/x", gateway.origin)).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(!answer.body.contains(&down.to_string()), "{}", answer.body);
    let answer = get(format!("{}/up/x", gateway.origin)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_believed_of_trusted_proxies_only() {
    let upstream = upstream("up").await;
    let route = format!("[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n");
    let says = [("x-forwarded-for", "192.0.2.1")];
    for (trust, seen) in [
        ("", "x-forwarded-for: 127.0.0.1\n"),
        (
            "trusted_proxies = ['127.0.0.0/8']\n",
            "x-forwarded-for: 192.0.2.1, 127.0.0.1\n",
        ),
    ] {
        let gateway = gateway::with(&format!("{trust}{route}"));
        let url = format!("{}/", gateway.origin);
        let answer = send_from("GET", "https://a.example", url, &says).await;
        assert!(answer.body.contains(seen), "{trust}: {}", answer.body);
    }
}
