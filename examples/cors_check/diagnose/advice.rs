//! Faults, and what may be one, of a call that works.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, VARY,
};
use http::{HeaderMap, HeaderName};
use same_origin::browser::{Exchange, Outcome};

use super::{Finding, Severity, answer};
use crate::args::Call;
use crate::software::{ALLOW_HEADERS, Software};

pub fn advice(call: &Call, outcome: &Outcome) -> Vec<Finding> {
    let mut findings = Vec::new();
    for exchange in outcome.trace().requests() {
        let Some(headers) = exchange.response_headers() else {
            continue;
        };
        let said = match exchange.is_preflight() {
            true => vec![max_age(headers), authorization(exchange, headers, outcome)],
            false => vec![
                vary(exchange, headers),
                expose(call, headers),
                wildcard(call, headers),
            ],
        };
        let said = said.into_iter().flatten();
        findings.extend(said.map(|advice| advice.finding(exchange)));
    }
    if outcome.error().is_none() && outcome.trace().requests().all(is_same_origin) {
        findings.push(same_origin(call));
    }
    findings.dedup();
    findings
}

struct Advice {
    severity: Severity,
    code: &'static str,
    header: HeaderName,
    what: String,
    remedy: String,
    clause: &'static str,
}

impl Advice {
    fn finding(self, exchange: &Exchange) -> Finding {
        let software = Software::of(exchange);
        let place = answer(exchange.is_preflight(), exchange);
        Finding {
            severity: self.severity,
            code: self.code,
            owner: software.word(),
            what: self.what,
            place: format!("{place}: {}", software.place()),
            remedy: self.remedy,
            header: Some(self.header.to_string()),
            clause: self.clause,
        }
    }
}

pub fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

pub fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let text = text(headers, name).unwrap_or_default();
    text.split(',')
        .any(|element| element.trim().eq_ignore_ascii_case(word))
}

/// Whether a cache may give this answer to another page: its permission is for one, and it does not say so.
pub fn lacks_vary(headers: &HeaderMap) -> bool {
    let for_one = text(headers, &ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|value| value != "*");
    let varies = lists(headers, &VARY, "origin") || lists(headers, &VARY, "*");
    for_one && !varies && !lists(headers, &CACHE_CONTROL, "no-store")
}

/// One page's answer cannot tell a list of one from a list of many.
fn vary(exchange: &Exchange, headers: &HeaderMap) -> Option<Advice> {
    let cacheable = exchange.method() == "GET" || exchange.method() == "HEAD";
    (cacheable && lacks_vary(headers)).then(|| Advice {
        severity: Severity::Note,
        code: "maybe-missing-vary",
        header: VARY,
        what: "Access-Control-Allow-Origin names one origin, and Vary does not name Origin".into(),
        remedy: "if the answer to another page differs, `Vary: Origin` on every answer; check with two --page".into(),
        clause: "Fetch #cors-protocol-and-http-caches",
    })
}

/// Fetch #cors-preflight-fetch step 7.8.
fn max_age(headers: &HeaderMap) -> Option<Advice> {
    let value = text(headers, &ACCESS_CONTROL_MAX_AGE)?;
    let seconds = value.parse::<i128>();
    let (severity, code, what, remedy) = match seconds {
        Err(_) => (
            Severity::Warning,
            "max-age-not-seconds",
            format!(
                "Access-Control-Max-Age is `{value}`, which is not a number of seconds: it counts as 5"
            ),
            "write seconds without a unit: access-control-max-age: 600",
        ),
        Ok(seconds) if seconds > 86_400 => (
            Severity::Note,
            "max-age-capped",
            format!("Access-Control-Max-Age is {seconds}: Chromium takes 7200, Firefox 86400"),
            "7200 is what all browsers keep to",
        ),
        Ok(_) => return None,
    };
    Some(Advice {
        severity,
        code,
        header: ACCESS_CONTROL_MAX_AGE,
        what,
        remedy: remedy.into(),
        clause: "Fetch #cors-preflight-fetch steps 7.8 to 7.10",
    })
}

/// A leniency of browsers: `*` for a header that the standard wants by name.
fn authorization(exchange: &Exchange, headers: &HeaderMap, outcome: &Outcome) -> Option<Advice> {
    let name = ACCESS_CONTROL_ALLOW_HEADERS;
    let asked = exchange.header("access-control-request-headers");
    let asks = asked.is_some_and(|names| names.split(',').any(|name| name == "authorization"));
    let covered = lists(headers, &name, "authorization") || !lists(headers, &name, "*");
    (asks && !covered && outcome.error().is_none()).then(|| Advice {
        severity: Severity::Warning,
        code: "authorization-not-covered-by-wildcard",
        header: name,
        what: "Authorization is allowed by `*` alone, which browsers let pass for now".into(),
        remedy: format!(
            "the standard's `*` does not cover Authorization: {}",
            Software::of(exchange).setting(ALLOW_HEADERS, "authorization")
        ),
        clause: "Fetch #cors-preflight-fetch steps 7.6 and 7.7",
    })
}

/// Fetch #main-fetch step 14.1.
fn expose(call: &Call, headers: &HeaderMap) -> Option<Advice> {
    let star = lists(headers, &ACCESS_CONTROL_EXPOSE_HEADERS, "*");
    (call.credentials && star).then(|| Advice {
        severity: Severity::Warning,
        code: "expose-wildcard-with-credentials",
        header: ACCESS_CONTROL_EXPOSE_HEADERS,
        what: "Access-Control-Expose-Headers is `*`, which with credentials exposes nothing".into(),
        remedy: "list the names that script reads".into(),
        clause: "Fetch #main-fetch step 14.1",
    })
}

/// Without credentials it works, with them it would not.
fn wildcard(call: &Call, headers: &HeaderMap) -> Option<Advice> {
    let star = text(headers, &ACCESS_CONTROL_ALLOW_ORIGIN).as_deref() == Some("*");
    let credentials = headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS);
    (star && credentials && !call.credentials).then(|| Advice {
        severity: Severity::Note,
        code: "credentials-beside-wildcard",
        header: ACCESS_CONTROL_ALLOW_CREDENTIALS,
        what: "Access-Control-Allow-Credentials stands beside `*`, where it means nothing".into(),
        remedy: "leave it out, or answer with the origin that asked".into(),
        clause: "Fetch #cors-check step 3",
    })
}

fn is_same_origin(exchange: &Exchange) -> bool {
    let site = exchange.header("sec-fetch-site");
    site.is_some_and(|site| site == "same-origin")
}

fn same_origin(call: &Call) -> Finding {
    Finding {
        severity: Severity::Note,
        code: "same-origin",
        owner: "call",
        what: format!(
            "the URL is of the page's own origin, {}: CORS has no say",
            call.page
        ),
        place: "the call".into(),
        remedy: "give the page that asks from elsewhere, if there is one".into(),
        header: None,
        clause: "Fetch #main-fetch step 12",
    }
}
