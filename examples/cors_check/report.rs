//! The results, for people and for programs.

use same_origin::browser::{Exchange, Outcome};
use serde_json::{Value, json};

use crate::args::Call;
use crate::diagnose::{Finding, Severity, readable};

/// The headers of requests and answers by which CORS is decided.
const TOLD: &[&str] = &["origin", "vary", "location"];

pub fn print(call: &Call, outcome: &Outcome, findings: &[Finding]) {
    let credentials = match call.credentials {
        true => ", with credentials",
        false => "",
    };
    println!(
        "{} {} from {}{credentials}",
        call.method, call.url, call.page
    );
    let decided = outcome.trace().checks().filter(|check| {
        let what = check.what();
        what.ends_with("preflight is needed") || what.ends_with("no preflight")
    });
    for check in decided {
        println!("  {}", check.what());
    }
    for exchange in outcome.trace().requests() {
        print_exchange(exchange);
    }
    let verdict = match (readable(findings), call.readable) {
        (None, _) => "  NOT SENT: what can be known without it is fine",
        (Some(false), _) => "  NOT AS IT SHOULD BE",
        (Some(true), true) => "  readable",
        (Some(true), false) => "  not readable, as it should be",
    };
    println!("{verdict}");
    for finding in findings {
        print_finding(finding);
    }
}

fn print_exchange(exchange: &Exchange) {
    let kind = match exchange.is_preflight() {
        true => " (preflight)",
        false => "",
    };
    println!("  > {} {}{kind}", exchange.method(), exchange.url());
    print_headers(exchange.headers());
    match exchange.status() {
        Some(status) => println!("  < {status}"),
        None => println!("  < no answer"),
    }
    if let Some(headers) = exchange.response_headers() {
        print_headers(headers);
    }
}

fn print_headers(headers: &http::HeaderMap) {
    let told = |name: &str| TOLD.contains(&name) || name.starts_with("access-control-");
    for (name, value) in headers.iter().filter(|(name, _)| told(name.as_str())) {
        println!("      {name}: {}", shown(value));
    }
}

/// Without what a terminal would obey.
fn shown(value: &http::HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.chars().filter(|char| !char.is_control()).collect()
}

pub fn print_finding(finding: &Finding) {
    let word = finding.severity.word();
    println!("  {word} [{}]: {}", finding.code, finding.what);
    println!("    where:  {}", finding.place);
    println!("    mend:   {}", finding.remedy);
    println!("    clause: {}", finding.clause);
}

pub fn result(call: &Call, outcome: &Outcome, findings: &[Finding]) -> Value {
    let requests = outcome.trace().requests().map(|exchange| {
        json!({
            "method": exchange.method().as_str(), "url": exchange.url().as_str(),
            "preflight": exchange.is_preflight(),
            "status": exchange.status().map(|status| status.as_u16()),
            "origin": exchange.header("origin"),
        })
    });
    json!({
        "page": call.page, "method": call.method, "url": call.url, "credentials": call.credentials,
        "ok": !findings.iter().any(is_fault),
        "readable": match call.readable {
            true => readable(findings),
            false => Some(findings.iter().any(|finding| finding.code == "readable-by-others")),
        },
        "requests": requests.collect::<Vec<_>>(),
        "findings": findings.iter().map(of_finding).collect::<Vec<_>>(),
    })
}

fn of_finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.word(), "code": finding.code, "owner": finding.owner,
        "what": finding.what, "place": finding.place, "remedy": finding.remedy,
        "header": finding.header, "clause": finding.clause,
    })
}

/// Whether something is to be mended.
pub fn is_fault(finding: &Finding) -> bool {
    finding.severity != Severity::Note
}
