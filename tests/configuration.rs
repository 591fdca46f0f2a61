//! Builders as configuration: each is written as JSON and as TOML, and read again.

use std::time::Duration;

use same_origin::cache::{Cache, CacheBuilder};
use same_origin::cors::{Any, CorsBuilder, CorsPolicy};
use same_origin::guard::{Exemption, Guard, GuardBuilder, Mode};
use same_origin::proxy::{
    CookieAttributes, CookieRewrite, Dns, ForwardingField, Limits, ProxyBuilder, ReverseProxy,
    SameSite, Timeouts, UpstreamTls,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Writes a value in each format, reads it, and compares what it then writes. Returns it as JSON.
fn written<T: Serialize + DeserializeOwned>(name: &str, value: &T) -> Value {
    let json = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(serde_json::to_string(&read).unwrap(), json, "{name}");
    let toml = toml::to_string(value).unwrap();
    let read: T = toml::from_str(&toml).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(toml::to_string(&read).unwrap(), toml, "{name}");
    // A tree of values is read by other code than a text.
    let tree = serde_json::to_value(value).unwrap();
    let read: T =
        serde_json::from_value(tree.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(serde_json::to_value(&read).unwrap(), tree, "{name}");
    tree
}

#[test]
fn a_proxy_is_read_as_it_was_written() {
    let odd = Duration::new(90_061, 1_500_001);
    let timeouts = Timeouts::default()
        .connect(odd)
        .response(odd)
        .idle(odd)
        .tunnel(odd)
        .client(Duration::MAX);
    let limits = Limits::default()
        .in_flight(1)
        .client_share(1.0)
        .connection_share(0.3)
        .waiting(2)
        .idle_connections(3)
        .connection_age(odd)
        .request_body(1 << 40)
        .response_head(u32::MAX)
        .response_fields(4)
        .tunnels(5);
    let cookies = CookieAttributes::default()
        .secure(true)
        .same_site(SameSite::None)
        .partitioned(true);
    let dns = Dns::default()
        .min_ttl(odd)
        .max_ttl(odd)
        .ipv6(false)
        .servers(["[::1]:53".parse().unwrap()]);
    let builder = |upstream| ReverseProxy::builder("/a", upstream);
    let full = builder("http://b.example/x")
        .upstreams(["http://b.example", "https://c.example/y"])
        .keep_prefix(true)
        .preserve_host(true)
        .rewrite_origin(true)
        .rewrite_location(false)
        .rewrite_cookies(CookieRewrite::Confine)
        .cookies(cookies)
        .remove_request_headers(["a"])
        .set_request_headers([("b", "\"1\"\t")])
        .remove_response_headers(["c"])
        .set_response_headers([("d", "")])
        .refuse_unexpected_content(true)
        .timeouts(timeouts)
        .forwarding([ForwardingField::Forwarded, ForwardingField::XRealIp])
        .trusted_proxies(["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()])
        .via("a.example:80")
        .limits(limits)
        .upstream_tls(
            UpstreamTls::default()
                .ca("/ca.pem")
                .client_certificate("/c.pem", "/k.pem"),
        )
        .dns(dns);
    let full = written("everything set", &full);
    let sparse = builder("http://b")
        .rewrite_cookies(false)
        .forwarding([])
        .upstream_tls(UpstreamTls::default())
        .dns(Dns::default());
    written("empty tables", &sparse);
    let default = written("defaults", &builder("http://b"));
    // A key that is new in the builder is to be set above.
    for (key, value) in full.as_object().unwrap() {
        assert!(key == "prefix" || default.get(key) != Some(value), "{key}");
    }
}

#[test]
fn what_is_absent_may_be_null() {
    let nulls = r#"{"prefix": "/a", "upstream": "http://b", "limits": {"request_body": null},
        "cookies": {"same_site": null}, "upstream_tls": null, "dns": null}"#;
    let read: ProxyBuilder = serde_json::from_str(nulls).unwrap();
    let default = ReverseProxy::builder("/a", "http://b");
    assert_eq!(
        serde_json::to_value(&read).unwrap(),
        serde_json::to_value(&default).unwrap()
    );
    let tls = r#"{"ca": null, "cert": null, "key": null}"#;
    assert_eq!(
        serde_json::from_str::<UpstreamTls>(tls).unwrap(),
        UpstreamTls::default()
    );
    let cors = r#"{"max_age": null}"#;
    assert_eq!(
        serde_json::from_str::<CorsBuilder>(cors).unwrap(),
        CorsPolicy::builder()
    );
    let guard = r#"{"mode": null, "hosts": null, "public_origins": null, "trust": null,
        "dangerously_exempt": null}"#;
    assert_eq!(
        serde_json::from_str::<GuardBuilder>(guard).unwrap(),
        Guard::builder()
    );
    // A setting that is there needs a value.
    for text in [r#"{"request_body": "1"}"#, r#"{"response_head": null}"#] {
        assert!(serde_json::from_str::<Limits>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<Timeouts>(r#"{"connect": null}"#).is_err());
}

#[test]
fn a_policy_is_read_as_it_was_written() {
    let full = CorsPolicy::builder()
        .allow_origins(["https://a.example"])
        .allow_null_origin(true)
        .allow_credentials(true)
        .allow_methods(["PUT"])
        .allow_headers(["a"])
        .expose_headers(["b"])
        .max_age(Duration::from_secs(600))
        .debug(true)
        .dangerously_allow_insecure_origins(true)
        .dangerously_allow_public_suffixes(true)
        .dangerously_allow_credentialed_null_origin(true)
        .dangerously_allow_any_extension(true);
    let any = CorsPolicy::builder()
        .allow_origins(Any)
        .allow_methods(Any)
        .allow_headers(Any)
        .expose_headers(Any);
    // It is refused when the policy is built, and so it has to be when it was written in between.
    let fraction = CorsPolicy::builder().max_age(Duration::from_millis(1500));
    for (name, builder) in [
        ("defaults", CorsPolicy::builder()),
        ("everything set", full),
        ("any", any),
        ("a fraction of a second", fraction),
    ] {
        let json = written(name, &builder);
        assert_eq!(
            serde_json::from_value::<CorsBuilder>(json).unwrap(),
            builder,
            "{name}"
        );
    }
}

#[test]
fn a_guard_is_read_as_it_was_written() {
    let full = Guard::builder()
        .mode(Mode::Credentials)
        .hosts(["a.example"])
        .public_origins(["https://a.example"])
        .trust(["https://b.example"])
        .dangerously_exempt([Exemption::new("/x").methods(["POST"]), Exemption::new("/y")])
        .dangerously_allow_any_extension(true)
        .require_browser_fields(true)
        .report_only(true);
    let empty = Guard::builder().hosts([""; 0]).trust([""; 0]);
    for (name, builder) in [
        ("defaults", Guard::builder()),
        ("everything set", full),
        ("empty lists", empty),
    ] {
        let json = written(name, &builder);
        assert_eq!(
            serde_json::from_value::<GuardBuilder>(json).unwrap(),
            builder,
            "{name}"
        );
    }
}

#[test]
fn a_cache_is_read_as_it_was_written() {
    let full = Cache::builder()
        .size(1 << 33)
        .object(1)
        .stale(Duration::from_millis(2500))
        .wait(Duration::ZERO)
        .name("a")
        .dangerously_store_set_cookie(true);
    for (name, builder) in [("defaults", Cache::builder()), ("everything set", full)] {
        let json = written(name, &builder);
        assert_eq!(
            serde_json::from_value::<CacheBuilder>(json).unwrap(),
            builder,
            "{name}"
        );
    }
}

/// A portal or a CLI shows them.
#[test]
fn errors_of_every_builder_can_be_written_with_their_kind() {
    fn kind<E: Serialize>(errors: Option<E>) -> Value {
        serde_json::to_value(errors.unwrap()).unwrap()[0]["kind"].clone()
    }
    let policy = CorsPolicy::builder().build();
    let guard = Guard::builder().hosts([""]).build();
    let proxy = ReverseProxy::builder("api", "http://a.example").build();
    let cache = Cache::builder().size(0).build();
    assert_eq!(kind(policy.err()), "no_origins");
    assert_eq!(kind(guard.err()), "no_host");
    assert_eq!(kind(proxy.err()), "not_a_path");
    assert_eq!(kind(cache.err()), "zero");
}

/// What serde prints says what is wrong, and what to write.
#[test]
fn a_value_that_does_not_fit_is_told_with_a_remedy() {
    for (setting, message) in [
        (
            r#""upstream": 1"#,
            "invalid type: integer `1`, expected a URL or a list of URLs",
        ),
        (
            r#""upstream": null"#,
            "invalid type: null, expected a URL or a list of URLs",
        ),
        (
            r#""upstream": ["http://b", 1]"#,
            "invalid type: integer `1`, expected a string",
        ),
        (
            r#""upstream": "http://b", "rewrite_cookies": "yes""#,
            "invalid value: string \"yes\", expected true, false or \"confine\"",
        ),
        (
            r#""upstream": "http://b", "rewrite_cookies": 1"#,
            "invalid type: integer `1`, expected true, false or \"confine\"",
        ),
        (
            r#""upstream": "http://b", "trusted_proxies": ["10.0.0.1"]"#,
            "\"10.0.0.1\" is not a network; write \"10.0.0.1/32\"",
        ),
        (
            r#""upstream": "http://b", "trusted_proxies": ["10.0.0.0/8", "x"]"#,
            "\"x\" is not a network; write one like \"10.0.0.0/8\" or \"fd00::/8\"",
        ),
        (
            r#""upstream": "http://b", "trusted_proxies": [10]"#,
            "invalid type: integer `10`, expected a network, such as \"10.0.0.0/8\"",
        ),
        (
            r#""upstream": "http://b", "dns": {"servers": ["::1"]}"#,
            "\"::1\" has no port; write \"[::1]:53\"",
        ),
        (
            r#""upstream": "http://b", "dns": {"servers": ["dns.example"]}"#,
            "\"dns.example\" is not an address with a port; write one like \"1.1.1.1:53\"",
        ),
        (
            r#""upstream": "http://b", "dns": {"servers": [53]}"#,
            "invalid type: integer `53`, expected an address with a port, such as \"1.1.1.1:53\"",
        ),
    ] {
        let json = format!("{{\"prefix\": \"/a\", {setting}}}");
        let Err(error) = serde_json::from_str::<ProxyBuilder>(&json) else {
            panic!("{setting} is read");
        };
        let error = error.to_string();
        let told = error.rsplit_once(" at line ").unwrap().0;
        assert_eq!(told, message, "{setting}");
    }
}
