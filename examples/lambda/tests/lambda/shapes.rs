//! The front doors' forms of a request, and of the function's answer, as AWS documents them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// A request as its client makes it. Values are text, each character of which stands for a byte.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A REST API, called at the address of a stage.
    Rest,
    /// An HTTP API, called at the address of a stage.
    Http,
    /// With multi-value headers in the target group.
    Alb,
    FunctionUrl,
}

pub const SHAPES: [Shape; 4] = [Shape::Rest, Shape::Http, Shape::Alb, Shape::FunctionUrl];
pub const STAGE: &str = "prod";

impl Shape {
    pub fn host(self) -> &'static str {
        match self {
            Self::Rest | Self::Http => "abc.execute-api.eu-west-1.amazonaws.com",
            Self::Alb => "lb.example",
            Self::FunctionUrl => "abc.lambda-url.eu-west-1.on.aws",
        }
    }

    /// The event of a request. Its `host` is the door's if the request has none.
    pub fn event(self, asked: &Asked) -> Value {
        let mut fields = asked.fields.clone();
        if !fields
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            fields.push(("host".to_owned(), self.host().to_owned()));
        }
        fields.push(("x-forwarded-for".to_owned(), "192.0.2.7".to_owned()));
        fields.push(("x-forwarded-proto".to_owned(), "https".to_owned()));
        match self {
            Self::Rest => self.rest(asked, &fields),
            Self::Http => self.http(asked, &fields, STAGE, &format!("/{STAGE}")),
            Self::FunctionUrl => self.http(asked, &fields, "$default", ""),
            Self::Alb => json!({
                "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:0:targetgroup/f/0"}},
                "httpMethod": asked.method, "path": asked.path,
                "multiValueQueryStringParameters": parameters(&asked.query),
                "multiValueHeaders": all_lines(&fields, str::to_ascii_lowercase),
                "body": asked.body, "isBase64Encoded": false,
            }),
        }
    }

    fn rest(self, asked: &Asked, fields: &[(String, String)]) -> Value {
        let last: Map<String, Value> = fields.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
        json!({
            "resource": "/{proxy+}", "path": asked.path, "httpMethod": asked.method,
            "headers": last, "multiValueHeaders": all_lines(fields, str::to_owned),
            "queryStringParameters": last_of(&decoded_parameters(&asked.query)),
            "multiValueQueryStringParameters": decoded_parameters(&asked.query),
            "pathParameters": {"proxy": asked.path.trim_start_matches('/')}, "stageVariables": null,
            "requestContext": {
                "accountId": "0", "apiId": "abc", "domainName": self.host(), "domainPrefix": "abc",
                "httpMethod": asked.method, "path": format!("/{STAGE}{}", asked.path), "protocol": "HTTP/1.1",
                "requestId": "r", "requestTimeEpoch": 0, "resourceId": "x", "resourcePath": "/{proxy+}",
                "stage": STAGE, "identity": {"sourceIp": "192.0.2.7", "userAgent": "test"},
            },
            "body": asked.body, "isBase64Encoded": false,
        })
    }

    fn http(self, asked: &Asked, fields: &[(String, String)], stage: &str, before: &str) -> Value {
        let mut headers = Map::new();
        let mut cookies = Vec::new();
        for (name, value) in fields {
            let name = name.to_ascii_lowercase();
            if name == "cookie" {
                cookies.extend(value.split("; ").map(str::to_owned));
                continue;
            }
            let joined = match headers.get(&name).and_then(Value::as_str) {
                Some(before) => format!("{before},{value}"),
                None => value.clone(),
            };
            headers.insert(name, joined.into());
        }
        // An HTTP API decodes paths, and a function URL does not.
        let path = match self {
            Self::Http => percent_decode_str(&asked.path).decode_utf8_lossy(),
            _ => asked.path.as_str().into(),
        };
        let path = format!("{before}{path}");
        let mut event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": asked.query,
            "headers": headers,
            "requestContext": {
                "accountId": "0", "apiId": "abc", "domainName": self.host(), "domainPrefix": "abc",
                "http": {"method": asked.method, "path": path, "protocol": "HTTP/1.1",
                         "sourceIp": "192.0.2.7", "userAgent": "test"},
                "requestId": "r", "routeKey": "$default", "stage": stage,
                "time": "01/Jan/1970:00:00:00 +0000", "timeEpoch": 0,
            },
            "body": asked.body, "isBase64Encoded": false,
        });
        if !cookies.is_empty() {
            event["cookies"] = cookies.into();
        }
        event
    }

    /// The response that the door makes of an answer.
    pub fn response(self, answer: &Value) -> Response<Vec<u8>> {
        let mut headers = HeaderMap::new();
        let mut put = |name: &str, value: &Value| {
            let value = HeaderValue::from_bytes(value.as_str().unwrap().as_bytes()).unwrap();
            headers.append(HeaderName::try_from(name).unwrap(), value);
        };
        let fields = |key: &str| answer[key].as_object().cloned().unwrap_or_default();
        match self {
            Self::Rest | Self::Alb => {
                // A REST API takes both and what is in both twice. An ALB has one of them set up.
                if self == Self::Rest {
                    fields("headers")
                        .iter()
                        .for_each(|(name, value)| put(name, value));
                }
                for (name, values) in fields("multiValueHeaders") {
                    values
                        .as_array()
                        .unwrap()
                        .iter()
                        .for_each(|value| put(&name, value));
                }
            }
            Self::Http | Self::FunctionUrl => {
                fields("headers")
                    .iter()
                    .for_each(|(name, value)| put(name, value));
                let cookies = answer["cookies"].as_array();
                cookies
                    .into_iter()
                    .flatten()
                    .for_each(|cookie| put("set-cookie", cookie));
            }
        }
        let text = answer["body"].as_str().unwrap_or_default();
        let body = match answer["isBase64Encoded"].as_bool() {
            Some(true) => STANDARD.decode(text).unwrap(),
            _ => text.as_bytes().to_vec(),
        };
        let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
        let mut response = Response::new(body);
        *response.status_mut() = status.try_into().unwrap();
        *response.headers_mut() = headers;
        response
    }
}

fn all_lines(fields: &[(String, String)], name_of: impl Fn(&str) -> String) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in fields {
        let lines = all.entry(name_of(name)).or_insert(json!([]));
        lines.as_array_mut().unwrap().push(json!(value));
    }
    all
}

fn parameters(query: &str) -> Map<String, Value> {
    let mut all = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let values = all.entry(name.to_owned()).or_insert(json!([]));
        values.as_array_mut().unwrap().push(json!(value));
    }
    all
}

/// As a REST API hands them over.
fn decoded_parameters(query: &str) -> Map<String, Value> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = parameters(query).into_iter().map(|(name, values)| {
        let values = values.as_array().unwrap().iter();
        let values = values.map(|value| decoded(value.as_str().unwrap()));
        (decoded(&name), values.collect())
    });
    pairs.collect()
}

fn last_of(all: &Map<String, Value>) -> Map<String, Value> {
    let last = |values: &Value| values.as_array().unwrap().last().unwrap().clone();
    all.iter()
        .map(|(name, values)| (name.clone(), last(values)))
        .collect()
}
