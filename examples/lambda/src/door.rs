//! The front door that an event came through: its public path, the part of it that is not the router's, and
//! what it knows of the client.

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};
use same_origin::proxy::Peer;
use std::net::{IpAddr, SocketAddr};

/// The facts that a front door tells of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    /// The path as the client has it in its address bar.
    pub(crate) path: String,
    /// The door has decoded the path, so that a `%` in it is one.
    pub(crate) is_decoded: bool,
    /// The first segment of it, where that is the stage.
    stage: Option<String>,
    /// The API's own name, in AWS's word; an ALB and a test from the console have none.
    pub(crate) domain: Option<String>,
    client: Option<IpAddr>,
    /// `None`: an ALB, which has listeners for both schemes, and says which in `X-Forwarded-Proto`.
    https: Option<bool>,
}

impl Door {
    /// Reads them of a request with the context of its event.
    pub(crate) fn of(request: &Request, is_http_api: bool) -> Self {
        let raw = request.raw_http_path();
        let context = request.request_context_ref();
        let mut door = Self {
            path: raw.to_owned(),
            is_decoded: is_http_api,
            stage: None,
            domain: None,
            client: None,
            https: Some(true),
        };
        match context {
            Some(RequestContext::ApiGatewayV1(context)) => {
                let stage = context.stage.clone();
                // An event has two paths. They differ by the stage at the API's own address; at a custom
                // domain both have its base path, and neither a stage (aws-lambda-rust-runtime#782).
                let public = context.path.clone().unwrap_or_else(|| raw.to_owned());
                let domain = context.domain_name.as_deref();
                door.stage = stage.filter(|stage| {
                    // Both have the stage in payload format 1.0 of an HTTP API (lambda-api#136).
                    let is_in_both = is_http_api && raw == public;
                    is_stage_before(stage, &public, raw)
                        || is_in_both && is_own_stage(stage, domain, raw)
                });
                door.path = public;
                door.domain.clone_from(&context.domain_name);
                door.client = parse(context.identity.source_ip.as_deref());
            }
            Some(RequestContext::ApiGatewayV2(context)) => {
                // An event has one path, with the stage in it at the API's own address (#668, #919). At a
                // custom domain a path that begins as the stage is called is one of the application's.
                let domain = context.domain_name.as_deref();
                let stage = context.stage.clone();
                door.stage = stage.filter(|stage| is_own_stage(stage, domain, raw));
                door.domain.clone_from(&context.domain_name);
                door.client = parse(context.http.source_ip.as_deref());
            }
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

    /// The part of the public path that is not the router's: the stage, or what `base` says.
    pub(crate) fn prefix(&self, base: &str) -> String {
        match &self.stage {
            Some(stage) => format!("/{stage}"),
            None => match base.trim_matches('/') {
                "" => String::new(),
                base => format!("/{base}"),
            },
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

fn parse(address: Option<&str>) -> Option<IpAddr> {
    address?.parse().ok()
}

/// Whether the public path is the stage and then the other one.
fn is_stage_before(stage: &str, public: &str, path: &str) -> bool {
    let rest = public
        .strip_prefix('/')
        .and_then(|rest| rest.strip_prefix(stage));
    // `/prod` of `/`.
    rest.is_some_and(|rest| rest == path || rest.is_empty() && path == "/")
}

/// Whether the path of an HTTP API begins with its stage, as it does at the API's own address.
fn is_own_stage(stage: &str, domain: Option<&str>, path: &str) -> bool {
    let is_own = domain.is_some_and(|domain| domain.contains(".execute-api."));
    is_own && stage != "$default" && is_below(path, stage)
}

/// Whether the first segment of the path is the stage, and not only begins with it.
fn is_below(path: &str, stage: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        rest.strip_prefix(stage)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use serde_json::{Value, json};

    fn door(event: &Value) -> Door {
        let event: Event = serde_json::from_str(&event.to_string()).unwrap();
        let is_http_api = event.rest.unwrap().is_http_api;
        Door::of(&event.request.into(), is_http_api)
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
                "/prod/x",
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
            let door = door(&event);
            assert_eq!(
                (&*door.path, &*door.prefix("base/")),
                (public, prefix),
                "{name}"
            );
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
            assert_eq!(door(&event).is_decoded, is_decoded, "{name}");
        }
    }

    #[test]
    fn an_alb_tells_scheme_and_client() {
        let event = json!({
            "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": "/x",
            "headers": {"x-forwarded-for": "203.0.113.9, 192.0.2.7", "x-forwarded-proto": "http"},
            "isBase64Encoded": false, "body": "",
        });
        let door = door(&event);
        assert_eq!(door.peer(false).unwrap().ip().to_string(), "192.0.2.7");
        assert!(!door.is_https(Some(b"http")) && door.is_https(Some(b"https")));
        assert_eq!(door.prefix(""), "");
    }
}
