//! Events before `lambda_http` reads them: nothing in them is lost, or makes it panic.

use http::HeaderMap;
use http::header::{HOST, HeaderName};
use lambda_http::LambdaEvent;
// Hidden from its documentation, and the only place where an event is still whole.
use lambda_http::request::LambdaRequest;
use url::Url;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Mends what `lambda_http` 1.3 would make of an event.
///
/// REST APIs and ALBs say each header twice: all lines in `multiValueHeaders`, and the last of them in
/// `headers`. It puts the latter over the former, so that of two `Origin` lines one would be left, and the
/// request pass for one that a browser has sent.
///
/// Of `Host` and `X-Forwarded-Proto` it makes a URL and expects that it can. An ALB has its clients'
/// `Host`.
pub(crate) fn mend(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    match &mut event.payload {
        LambdaRequest::ApiGatewayV1(rest) => {
            one_of_each(&mut rest.headers, &mut rest.multi_value_headers);
        }
        LambdaRequest::ApiGatewayV2(http) => without_panic(&mut http.headers),
        LambdaRequest::Alb(alb) => one_of_each(&mut alb.headers, &mut alb.multi_value_headers),
        _ => {}
    }
    event
}

fn one_of_each(last: &mut HeaderMap, all: &mut HeaderMap) {
    for name in all.keys() {
        last.remove(name);
    }
    without_panic(last);
    without_panic(all);
}

/// Takes out what is not a part of a URL. AWS's own name for the API stands in for it, if there is one.
fn without_panic(headers: &mut HeaderMap) {
    let is_host = |host: &str| {
        Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.path() == "/" && url.has_host())
    };
    let keeps = |headers: &HeaderMap, name: &HeaderName, accepts: &dyn Fn(&str) -> bool| {
        headers
            .get(name)
            .is_none_or(|value| value.to_str().is_ok_and(accepts))
    };
    if !keeps(headers, &HOST, &is_host) {
        headers.remove(HOST);
    }
    if !keeps(headers, &X_FORWARDED_PROTO, &|proto| {
        ["http", "https"].contains(&proto)
    }) {
        headers.remove(X_FORWARDED_PROTO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::{Context, Request};
    use serde_json::{Value, json};

    fn request(event: &Value) -> Request {
        let payload = serde_json::from_value(event.clone()).unwrap();
        mend(LambdaEvent::new(payload, Context::default()))
            .payload
            .into()
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
                let good = request(&alb(&fields, &json!({})));
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
}
