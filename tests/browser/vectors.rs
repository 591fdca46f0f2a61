//! The CORS vectors: what a browser must make of a layer's answers, asked of the simulated browser.
//!
//! Each request of a vector goes through the layer as it is; the answer is then what a server of the
//! browser's web says, to the page that the vector speaks of.

use std::convert::Infallible;
use std::time::Duration;

use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use same_origin::browser::{self, Credentials, Page, Redirect, Web};
use same_origin::cors::{CorsBuilder, CorsLayer};
use serde_json::{Value, json};
use tower::{ServiceExt, service_fn};

const API: &str = "https://api.test";

/// The number of expectations that were tried, and those that failed.
#[derive(Default)]
struct Tally {
    checks: usize,
    preflights: usize,
    exposed: usize,
    max_ages: usize,
    failures: Vec<String>,
}

#[tokio::test]
async fn a_browser_decides_as_the_vectors_say() {
    let mut tally = Tally::default();
    for group in groups() {
        let settings: Option<CorsBuilder> = serde_json::from_value(group["policy"].clone()).ok();
        let Some(policy) = settings.and_then(|settings| settings.build().ok()) else {
            continue; // that it may be refused is for the vectors' own test
        };
        let layer = CorsLayer::from(policy);
        for case in group["cases"].as_array().expect("cases") {
            if let Some(answer) = answer(&layer, case).await {
                tally.try_case(case, &answer).await;
            }
        }
    }
    let Tally {
        checks,
        preflights,
        exposed,
        max_ages,
        failures,
    } = tally;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // All that the files hold, except for methods, headers and origins that browsers do not send.
    let tried = (checks, preflights, exposed, max_ages);
    assert!(
        checks >= 366 && preflights >= 164 && exposed >= 59 && max_ages >= 10,
        "{tried:?}"
    );
}

fn groups() -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/cors/behaviour");
    let files = std::fs::read_dir(folder)
        .expect("the vectors")
        .map(|file| file.expect("a file").path());
    let read = |path| {
        serde_json::from_slice::<Vec<Value>>(&std::fs::read(path).expect("a file")).expect("a list")
    };
    files.flat_map(read).collect()
}

/// The layer's answer to a vector's one request; `None` where HTTP itself is in the way.
async fn answer(layer: &CorsLayer, case: &Value) -> Option<Response<String>> {
    let asked = case.get("request")?;
    let mut request = Request::new(String::new());
    *request.method_mut() = Method::from_bytes(asked["method"].as_str()?.as_bytes()).ok()?;
    *request.headers_mut() = headers(&asked["headers"])?;
    let inner = headers(&case["inner_headers"]).unwrap_or_default();
    let status = case["inner_status"].as_u64().unwrap_or(200);
    let app = service_fn(move |_: Request<String>| {
        let mut response = Response::new("app".to_owned());
        *response.headers_mut() = inner.clone();
        *response.status_mut() = u16::try_from(status)
            .ok()
            .and_then(|code| code.try_into().ok())
            .expect("a status");
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let Ok(response) = tower::Layer::layer(layer, app).oneshot(request).await;
    Some(response)
}

fn headers(lines: &Value) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines.as_array()? {
        // Values that are built of repeats are about sizes, not about browsers.
        let bytes: Vec<u8> = line[1].as_str()?.chars().map(|byte| byte as u8).collect();
        let name = HeaderName::from_bytes(line[0].as_str()?.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(bytes.trim_ascii()).ok()?);
    }
    Some(headers)
}

/// A server that says this; to what is not asked here it says yes.
fn replay(answer: &Response<String>, to_preflights: bool) -> Web {
    let answer = answer.clone();
    let server = service_fn(move |request: Request<browser::Body>| {
        let origin = request
            .headers()
            .get(ORIGIN)
            .cloned()
            .unwrap_or(HeaderValue::from_static("*"));
        let is_preflight = request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let response = match is_preflight == to_preflights {
            true => answer.clone(),
            false => {
                let yes = Response::builder().header("access-control-allow-origin", origin);
                yes.header("access-control-allow-credentials", "true")
                    .body(String::new())
                    .expect("a response")
            }
        };
        std::future::ready(Ok::<_, Infallible>(response))
    });
    Web::new().origin(API, server)
}

/// The page of this origin, if there can be one.
fn page(web: &Web, origin: &str) -> Option<Page> {
    let page = web.page(origin);
    match origin {
        "null" => Some(web.page("https://app.test").sandboxed()),
        origin => (page.origin() == origin).then_some(page),
    }
}

fn mode(expected: &Value) -> Credentials {
    if expected["credentials"] == true {
        Credentials::Include
    } else {
        Credentials::Omit
    }
}

/// One expectation or several of a kind.
fn all(expected: &Value) -> Vec<Value> {
    match expected {
        Value::Null => Vec::new(),
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    }
}

impl Tally {
    async fn try_case(&mut self, case: &Value, answer: &Response<String>) {
        let expect = &case["expect"];
        for expected in all(&expect["cors_check"]) {
            let wanted = expected["result"] == "pass";
            if let Some(passed) = cors_check(&expected, answer).await {
                self.checks += 1;
                self.compare(case, &expected, passed == wanted);
            }
        }
        for expected in all(&expect["preflight"])
            .into_iter()
            .chain(asked_for_max_age(case))
        {
            let wanted = expected["result"] == "pass";
            let max_age = expect["max_age"].as_u64();
            if let Some((passed, remembered)) = preflight(&expected, max_age, answer).await {
                self.preflights += 1;
                self.max_ages += usize::from(max_age.is_some());
                self.compare(case, &expected, passed == wanted && remembered);
            }
        }
        let origin = headers(&case["request"]["headers"])
            .and_then(|headers| Some(headers.get(ORIGIN)?.to_str().ok()?.to_owned()));
        for (key, wanted) in [("exposed", true), ("not_exposed", false)] {
            for (expected, origin) in all(&expect[key]).iter().zip(&origin) {
                for name in expected["names"].as_array().expect("names") {
                    let name = name.as_str().expect("a name");
                    if let Some(seen) = exposed(expected, origin, name, answer).await {
                        self.exposed += 1;
                        self.compare(case, expected, seen == wanted);
                    }
                }
            }
        }
    }

    fn compare(&mut self, case: &Value, expected: &Value, as_wanted: bool) {
        if !as_wanted {
            self.failures
                .push(format!("{}: {expected} ({})", case["id"], case["why"]));
        }
    }
}

/// Vectors about Max-Age leave it to their request to say which preflight it is that passes.
fn asked_for_max_age(case: &Value) -> Option<Value> {
    let headers = headers(&case["request"]["headers"])?;
    let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let wanted = case["expect"]["max_age"].is_u64() && case["expect"]["preflight"].is_null();
    let names = text(ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    let names: Vec<_> = names.split(',').filter(|name| !name.is_empty()).collect();
    let method = text(ACCESS_CONTROL_REQUEST_METHOD)?;
    let origin = text(ORIGIN)?;
    wanted
        .then(|| json!({ "origin": origin, "method": method, "headers": names, "result": "pass" }))
}

async fn cors_check(expected: &Value, answer: &Response<String>) -> Option<bool> {
    let web = replay(answer, false);
    let page = page(&web, expected["origin"].as_str()?)?;
    let fetch = page
        .fetch(format!("{API}/x"))
        .credentials(mode(expected))
        .redirect(Redirect::Manual);
    Some(fetch.send().await.error().is_none())
}

/// Whether the request goes through, and whether it is remembered for as long as it must be.
async fn preflight(
    expected: &Value,
    max_age: Option<u64>,
    answer: &Response<String>,
) -> Option<(bool, bool)> {
    let web = replay(answer, true);
    let page = page(&web, expected["origin"].as_str()?)?;
    let method = expected["method"].as_str()?;
    let names: Vec<_> = expected["headers"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let fetch = || {
        let request = browser::Request::new(method, format!("{API}/x"));
        // A value with a brace is never safe, whatever the header.
        let request = names
            .iter()
            .fold(request, |request, name| request.header(*name, "{}"));
        let fetch = page.fetch(request).credentials(mode(expected));
        // A request without a preflight of its own gets one by a listener.
        let simple = names.is_empty() && matches!(method, "GET" | "HEAD" | "POST");
        if simple {
            fetch.upload_listener().send()
        } else {
            fetch.send()
        }
    };
    let outcome = fetch().await;
    let asked = outcome
        .trace()
        .requests()
        .find(|exchange| exchange.is_preflight())?;
    let listed = asked.header("access-control-request-headers");
    let as_told = asked.header("access-control-request-method").as_deref() == Some(method)
        && listed.map_or(0, |list| list.split(',').count()) == names.len();
    if !as_told {
        return None; // a method or a header that is not script's to send like this
    }
    let passed = outcome.error().is_none();
    let Some(seconds) = max_age.filter(|_| passed) else {
        return Some((passed, true));
    };
    web.advance(Duration::from_secs(seconds.saturating_sub(1)));
    let kept = seconds == 0 || fetch().await.trace().preflights() == 0;
    web.advance(Duration::from_secs(2));
    Some((passed, kept && fetch().await.trace().preflights() == 1))
}

/// Whether script sees this header, which the answer is made to have.
async fn exposed(
    expected: &Value,
    origin: &str,
    name: &str,
    answer: &Response<String>,
) -> Option<bool> {
    let mut answer = answer.clone();
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    answer
        .headers_mut()
        .entry(&name)
        .or_insert(HeaderValue::from_static("1"));
    let web = replay(&answer, false);
    let outcome = page(&web, origin)?
        .fetch(format!("{API}/x"))
        .credentials(mode(expected))
        .send()
        .await;
    Some(
        outcome
            .response()
            .is_ok_and(|response| response.headers().contains_key(&name)),
    )
}
