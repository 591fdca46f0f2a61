//! Events before `lambda_http` reads them: nothing in them is lost, or makes it panic.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HOST, HeaderName};
use http::{HeaderMap, Uri};
// Hidden from its documentation, and the only place where an event is still whole.
use lambda_http::request::LambdaRequest;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use crate::query::{self, Parameters};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The longest path and query together. API Gateway and ALBs bound the whole request line at 10 and 16 KB; escaped,
/// it has to fit into the 64 KB of a URI.
const LONGEST: usize = 20_000;

/// An event that `lambda_http` 1.3 can make a request of, and what would be lost on that way.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) request: LambdaRequest,
    /// `None`: a bad request.
    pub(crate) rest: Option<Rest>,
}

/// The parts of a request that are not `lambda_http`'s.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    pub(crate) query: Option<String>,
    pub(crate) body: Vec<u8>,
    /// Of an HTTP API, whose path is decoded. A function URL has events of the same form, and no decoded paths.
    pub(crate) is_http_api: bool,
}

/// The part of an event that `lambda_http` does not read.
#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    version: Value,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let request = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let parameters = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let format: Format = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let is_http_api = match &request {
            // The events of a REST API tell no version.
            LambdaRequest::ApiGatewayV1(_) => format.version == "1.0",
            LambdaRequest::ApiGatewayV2(http) => {
                let domain = http.request_context.domain_name.as_deref();
                !domain.is_some_and(|domain| domain.contains(".lambda-url."))
            }
            _ => false,
        };
        Ok(mend(request, &parameters, is_http_api))
    }
}

/// Mends what `lambda_http` 1.3 would make of an event.
///
/// REST APIs and ALBs say each header twice: all lines in `multiValueHeaders`, and the last of them in
/// `headers`. It puts the latter over the former, so that of two `Origin` lines one would be left, and the
/// request pass for one that a browser has sent.
///
/// Of `Host`, `X-Forwarded-Proto`, a path and a query it makes a URL and expects that it can, and that each name of a
/// query has a value, and that a body is base64 if the event says so. An ALB has its clients' `Host`, and a door its
/// clients' query.
fn mend(mut request: LambdaRequest, parameters: &Parameters, is_http_api: bool) -> Event {
    let (path, query, body, has_host) = match &mut request {
        LambdaRequest::ApiGatewayV1(rest) => {
            let is_named = rest.request_context.domain_name.is_some();
            let is_good = one_of_each(&mut rest.headers, &mut rest.multi_value_headers);
            let body = decoded(rest.body.take(), rest.is_base64_encoded);
            let query = parameters.of_decoded();
            (&mut rest.path, query, body, is_good || is_named)
        }
        LambdaRequest::ApiGatewayV2(http) => {
            let is_named = http.request_context.domain_name.is_some();
            let is_good = without_panic(&mut http.headers);
            let query = http.raw_query_string.as_deref().map(query::of_raw);
            let query = query.filter(|query| !query.is_empty());
            http.raw_query_string.clone_from(&query);
            let body = decoded(http.body.take(), http.is_base64_encoded);
            (&mut http.raw_path, query, body, is_good || is_named)
        }
        LambdaRequest::Alb(alb) => {
            let is_good = one_of_each(&mut alb.headers, &mut alb.multi_value_headers);
            let body = decoded(alb.body.take(), alb.is_base64_encoded);
            (&mut alb.path, parameters.of_encoded(), body, is_good)
        }
        _ => {
            return Event {
                request,
                rest: None,
            };
        }
    };
    let path = path.get_or_insert_default();
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    let length = path.len() + query.as_ref().map_or(0, String::len);
    let is_good = length <= LONGEST && parameters.have_values();
    let rest = match body {
        Some(body) if is_good && has_host => Some(Rest {
            query,
            body,
            is_http_api,
        }),
        _ => None,
    };
    if !is_good {
        path.truncate(1);
        without_query(&mut request);
    }
    Event { request, rest }
}

/// Takes out of a bad request what would still be made a URL.
fn without_query(request: &mut LambdaRequest) {
    match request {
        LambdaRequest::ApiGatewayV1(rest) => {
            rest.query_string_parameters = Default::default();
            rest.multi_value_query_string_parameters = Default::default();
        }
        LambdaRequest::ApiGatewayV2(http) => http.raw_query_string = None,
        LambdaRequest::Alb(alb) => {
            alb.query_string_parameters = Default::default();
            alb.multi_value_query_string_parameters = Default::default();
        }
        _ => {}
    }
}

fn decoded(body: Option<String>, is_base64: bool) -> Option<Vec<u8>> {
    let body = body.unwrap_or_default();
    match is_base64 {
        true => STANDARD.decode(body).ok(),
        false => Some(body.into_bytes()),
    }
}

/// Leaves each header in one of the two maps. `false`: there was a `Host` that is not one.
fn one_of_each(last: &mut HeaderMap, all: &mut HeaderMap) -> bool {
    for name in all.keys() {
        last.remove(name);
    }
    let (of_last, of_all) = (without_panic(last), without_panic(all));
    of_last && of_all
}

/// Takes out what is not a part of a URL. `false`: a `Host` was. AWS's own name for the API stands in for it; where
/// there is none, the request is not one without a `Host`, but a bad one.
fn without_panic(headers: &mut HeaderMap) -> bool {
    let is_host = |host: &str| {
        // The two parsers do not take the same bytes.
        Url::parse(&format!("https://{host}/")).is_ok_and(|url| {
            let is_alone = url.path() == "/" && url.has_host() && url.as_str().len() <= 512;
            is_alone && Uri::try_from(url.as_str()).is_ok()
        })
    };
    let keeps = |headers: &HeaderMap, name: &HeaderName, accepts: &dyn Fn(&str) -> bool| {
        headers
            .get(name)
            .is_none_or(|value| value.to_str().is_ok_and(accepts))
    };
    let is_good = keeps(headers, &HOST, &is_host);
    if !is_good {
        headers.remove(HOST);
    }
    if !keeps(headers, &X_FORWARDED_PROTO, &|proto| {
        ["http", "https"].contains(&proto)
    }) {
        headers.remove(X_FORWARDED_PROTO);
    }
    is_good
}

#[cfg(test)]
mod tests {
    use lambda_http::Request;
    use serde_json::json;

    use super::*;

    fn request(event: &Value) -> Request {
        let event: Event = serde_json::from_str(&event.to_string()).unwrap();
        event.request.into()
    }

    fn lines(request: &Request, name: &str) -> Vec<String> {
        let lines = request.headers().get_all(name).iter();
        lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect()
    }

    fn alb(single: &Value, multi: &Value) -> Value {
        json!({
            "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": "/x",
            "headers": single, "multiValueHeaders": multi, "isBase64Encoded": false, "body": "",
        })
    }

    #[test]
    fn all_lines_of_a_header_are_there_once() {
        let both = alb(
            &json!({"Origin": "https://b.example", "x-one": "1", "only": "here"}),
            &json!({"origin": ["https://a.example", "https://b.example"], "X-One": ["1"]}),
        );
        let request = request(&both);
        assert_eq!(
            lines(&request, "origin"),
            ["https://a.example", "https://b.example"]
        );
        assert_eq!(lines(&request, "x-one"), ["1"]);
        assert_eq!(lines(&request, "only"), ["here"]);
    }

    #[test]
    fn no_host_or_scheme_panics() {
        for host in [
            "",
            "a b",
            "[",
            "a:99999",
            "user@",
            "a/b",
            "<",
            "xn--",
            "%zz",
            "a.example:80",
        ] {
            for proto in ["https", "ht tp", "", "javascript"] {
                let fields = json!({"host": host, "x-forwarded-proto": proto});
                let single = alb(&fields, &json!({}));
                let event: Event = serde_json::from_str(&single.to_string()).unwrap();
                assert_eq!(event.rest.is_some(), host == "a.example:80", "{host:?}");
                let good = request(&single);
                assert_eq!(
                    good.headers().contains_key(HOST),
                    host == "a.example:80",
                    "{host:?}"
                );
                request(&alb(
                    &json!({}),
                    &json!({"host": [host], "x-forwarded-proto": [proto]}),
                ));
                request(&json!({
                    "version": "2.0", "rawPath": "/x", "rawQueryString": "", "headers": fields,
                    "requestContext": {"timeEpoch": 0, "http": {"method": "GET", "path": "/x"}},
                }));
            }
        }
    }

    /// The three events of one request.
    fn events(host: &str, path: &str, query: &str) -> [Value; 3] {
        let headers = json!({"host": host, "x-forwarded-proto": "https", "cookie": "a=\u{fc}"});
        let headers = match host {
            "" => json!({}),
            _ => headers,
        };
        let pairs = json!({"a": query});
        [
            json!({
                "httpMethod": "GET", "path": path, "headers": headers, "queryStringParameters": pairs,
                "requestContext": {
                    "stage": "prod", "path": path, "httpMethod": "GET", "requestTimeEpoch": 0, "identity": {},
                },
            }),
            json!({
                "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers,
                "cookies": ["a=1", format!("b={query}")],
                "requestContext": {"timeEpoch": 0, "http": {"method": "GET", "path": path}},
            }),
            json!({
                "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": path,
                "headers": headers, "queryStringParameters": pairs, "isBase64Encoded": false, "body": "",
            }),
        ]
    }

    #[test]
    fn no_byte_of_a_target_or_host_panics() {
        for byte in (0..=0x7f_u8).map(char::from).chain(['\u{fc}', '\u{ffff}']) {
            let text = format!("x{byte}y");
            for event in events("a.example", &format!("/{text}"), &text) {
                request(&event);
            }
            let short = byte.to_string();
            for event in events("a.example", &short, &short) {
                request(&event);
            }
            let is_field = byte.is_ascii_graphic();
            let hosts = [
                format!("a{byte}b"),
                short,
                format!("{byte}:80"),
                format!("a:{byte}"),
            ];
            for host in hosts.iter().filter(|_| is_field) {
                events(host, "/x", "")
                    .iter()
                    .for_each(|event| drop(request(event)));
            }
        }
        for (path, query) in [(":99999", ""), ("*", ""), ("@", "@"), ("//", "?"), ("", "")] {
            events("", path, query)
                .iter()
                .for_each(|event| drop(request(event)));
        }
    }

    #[test]
    fn what_cannot_be_a_request_is_a_bad_one() {
        let parsed = |event: &Value| -> Event { serde_json::from_str(&event.to_string()).unwrap() };
        let long = "\u{fc}".repeat(LONGEST);
        for (path, query) in [("/x", long.as_str()), (long.as_str(), "")] {
            for event in events("a.example", path, query) {
                let event = parsed(&event);
                assert!(event.rest.is_none());
                let _made: Request = event.request.into();
            }
        }
        for mut event in events("a.example", "/x", "a") {
            event["isBase64Encoded"] = json!(true);
            event["body"] = json!("%%%");
            let bad = parsed(&event);
            assert!(bad.rest.is_none());
            let _made: Request = bad.request.into();
            event["body"] = json!("AP8=");
            assert_eq!(parsed(&event).rest.unwrap().body, b"\0\xff");
        }
        for mut event in events("a.example", "/x", "a") {
            event["multiValueQueryStringParameters"] = json!({"a": []});
            let bad = parsed(&event);
            assert!(bad.rest.is_none());
            let _made: Request = bad.request.into();
        }
    }
}
