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
        let event = read(raw.get()).or_else(|error| bad(raw.get()).ok_or(error));
        event.map_err(D::Error::custom)
    }
}

fn read(raw: &str) -> Result<Event, serde_json::Error> {
    let request = serde_json::from_str(raw)?;
    let parameters = serde_json::from_str(raw)?;
    let format: Format = serde_json::from_str(raw)?;
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

/// Reads an event with an invalid method, field name or value (RFC 9110 5.1, 5.5, 9.1) as a bad request.
///
/// An ALB hands on names that are not tokens, unless `routing.http.drop_invalid_header_fields.enabled` is set. A server
/// answers 400; an event that cannot be read would be an error of the function, which anybody could cause.
fn bad(raw: &str) -> Option<Event> {
    let mut event: Value = serde_json::from_str(raw).ok()?;
    for fields in [
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
    ] {
        event.as_object_mut()?.remove(fields);
    }
    // The answer has the form of the door, which the rest of the event tells.
    for method in [
        "/httpMethod",
        "/requestContext/httpMethod",
        "/requestContext/http/method",
    ] {
        if let Some(method) = event.pointer_mut(method) {
            *method = "GET".into();
        }
    }
    let request = serde_json::from_str(&event.to_string()).ok()?;
    let Event { request, .. } = mend(request, &Parameters::default(), false);
    let rest = None;
    Some(Event { request, rest })
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
mod tests;
