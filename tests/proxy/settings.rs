//! Wrong settings are values: all of them, each with its key and a remedy.

use std::sync::Arc;
use std::time::Duration;

use same_origin::proxy::{
    Client, ClientBuildError, Limits, ProxyBuilder, ProxyConfigErrors, ReverseProxy, Timeouts,
    UpstreamTls,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::{Answer, Upstream, get, reply, serve};

/// `key: what is wrong` of each problem.
fn problems(builder: &ProxyBuilder) -> Vec<String> {
    let errors = builder.build().unwrap_err();
    errors.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn every_problem_is_told_at_once() {
    let builder = ReverseProxy::builder("api", "ftp://a.example")
        .remove_request_headers(["x-ok", "not a name", "Host"])
        .timeouts(Timeouts::default().connect(Duration::ZERO))
        .limits(
            Limits::default()
                .in_flight(0)
                .client_share(0.0)
                .connection_share(f64::NAN)
                .tunnels(usize::MAX)
                .response_head(100),
        )
        .via("two words");
    assert_eq!(
        problems(&builder),
        [
            "prefix: \"api\" does not start with a slash: write \"/api\"",
            "upstream: \"ftp://a.example\" is not the address of an upstream: unknown scheme \"ftp\"; \
             write http, https or h2c",
            "remove_request_headers[1]: \"not a name\" is not the name of a field: write letters, digits and \
             -_. only",
            "remove_request_headers[2]: \"Host\" is a field that the proxy needs or writes itself: write \
             `preserve_host`",
            "timeouts.connect: \"0s\" is out of bounds: write a time above zero",
            "limits.in_flight: \"0\" is out of bounds: write at least 1",
            &format!(
                "limits.tunnels: \"{}\" is out of bounds: write at most {}",
                usize::MAX,
                Semaphore::MAX_PERMITS
            ),
            "limits.client_share: \"0\" is out of bounds: write a share above 0 and at most 1.0, which switches \
             the bound off",
            "limits.connection_share: \"NaN\" is out of bounds: write a share above 0 and at most 1.0, which \
             switches the bound off",
            "limits.response_head: \"100\" is out of bounds: write at least 1024",
            "via: \"two words\" is not a name for Via and Proxy-Status: write a token that begins with a letter \
             or `*`, or host:port (RFC 9110 5.6.2, RFC 9651 3.3.4)",
        ]
    );
}

/// The longest time that can be written is never over, and is not added to a clock.
#[tokio::test]
async fn times_may_be_as_long_as_one_likes() {
    const SWITCHED: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    let upstream = Upstream::start(|seen| match seen.target() {
        "/tunnel" => SWITCHED.to_vec(),
        _ => reply(""),
    });
    let upstream = upstream.await;
    let timeouts = Timeouts::default()
        .connect(Duration::MAX)
        .response(Duration::MAX)
        .idle(Duration::MAX)
        .tunnel(Duration::MAX)
        .client(Duration::MAX);
    let limits = Limits::default().connection_age(Duration::MAX).in_flight(1);
    let proxy = ReverseProxy::builder("/api", upstream.url(""));
    let proxy = proxy.timeouts(timeouts).limits(limits).build().unwrap();
    let server = serve(proxy.clone()).await;

    let mut slow = TcpStream::connect(server).await.unwrap();
    let head = "POST /api/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    // The only place is taken: this one waits for it.
    let waits = tokio::spawn(get(server, "/api/y", ""));
    for byte in [b"a", b"b"] {
        tokio::time::sleep(Duration::from_millis(50)).await;
        slow.write_all(byte).await.unwrap();
    }
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Answer::parse(&answer).status, 200);
    assert_eq!(waits.await.unwrap().status, 200);
    assert_eq!(proxy.connections(), 1);

    let mut client = TcpStream::connect(server).await.unwrap();
    let offer = "GET /api/tunnel HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nmore\r\n\r\n";
    client.write_all(offer.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"ok") {
        bytes.push(client.read_u8().await.unwrap());
    }
    assert!(bytes.starts_with(b"HTTP/1.1 101 "));
}

#[test]
fn a_name_is_one_for_both_fields() {
    for (via, is_one) in [
        ("gateway-1.example", true),
        ("gateway.example:8080", true),
        ("*", true),
        ("1st", false),
        ("a/b", false),
        ("a:b", false),
        ("a:80:80", false),
        ("a:99999", false),
        ("", false),
    ] {
        let proxy = ReverseProxy::builder("/api", "http://a.example").via(via);
        assert_eq!(proxy.build().is_ok(), is_one, "{via}");
    }
}

#[test]
fn a_client_that_could_not_work_is_not_built() {
    let client = || Client::builder().tls_config(no_roots());
    assert!(client().build().is_ok());
    let (few, many) = (
        Limits::default().in_flight(0),
        Limits::default().in_flight(usize::MAX),
    );
    let small = Limits::default().response_head(1);
    let aged = Limits::default().connection_age(Duration::ZERO);
    let no_fields = Limits::default().response_fields(0);
    let greedy = Limits::default().client_share(1.5);
    for limits in [few, many, small, aged, no_fields, greedy] {
        let refused = client().limits(limits.clone()).build();
        assert!(
            matches!(refused, Err(ClientBuildError::Bounds(_))),
            "{limits:?}"
        );
    }
    let timeouts = Timeouts::default;
    for timeouts in [
        timeouts().connect(Duration::ZERO),
        timeouts().idle(Duration::ZERO),
    ] {
        assert!(client().timeouts(timeouts).build().is_err());
    }
}

fn no_roots() -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let roots = rustls::RootCertStore::empty();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

#[test]
fn files_are_looked_at_beside_everything_else() {
    let builder = || {
        let tls = UpstreamTls::default().ca("/nonexistent/ca.pem");
        ReverseProxy::builder("api", "https://a.example").upstream_tls(tls)
    };
    let keys = |errors: ProxyConfigErrors| {
        errors
            .iter()
            .map(|e| e.key().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        keys(builder().build().unwrap_err()),
        ["prefix", "upstream_tls.ca"]
    );
    // It would have no effect on a client that is given.
    assert_eq!(
        keys(builder().build_with_client(()).unwrap_err()),
        ["prefix", "upstream_tls"]
    );
}

#[test]
fn prefixes_are_canonical() {
    for (prefix, why) in [
        ("", "not start with a slash"),
        ("/api/", "write \"/api\""),
        ("/api//x", "empty segment"),
        ("/a/../b", "dot segment"),
        ("/%2e%2e/b", "dot segment"),
        ("/api?x", "query"),
        ("/api#x", "fragment"),
        ("/a b", "arrive percent-encoded: write \"/a%20b\""),
        ("/ä", "arrive percent-encoded: write \"/%C3%A4\""),
    ] {
        let found = problems(&ReverseProxy::builder(prefix, "http://a.example"));
        assert!(
            found.len() == 1 && found[0].contains(why),
            "{prefix}: {found:?}"
        );
    }
    for prefix in ["/", "/api", "/api/v1.0", "/%C3%A4", "/a~b"] {
        assert!(
            ReverseProxy::new(prefix, "http://a.example").is_ok(),
            "{prefix}"
        );
    }
}

#[test]
fn a_list_of_upstreams_is_one_service() {
    let list = |urls: &[&str]| {
        problems(&ReverseProxy::builder("/api", "").upstreams(urls.iter().copied()))
    };
    assert_eq!(
        list(&[]),
        ["upstream: is empty: name at least one upstream"]
    );
    assert_eq!(
        list(&["http://a/x", "http://b/y", "http://A:80/x", "b"]),
        [
            "upstream[1]: \"http://b/y\" has another base path than the first upstream: write the path \"/x\"",
            "upstream[2]: \"http://A:80/x\" is in the list already: remove it",
            "upstream[3]: \"b\" is not the address of an upstream: no scheme; write http://, https:// or h2c:// \
             before the host",
        ]
    );
}

#[test]
fn the_builder_is_the_configuration() {
    let text = r#"
        prefix = "/api"
        upstream = ["http://a.example/x", "http://b.example/x"]
        keep_prefix = true
        remove_request_headers = ["cookie"]
        timeouts = { connect = "1s 500ms" }
        forwarding = ["X-Forwarded-For", "forwarded", "X-REAL-IP", "forwarded"]
        trusted_proxies = ["10.0.0.0/8"]
        limits = { request_body = "10MB", response_head = "128KiB", connection_age = "1m" }
        rewrite_cookies = "confine"
        set_request_headers = { x-api-key = "k" }
        set_response_headers = { Cache-Control = "no-store", vary = "accept" }
        remove_response_headers = ["Server"]
    "#;
    let builder: ProxyBuilder = toml::from_str(text).unwrap();
    let written = toml::to_string(&builder).unwrap();
    let again: ProxyBuilder = toml::from_str(&written).unwrap();
    assert_eq!(toml::to_string(&again).unwrap(), written);
    for part in [
        "connect = \"1s 500ms\"",
        "request_body = 10000000",
        "response_head = 131072",
        "rewrite_cookies = \"confine\"",
        "forwarding = [\"x-forwarded-for\", \"forwarded\", \"x-real-ip\", ",
    ] {
        assert!(written.contains(part), "{part} in\n{written}");
    }
    builder.build().unwrap();

    for (wrong, why) in [
        ("prefix = '/a'", "upstream"),
        (
            "prefix = '/a'\nupstream = 'http://a'\nunknown = 1",
            "unknown field",
        ),
        (
            "prefix = '/a'\nupstream = 'http://a'\ntimeouts = { connect = '5' }",
            "is not a duration",
        ),
        (
            "prefix = '/a'\nupstream = 'http://a'\ntimeouts = { conect = '5s' }",
            "unknown field",
        ),
        ("prefix = '/a'\nupstream = 1", "a URL or a list of URLs"),
        (
            "prefix = '/a'\nupstream = 'http://a'\ntimeouts = { connect = 5 }",
            "a duration with its unit",
        ),
        (
            "prefix = '/a'\nupstream = 'http://a'\nlimits = { request_body = '10m' }",
            "10MiB",
        ),
        (
            "prefix = '/a'\nupstream = 'http://a'\nlimits = { request_body = -1 }",
            "write a number above 0",
        ),
        (
            "prefix = '/a'\nupstream = 'http://a'\nlimits = { response_head = '8GiB' }",
            "too large",
        ),
        (
            "prefix = '/a'\nupstream = 'http://a'\nrewrite_cookies = 'yes'",
            "true, false or \"confine\"",
        ),
        (
            "prefix = '/a'\nupstream = 'http://a'\ntrusted_proxies = ['x']",
            "trusted_proxies",
        ),
    ] {
        let error = toml::from_str::<ProxyBuilder>(wrong)
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{wrong}: {error}");
    }
}
