//! Wrong settings are told at once, each with what to write instead.

use same_origin::cors::CorsPolicy;
use same_origin::guard::{Exemption, Guard, GuardBuilder, GuardConfigErrorKind as Kind};
use same_origin::origin::{OriginErrorKind, OriginPattern, OriginSet};

fn errors(builder: &GuardBuilder) -> String {
    builder.build().expect_err("an error").to_string()
}

#[test]
fn each_mistake_has_its_remedy() {
    let hosts = |host: &str| Guard::builder().hosts([host]);
    let public = |origin: &str| Guard::builder().public_origins([origin]);
    let trust = |origin: &str| Guard::builder().trust([origin]);
    let exempt = |path: &str| Guard::builder().dangerously_exempt([path]);
    let method = |method: &str| {
        let exemption = Exemption::new("/hook").methods([method]);
        Guard::builder().dangerously_exempt([exemption])
    };
    let none: [&str; 0] = [];
    for (builder, kind, text) in [
        (
            Guard::builder().hosts(none),
            Kind::EmptyList,
            "remove it to answer all",
        ),
        (hosts(""), Kind::NoHost, "write a host such as"),
        (hosts(":80"), Kind::NoHost, "write a host such as"),
        (hosts("*"), Kind::HostPattern, "remove hosts"),
        (hosts("*.example.com"), Kind::HostPattern, "name each host"),
        (
            hosts("https://app.example.com"),
            Kind::HostWithScheme,
            "write \"app.example.com\"",
        ),
        (
            hosts("https://app.example.com:8443/x"),
            Kind::HostWithScheme,
            "write \"app.example.com:8443\"",
        ),
        (
            hosts("app.example.com/x"),
            Kind::HostWithPath,
            "write \"app.example.com\"",
        ),
        (
            hosts("u@app.example.com"),
            Kind::HostWithUserinfo,
            "write \"app.example.com\"",
        ),
        (hosts("::1"), Kind::Ipv6WithoutBrackets, "write \"[::1]\""),
        (
            hosts("app.example.com:99999"),
            Kind::Port,
            "write \"app.example.com\" for any port",
        ),
        (
            hosts("app.example.com:"),
            Kind::Port,
            "write \"app.example.com\" for any port",
        ),
        (
            hosts("app.example.com:0"),
            Kind::Port,
            "write \"app.example.com\" for any port",
        ),
        (
            hosts("app.example.com:080"),
            Kind::Port,
            "write \"app.example.com\" for any port",
        ),
        (
            hosts("App.example.com"),
            Kind::Host(OriginErrorKind::UpperCase),
            "write \"app.example.com\"",
        ),
        (
            hosts("bücher.example:81"),
            Kind::Host(OriginErrorKind::Unicode),
            "write \"xn--bcher-kva.example:81\"",
        ),
        (
            hosts("[0:0::1]"),
            Kind::Host(OriginErrorKind::Ipv6),
            "write \"[::1]\"",
        ),
        (
            hosts("[::1"),
            Kind::Host(OriginErrorKind::Ipv6),
            "write a host such as",
        ),
        (hosts("[::1]:0"), Kind::Port, "write \"[::1]\" for any port"),
        (
            hosts("127.1"),
            Kind::Host(OriginErrorKind::Ipv4),
            "write a host such as",
        ),
        (
            hosts("a b"),
            Kind::Host(OriginErrorKind::HostCharacter),
            "write a host such as",
        ),
        (
            Guard::builder().public_origins(none),
            Kind::EmptyList,
            "remove it",
        ),
        (
            public("app.example.com"),
            Kind::Origin(OriginErrorKind::NoScheme),
            "write \"https://app.example.com\"",
        ),
        (
            public("https://a.example/app"),
            Kind::Origin(OriginErrorKind::Path),
            "write \"https://a.example\"",
        ),
        (
            public("https://*.a.example"),
            Kind::OriginPattern,
            "in full",
        ),
        (
            public("*.a.example"),
            Kind::Origin(OriginErrorKind::NoScheme),
            "in full",
        ),
        (
            public("data:"),
            Kind::Origin(OriginErrorKind::OpaqueScheme),
            "write an origin such as",
        ),
        (
            public("null"),
            Kind::Origin(OriginErrorKind::Null),
            "remove it",
        ),
        (
            Guard::builder().trust(none),
            Kind::EmptyList,
            "remove it to trust none",
        ),
        (
            trust("*"),
            Kind::Origin(OriginErrorKind::Star),
            "mode = \"credentials\"",
        ),
        (
            trust("null"),
            Kind::Origin(OriginErrorKind::Null),
            "dangerously_exempt",
        ),
        (
            trust("https://a.example/"),
            Kind::Origin(OriginErrorKind::Path),
            "write \"https://a.example\"",
        ),
        (
            trust("wss://a.example"),
            Kind::Origin(OriginErrorKind::WebSocketScheme),
            "write \"https://a.example\"",
        ),
        (
            trust("https://*.com"),
            Kind::PublicSuffix,
            "name the origins that are yours",
        ),
        (
            Guard::builder().dangerously_exempt(none),
            Kind::EmptyList,
            "remove it to exempt none",
        ),
        (exempt(""), Kind::RelativePath, "write a path such as"),
        (
            exempt("api/hook"),
            Kind::RelativePath,
            "write \"/api/hook\"",
        ),
        (
            exempt("https://a.example/hook"),
            Kind::RelativePath,
            "write the path alone",
        ),
        (exempt("/"), Kind::WholeServer, "leave the guard out"),
        (
            exempt("/api/*"),
            Kind::PathPattern,
            "what is below is exempt, too",
        ),
        (
            exempt("/api/{id}"),
            Kind::PathPattern,
            "what is below is exempt, too",
        ),
        (
            exempt("/api/:id"),
            Kind::PathPattern,
            "what is below is exempt, too",
        ),
        (
            exempt("/api/[id]"),
            Kind::PathPattern,
            "what is below is exempt, too",
        ),
        (
            exempt("/hook$"),
            Kind::PathPattern,
            "write \"/hook\", which",
        ),
        (exempt("/$"), Kind::PathPattern, "leave the guard out"),
        (exempt("/[id]"), Kind::PathPattern, "or leave the guard out"),
        (
            exempt("/api/.+$"),
            Kind::PathPattern,
            "not a regular expression",
        ),
        (
            exempt("^/api$"),
            Kind::PathPattern,
            "not a regular expression",
        ),
        (
            exempt("/hook?x"),
            Kind::PathWithQuery,
            "write the path alone",
        ),
        (
            exempt("/hook#x"),
            Kind::PathWithQuery,
            "write the path alone",
        ),
        (
            exempt("/hook/../x"),
            Kind::DotSegment,
            "the path that is meant",
        ),
        (
            exempt("/hook/%2e%2E"),
            Kind::DotSegment,
            "the path that is meant",
        ),
        (exempt("/hook/"), Kind::EmptySegment, "write \"/hook\""),
        (exempt("//"), Kind::WholeServer, "name the path"),
        (exempt("/a//b"), Kind::EmptySegment, "write one slash"),
        (exempt("/a b"), Kind::PathCharacter, "percent-encoded"),
        (exempt("/a\\b"), Kind::PathCharacter, "percent-encoded"),
        (exempt("/é"), Kind::PathCharacter, "percent-encoded"),
        (exempt("/100%"), Kind::PercentEncoding, "%25"),
        (method(""), Kind::Method, "write one method for each entry"),
        (
            method("PO ST"),
            Kind::Method,
            "write one method for each entry",
        ),
        (
            method("POST, put"),
            Kind::Method,
            "write \"POST\", \"PUT\", each as an entry of its own",
        ),
        (
            method("POST PUT"),
            Kind::Method,
            "write \"POST\", \"PUT\", each as an entry of its own",
        ),
        (
            hosts("a.example, B.example:8443"),
            Kind::Host(OriginErrorKind::HostCharacter),
            "write \"a.example\", \"b.example:8443\", each as an entry of its own",
        ),
        (
            trust("https://a.example,https://b.example"),
            Kind::Origin(OriginErrorKind::Several),
            "write \"https://a.example\", \"https://b.example\", each as an entry of its own",
        ),
        (method("*"), Kind::Method, "remove the list"),
        (
            trust("moz-extension://*"),
            Kind::AnyExtension,
            "set dangerously_allow_any_extension",
        ),
        (
            trust("chrome-extension://*"),
            Kind::AnyExtension,
            "name the extensions",
        ),
        (method("post"), Kind::MethodCase, "write \"POST\""),
    ] {
        let errors = builder.build().expect_err("an error");
        let found: Vec<_> = errors.iter().map(|error| error.kind()).collect();
        assert_eq!(found, [kind], "{builder:?}");
        assert!(
            errors.to_string().contains(text),
            "{text} is not in {errors}"
        );
    }
}

#[test]
fn all_mistakes_are_told_at_once_with_key_and_place() {
    let builder = Guard::builder()
        .hosts(["app.example.com", "https://a.example"])
        .public_origins(["a.example"])
        .trust(["https://a.example", "*"])
        .dangerously_exempt([
            Exemption::new("/good"),
            Exemption::new("hook").methods(["post", "P T"]),
        ]);
    assert_eq!(
        errors(&builder),
        "hosts[1]: \"https://a.example\" has a scheme, which is not part of a host: write \"a.example\"\n\
         public_origins[0]: \"a.example\" does not begin with a scheme and \"://\": write \"https://a.example\"\n\
         trust[1]: \"*\" is not an origin, as it stands for all of them: name the origins; to let all sites call a public API, write mode = \"credentials\"\n\
         dangerously_exempt[1]: \"hook\" does not begin with a slash: write \"/hook\"\n\
         dangerously_exempt[1]: \"post\" is in the wrong case, and methods are case-sensitive: write \"POST\"\n\
         dangerously_exempt[1]: \"P T\" is not a valid method: write one method for each entry, such as \"POST\""
    );
}

#[test]
fn what_is_good_is_taken() {
    let set: OriginSet = ["https://a.example", "http://localhost:*"]
        .iter()
        .map(|text| text.parse::<OriginPattern>().unwrap())
        .collect();
    let guard = Guard::builder()
        .hosts([
            "app.example.com:8443",
            "127.0.0.1",
            "[::1]",
            "[::1]:8080",
            "localhost",
            "my_app.example",
        ])
        .public_origins(["http://localhost:3000", "https://app.example.com"])
        .trust(set.iter())
        .dangerously_exempt([
            "/api/hook",
            "/a%20b",
            "/v1/x:run",
            "/a;v=1",
            "/~u/@me",
            "/odata/$metadata",
        ])
        .build()
        .expect("a guard");
    assert!(guard.trusted().contains("http://localhost:5173"));
}

#[test]
fn of_cors_only_what_has_credentials_is_trusted() {
    let cors = |credentials| {
        let builder =
            CorsPolicy::builder().allow_origins(["https://spa.example", "https://*.team.example"]);
        builder
            .allow_credentials(credentials)
            .build()
            .expect("a policy")
    };
    let trusted = |policy: &CorsPolicy| {
        let guard = Guard::builder()
            .trust(["https://own.example"])
            .trust_cors(policy);
        let guard = guard.build().expect("a guard");
        let listed: Vec<_> = guard.trusted().iter().map(ToString::to_string).collect();
        listed
    };
    assert_eq!(
        trusted(&cors(true)),
        [
            "https://*.team.example",
            "https://own.example",
            "https://spa.example"
        ]
    );
    assert_eq!(trusted(&cors(false)), ["https://own.example"]);
    let any = CorsPolicy::builder()
        .allow_origins(same_origin::cors::Any)
        .build()
        .expect("a policy");
    assert_eq!(trusted(&any), ["https://own.example"]);
}

#[test]
fn a_table_and_back() {
    let text = "\
mode = \"credentials\"
hosts = [\"app.example.com\"]
public_origins = [\"https://app.example.com\"]
trust = [\"https://partner.example\", \"moz-extension://*\"]
dangerously_exempt = [{ path = \"/api/hook\", methods = [\"POST\"] }, { path = \"/acs\" }]
dangerously_allow_any_extension = true
require_browser_fields = true
report_only = true
";
    let builder: GuardBuilder = toml::from_str(text).expect("settings");
    let guard = builder.build().expect("a guard");
    assert_eq!(guard.to_string(), text);
    assert_eq!(guard.settings(), builder);
    let again: GuardBuilder =
        toml::from_str(&toml::to_string(&builder).expect("a text")).expect("settings");
    assert_eq!(again, builder);
    assert_eq!(
        toml::to_string(&GuardBuilder::default()).expect("a text"),
        ""
    );
}

#[test]
fn unknown_keys_are_refused() {
    for (text, names) in [
        ("trusted = []", "trusted"),
        ("exempt = []", "exempt"),
        ("trust_cors = true", "trust_cors"),
        ("mode = \"lax\"", "lax"),
        (
            "dangerously_exempt = [{ path = \"/x\", method = \"POST\" }]",
            "method",
        ),
        ("dangerously_exempt = [{ methods = [\"POST\"] }]", "path"),
    ] {
        let error = toml::from_str::<GuardBuilder>(text)
            .expect_err("an error")
            .to_string();
        assert!(error.contains(names), "{names} is not in {error}");
    }
}
