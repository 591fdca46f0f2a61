//! The front door that an event came through: its public path, the part of it that is not the router's, and
//! what it knows of the client.

use std::net::{IpAddr, SocketAddr};

use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayProxyRequestContext, ApiGatewayV2httpRequestContext,
};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};
use same_origin::proxy::Peer;

/// The facts that a front door tells of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    /// The path as the client has it in its address bar.
    pub(crate) path: String,
    /// The door has decoded the path, so that a `%` in it is one.
    pub(crate) is_decoded: bool,
    /// The part of it that is not the router's: the stage, or a base path.
    pub(crate) prefix: String,
    /// The API's own name, in AWS's word; an ALB and a test from the console have none.
    pub(crate) domain: Option<String>,
    client: Option<IpAddr>,
    /// `None`: an ALB, which has listeners for both schemes, and says which in `X-Forwarded-Proto`.
    https: Option<bool>,
}

impl Door {
    /// Reads them of a request with the context of its event. `base` is the base path that a custom domain maps to
    /// the function, or the prefix of an ALB's rule.
    pub(crate) fn of(request: &Request, is_http_api: bool, base: &str) -> Self {
        let mut door = Self {
            path: request.raw_http_path().to_owned(),
            is_decoded: is_http_api,
            prefix: match base.trim_matches('/') {
                "" => String::new(),
                base => format!("/{base}"),
            },
            domain: None,
            client: None,
            https: Some(true),
        };
        match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => door.read_first(context, is_http_api),
            Some(RequestContext::ApiGatewayV2(context)) => door.read_second(context, is_http_api),
            Some(RequestContext::Alb(_)) => {
                let last = request
                    .headers()
                    .get_all("x-forwarded-for")
                    .iter()
                    .next_back();
                let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
                // It appends the address that it sees; what stands before is the client's word.
                door.client = parse(last.map(str::trim));
                door.https = None;
            }
            _ => {}
        }
        door
    }

    /// Payload format 1.0, of a REST API and of an HTTP API.
    fn read_first(&mut self, context: &ApiGatewayProxyRequestContext, is_http_api: bool) {
        let domain = context.domain_name.as_deref();
        // An event has two paths. They differ by the stage at the API's own address; at a custom domain both have
        // its base path, and neither a stage (aws-lambda-rust-runtime#782).
        let public = context.path.clone().unwrap_or_else(|| self.path.clone());
        let stage = context.stage.as_deref().filter(|stage| {
            // Both have the stage where the event is an HTTP API's (lambda-api#136).
            let is_in_both = is_http_api && self.path == public && is_own(domain);
            is_stage_before(stage, &public, &self.path) || is_in_both && is_below(&public, stage)
        });
        if let Some(stage) = stage {
            self.prefix = format!("/{stage}");
        }
        self.path = public;
        self.domain.clone_from(&context.domain_name);
        self.client = parse(context.identity.source_ip.as_deref());
    }

    /// Payload format 2.0, of an HTTP API and of a function URL.
    fn read_second(&mut self, context: &ApiGatewayV2httpRequestContext, is_http_api: bool) {
        let domain = context.domain_name.as_deref();
        // An event has one path, with the stage in it (#668, #919).
        let stage = context.stage.as_deref();
        let stage = stage.filter(|stage| *stage != "$default" && is_below(&self.path, stage));
        match (is_own(domain), stage) {
            (true, Some(stage)) => self.prefix = format!("/{stage}"),
            (false, stage) if is_http_api && domain.is_some() => self.map(stage),
            _ => {}
        }
        self.domain.clone_from(&context.domain_name);
        self.client = parse(context.http.source_ip.as_deref());
    }

    /// Makes the public path of the one in the event of an HTTP API at a custom domain: that has the stage, which the
    /// client does not write, and not the base path, which it does (serverless-express#465, and AWS's page on
    /// payload formats).
    fn map(&mut self, stage: Option<&str>) {
        if let Some(stage) = stage {
            // With the slash before it.
            self.path.drain(..=stage.len());
        }
        let base = self.prefix.strip_prefix('/');
        if base.is_some_and(|base| !is_below(&self.path, base)) {
            self.path.insert_str(0, &self.prefix);
        }
    }

    /// Whether the client came by TLS, with the `X-Forwarded-Proto` that the door has set.
    pub(crate) fn is_https(&self, proto: Option<&[u8]>) -> bool {
        self.https.unwrap_or(proto == Some(b"https"))
    }

    /// The client's address, as far as the door knows it.
    pub(crate) fn peer(&self, https: bool) -> Option<Peer> {
        let client = self.client?;
        Some(Peer::new(SocketAddr::new(client, 0)).secure(https))
    }
}

/// With a port, as an ALB appends it where `routing.http.xff_client_port.enabled` is set, or without.
fn parse(address: Option<&str>) -> Option<IpAddr> {
    let address = address?;
    let with_port = || Some(address.parse::<SocketAddr>().ok()?.ip());
    address.parse().ok().or_else(with_port)
}

/// Whether the public path is the stage and then the other one.
fn is_stage_before(stage: &str, public: &str, path: &str) -> bool {
    let rest = public
        .strip_prefix('/')
        .and_then(|rest| rest.strip_prefix(stage));
    // `/prod` of `/`.
    rest.is_some_and(|rest| rest == path || rest.is_empty() && path == "/")
}

/// Whether a request came to an API's own address, and not to a custom domain.
fn is_own(domain: Option<&str>) -> bool {
    domain.is_some_and(|domain| domain.contains(".execute-api."))
}

/// Whether the path is the prefix or below it, and not only begins as it does.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        rest.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::Event;

    fn door(event: &Value, base: &str) -> Door {
        let event: Event = serde_json::from_str(&event.to_string()).unwrap();
        let is_http_api = event.rest.unwrap().is_http_api;
        Door::of(&event.request.into(), is_http_api, base)
    }

    fn rest(path: &str, public: &str) -> Value {
        json!({
            "resource": "/{proxy+}", "path": path, "httpMethod": "GET", "headers": {}, "multiValueHeaders": {},
            "requestContext": {
                "stage": "prod", "path": public, "httpMethod": "GET", "resourcePath": "/{proxy+}",
                "requestTimeEpoch": 0, "identity": {"sourceIp": "192.0.2.7"},
            },
        })
    }

    fn http(domain: &str, stage: &str, path: &str) -> Value {
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {},
            "requestContext": {
                "stage": stage, "domainName": domain, "timeEpoch": 0,
                "http": {"method": "GET", "path": path, "sourceIp": "192.0.2.7"},
            },
        })
    }

    /// Payload format 1.0 of an HTTP API.
    fn first(domain: &str, stage: &str, path: &str) -> Value {
        let mut event = rest(path, path);
        event["version"] = json!("1.0");
        event["requestContext"]["domainName"] = json!(domain);
        event["requestContext"]["stage"] = json!(stage);
        event
    }

    const OWN: &str = "abc.execute-api.eu-west-1.amazonaws.com";

    #[test]
    fn the_stage_is_taken_from_where_it_stands() {
        struct Case {
            name: &'static str,
            event: Value,
            public: &'static str,
            prefix: &'static str,
        }
        let case = |name, event, public, prefix| Case {
            name,
            event,
            public,
            prefix,
        };
        for Case {
            name,
            event,
            public,
            prefix,
        } in [
            case(
                "REST",
                rest("/items/7", "/prod/items/7"),
                "/prod/items/7",
                "/prod",
            ),
            case("REST, root", rest("/", "/prod"), "/prod", "/prod"),
            case(
                "REST, root with a slash",
                rest("/", "/prod/"),
                "/prod/",
                "/prod",
            ),
            case(
                "REST, path as the stage",
                rest("/prod/x", "/prod/prod/x"),
                "/prod/prod/x",
                "/prod",
            ),
            case(
                "REST, custom domain",
                rest("/shop/x", "/shop/x"),
                "/shop/x",
                "/base",
            ),
            case(
                "REST, custom domain, path as the stage",
                rest("/prod/x", "/prod/x"),
                "/prod/x",
                "/base",
            ),
            case(
                "REST, test from the console",
                rest("/x", "/x"),
                "/x",
                "/base",
            ),
            case(
                "HTTP",
                http(OWN, "prod", "/prod/items"),
                "/prod/items",
                "/prod",
            ),
            case("HTTP, root", http(OWN, "prod", "/prod"), "/prod", "/prod"),
            case(
                "HTTP, path as the stage",
                http(OWN, "prod", "/prod/prod/x"),
                "/prod/prod/x",
                "/prod",
            ),
            case(
                "HTTP, only begins as the stage",
                http(OWN, "prod", "/product"),
                "/product",
                "/base",
            ),
            case(
                "HTTP, $default",
                http(OWN, "$default", "/items"),
                "/items",
                "/base",
            ),
            case(
                "HTTP, custom domain",
                http("a.example", "prod", "/prod/x"),
                "/base/x",
                "/base",
            ),
            case(
                "HTTP, custom domain, root",
                http("a.example", "prod", "/prod"),
                "/base",
                "/base",
            ),
            case(
                "HTTP, custom domain, path as the stage",
                http("a.example", "prod", "/prod/prod/x"),
                "/base/prod/x",
                "/base",
            ),
            case(
                "HTTP, custom domain, only begins as the base path",
                http("a.example", "$default", "/basement"),
                "/base/basement",
                "/base",
            ),
            case(
                "HTTP, custom domain behind one that maps the base path itself",
                http("a.example", "$default", "/base/x"),
                "/base/x",
                "/base",
            ),
            case(
                "HTTP, format 1.0",
                first(OWN, "prod", "/prod/items"),
                "/prod/items",
                "/prod",
            ),
            case(
                "HTTP, format 1.0, only begins as the stage",
                first(OWN, "prod", "/product"),
                "/product",
                "/base",
            ),
            case(
                "HTTP, format 1.0, $default",
                first(OWN, "$default", "/items"),
                "/items",
                "/base",
            ),
            case(
                "HTTP, format 1.0, custom domain",
                first("a.example", "prod", "/shop/x"),
                "/shop/x",
                "/base",
            ),
            case(
                "function URL",
                http("abc.lambda-url.eu-west-1.on.aws", "$default", "/x"),
                "/x",
                "/base",
            ),
        ] {
            let door = door(&event, "base/");
            assert_eq!((&*door.path, &*door.prefix), (public, prefix), "{name}");
            assert_eq!(
                door.peer(true).unwrap().ip().to_string(),
                "192.0.2.7",
                "{name}"
            );
        }
    }

    #[test]
    fn an_http_api_decodes_paths() {
        let alb = json!({
            "requestContext": {"elb": {}}, "httpMethod": "GET", "path": "/x", "headers": {}, "isBase64Encoded": false,
        });
        for (name, event, is_decoded) in [
            ("HTTP", http(OWN, "prod", "/prod/x"), true),
            ("HTTP, custom domain", http("a.example", "prod", "/x"), true),
            ("HTTP, format 1.0", first(OWN, "$default", "/x"), true),
            ("REST", rest("/x", "/prod/x"), false),
            ("ALB", alb, false),
            (
                "function URL",
                http("abc.lambda-url.eu-west-1.on.aws", "$default", "/x"),
                false,
            ),
        ] {
            assert_eq!(door(&event, "").is_decoded, is_decoded, "{name}");
        }
    }

    #[test]
    fn an_alb_tells_scheme_and_client() {
        for (told, client) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
        ] {
            let event = json!({
                "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": "/x",
                "headers": {"x-forwarded-for": format!("203.0.113.9, {told}"), "x-forwarded-proto": "http"},
                "isBase64Encoded": false, "body": "",
            });
            let door = door(&event, "");
            assert_eq!(door.peer(false).unwrap().ip().to_string(), client);
            assert!(!door.is_https(Some(b"http")) && door.is_https(Some(b"https")));
            assert_eq!(door.prefix, "");
        }
    }
}
